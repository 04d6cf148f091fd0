import fc from 'fast-check';
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { type DistillationKind, distillationLoss } from '../../src/distillation.js';
import { softGradient } from '../../src/reference/divergence.js';
import { errorRatio, flat, knownAnswer, type Nested } from '../curvature/known-answers.js';
import { awkwardSizes, firstDifference, misaligned, nameOf, natives, reference } from '../support/backends.js';

const kinds: readonly DistillationKind[] = ['forwardKl', 'reverseKl', 'jsd', 'mse'];

for (const backend of [reference, ...natives]) {
  t.test(`known answers G01 and G02: ${nameOf(backend)}`, async (t) => {
    for (const id of ['G01', 'G02']) {
      const { inputs, expected, tolerance } = knownAnswer(id);
      const base = { teacher: flat(inputs['teacher']), student: flat(inputs['student']), temperature: Number(inputs['T']), backend };
      const agrees = (actual: number | Float64Array, wanted: Nested | undefined): void => {
        const ratio = errorRatio(typeof actual === 'number' ? [actual] : actual, flat(wanted), tolerance);
        t.ok(ratio <= 1, `${id}: ${ratio} of the tolerance`);
      };
      const forward = distillationLoss({ ...base, kind: 'forwardKl', scaling: 'none' });
      const reverse = distillationLoss({ ...base, kind: 'reverseKl', scaling: 'none' });
      agrees(forward.loss, expected['forward']);
      agrees(reverse.loss, expected['reverse']);
      t.ok([...forward.gradient, ...reverse.gradient].every(Number.isFinite), 'the gradients stay finite');
      if (id === 'G02') continue;
      const scaled = distillationLoss({ ...base, kind: 'forwardKl' });
      agrees(scaled.loss, expected['forward_T2']);
      agrees(scaled.gradient, expected['grad_forward_T2']);
      agrees(distillationLoss({ ...base, kind: 'reverseKl' }).gradient, expected['grad_reverse_T2']);
      agrees(distillationLoss({ ...base, kind: 'jsd', scaling: 'none' }).loss, expected['jsd']);
      const hard = { alpha: Number(inputs['alpha']), labels: [Number(inputs['label'])] };
      agrees(distillationLoss({ ...base, ...hard, kind: 'forwardKl' }).loss, expected['combined']);
    }
  });
}

t.test('native equals the reference to the bit, any instruction set and number of threads', async (t) => {
  for (const outputs of awkwardSizes) {
    for (const batch of outputs === 97 ? [0, 1, 301] : [0, 1, 11]) {
      const stream = new RandomStream(51, outputs, batch);
      const input = {
        teacher: misaligned(stream, batch * outputs, 4),
        student: misaligned(stream, batch * outputs, 4),
        labels: Int32Array.from({ length: batch }, () => stream.integer(outputs)),
        batch,
        outputs,
        reduction: 'none',
      } as const;
      for (const kind of kinds) {
        for (const options of [{ temperature: 2 }, { temperature: 0.004, alpha: 1 }]) {
          const oracle = distillationLoss({ ...input, ...options, kind, backend: reference });
          for (const backend of natives) {
            const result = distillationLoss({ ...input, ...options, kind, backend });
            const place = `${kind}, T = ${options.temperature}, [${batch}, ${outputs}], ${nameOf(backend)}`;
            if (firstDifference(result.loss, oracle.loss) >= 0) t.fail(`loss: ${place}`);
            if (firstDifference(result.gradient, oracle.gradient) >= 0) t.fail(`gradient: ${place}`);
          }
        }
      }
    }
  }
  t.ok(natives.length >= 3, `${natives.length} native configurations compared`);
});

/** Losses straight from their definitions, in probabilities. */
function byDefinition(kind: DistillationKind, teacher: readonly number[], student: readonly number[], temperature: number): number {
  const softmax = (z: readonly number[]): number[] => {
    const largest = Math.max(...z);
    const e = z.map((x) => Math.exp((x - largest) / temperature));
    const sum = e.reduce((a, b) => a + b);
    return e.map((x) => x / sum);
  };
  const kl = (a: number[], b: number[]): number => a.reduce((sum, x, c) => sum + x * Math.log(x / b[c]), 0);
  const [p, q] = [softmax(teacher), softmax(student)];
  const m = p.map((x, c) => (x + q[c]) / 2);
  if (kind === 'mse') return teacher.reduce((sum, z, c) => sum + (z - student[c]) ** 2, 0) / teacher.length;
  if (kind === 'jsd') return temperature ** 2 * (kl(p, m) + kl(q, m)) * 0.5;
  return temperature ** 2 * (kind === 'forwardKl' ? kl(p, q) : kl(q, p));
}

const logits = fc.array(fc.double({ min: -6, max: 6, noNaN: true }), { minLength: 10, maxLength: 10 });
const temperatures = fc.constantFrom(0.5, 1, 2, 4);

t.test('the loss is its definition, and the gradient its central difference', async (t) => {
  for (const kind of kinds) {
    const property = fc.property(logits, logits, temperatures, (teacher, student, temperature) => {
      const value = (z: readonly number[]): number => byDefinition(kind, teacher, z, temperature);
      const { loss, gradient } = distillationLoss({ teacher, student, temperature, kind });
      if (Math.abs(loss - value(student)) > 1e-12 * (1 + Math.abs(loss))) return false;
      const h = 1e-5;
      return student.every((z, c) => {
        const shifted = (by: number): number => value(student.map((x, k) => (k === c ? z + by : x)));
        return Math.abs(gradient[c] - (shifted(h) - shifted(-h)) / (2 * h)) < 1e-8 * (1 + Math.abs(loss));
      });
    });
    t.doesNotThrow(() => fc.assert(property, { seed: 19, numRuns: 100 }), kind);
  }
});

t.test('the hard-label term: alpha weighs it, its gradient is softmax minus one-hot', async (t) => {
  const student = [0.3, -1.2, 2];
  const crossEntropy = Math.log(student.reduce((sum, z) => sum + Math.exp(z), 0)) - student[1];
  const { loss, gradient } = distillationLoss({ teacher: [1, 2, 3], student, temperature: 3, kind: 'jsd', labels: [1], alpha: 0 });
  t.ok(Math.abs(loss - crossEntropy) < 1e-15 * 8);
  t.ok(Math.abs(gradient[1] - (Math.exp(-crossEntropy) - 1)) < 1e-15);
  const half = distillationLoss({ teacher: [1, 2, 3], student, temperature: 3, kind: 'jsd', labels: [1] });
  const soft = distillationLoss({ teacher: [1, 2, 3], student, temperature: 3, kind: 'jsd' });
  t.equal(half.loss, 0.5 * soft.loss + 0.5 * loss);
});

t.test('nearly equal models: the loss keeps its digits (second-order closed form)', async (t) => {
  // With student = teacher + h e_0 and p_0 = 1/2, KL = h^2 p_0 (1 - p_0) / 2 + O(h^4): the textbook sum has no digit left at 1e-9.
  const h = 1e-9;
  for (const [kind, factor] of [
    ['forwardKl', 1 / 8],
    ['reverseKl', 1 / 8],
    ['jsd', 1 / 32],
  ] as const) {
    const { loss, gradient } = distillationLoss({ teacher: [0, 0], student: [h, 0], temperature: 1, kind });
    t.ok(Math.abs(loss / (factor * h * h) - 1) < 1e-8, `${kind}: ${loss}`);
    t.ok(Math.abs(gradient[0] / (2 * factor * h) - 1) < 1e-6, `${kind}: ${gradient[0]}`);
  }
});

t.test('extreme gaps: finite losses and gradients down to T = 1e-3, gap 20,000 / T', async (t) => {
  for (const kind of kinds) {
    for (const [teacher, student] of [
      [
        [0, 1],
        [20, 0],
      ],
      [
        [0, 20_000],
        [20_000, 0],
      ],
      [
        [-1e6, 0, 1e6],
        [1e6, 0, -1e6],
      ],
    ]) {
      const { loss, gradient } = distillationLoss({ teacher, student, temperature: 1e-3, kind, scaling: 'none' });
      t.ok(Number.isFinite(loss) && loss > 0 && gradient.every(Number.isFinite), `${kind} ${teacher}: ${loss}`);
    }
  }
  const { loss } = distillationLoss({ teacher: [0, 20_000], student: [20_000, 0], temperature: 1e-3, kind: 'jsd', scaling: 'none' });
  t.ok(Math.abs(loss - Math.LN2) < 1e-15, 'disjoint distributions are ln 2 apart');
});

t.test('as T grows, T^2 KL tends to half the mean square of the centred logits', async (t) => {
  const teacher = [1, -2, 0.5, 3];
  const student = [0.2, 1, -1, 2];
  const difference = student.map((z, c) => z - teacher[c]);
  const mean = difference.reduce((a, b) => a + b) / 4;
  const limit = difference.reduce((sum, d) => sum + (d - mean) ** 2, 0) / 8;
  for (const temperature of [1e3, 1e6, 1e9]) {
    const { loss } = distillationLoss({ teacher, student, temperature, kind: 'forwardKl' });
    t.ok(Math.abs(loss / limit - 1) < 10 / temperature + 1e-9, `T = ${temperature}: ${loss} against ${limit}`);
  }
});

t.test('reductions: mean is sum over batch, none keeps the samples, an empty batch is zero', async (t) => {
  const input = { teacher: [0, 1, 2, 0], student: [1, 1, 0, 0], temperature: 2, kind: 'forwardKl', batch: 2 } as const;
  const none = distillationLoss({ ...input, reduction: 'none' });
  const sum = distillationLoss({ ...input, reduction: 'sum' });
  const mean = distillationLoss(input);
  t.equal(sum.loss, none.loss[0] + none.loss[1]);
  t.equal(mean.loss, sum.loss / 2);
  t.strictSame(
    mean.gradient,
    sum.gradient.map((slope) => slope / 2),
  );
  t.strictSame(distillationLoss({ ...input, teacher: [], student: [], batch: 0 }), { loss: 0, gradient: new Float64Array(0) });
});

t.test('inputs are not changed, outputs are fresh', async (t) => {
  const teacher = new Float64Array([0, 1]);
  const student = new Float64Array([3, 1]);
  const { gradient } = distillationLoss({ teacher, student, temperature: 2, kind: 'jsd', labels: [0] });
  t.strictSame([...teacher, ...student], [0, 1, 3, 1]);
  t.not(gradient.buffer, student.buffer);
});

t.test('hostile input is refused with code, argument and index', async (t) => {
  const good = { teacher: [0, 1, 2, 3], student: [1, 0, 1, 0], temperature: 1, kind: 'forwardKl', batch: 2, outputs: 2 } as const;
  const refused: readonly (readonly [object, { code: string; argument: string; index?: number }])[] = [
    [{ teacher: [0, 1] }, { code: 'BTM_SHAPE', argument: 'teacher' }],
    [{ student: [0, 1, 2] }, { code: 'BTM_SHAPE', argument: 'student' }],
    [{ student: [0, 1, Number.NaN, 0] }, { code: 'BTM_NONFINITE', argument: 'student', index: 2 }],
    [{ teacher: [0, Number.POSITIVE_INFINITY, 0, 0] }, { code: 'BTM_NONFINITE', argument: 'teacher', index: 1 }],
    [{ teacher: 'text' }, { code: 'BTM_TYPE', argument: 'teacher' }],
    [{ teacher: [0, '1', 2, 3] }, { code: 'BTM_TYPE', argument: 'teacher', index: 1 }],
    [{ temperature: 0 }, { code: 'BTM_DOMAIN', argument: 'temperature' }],
    [{ temperature: -1 }, { code: 'BTM_DOMAIN', argument: 'temperature' }],
    [{ temperature: Number.NaN }, { code: 'BTM_NONFINITE', argument: 'temperature' }],
    [{ temperature: 1e200 }, { code: 'BTM_DOMAIN', argument: 'temperature' }],
    [{ temperature: undefined }, { code: 'BTM_TYPE', argument: 'temperature' }],
    [{ student: [0, 1e160, 0, 0] }, { code: 'BTM_DOMAIN', argument: 'student', index: 1 }],
    [{ kind: 'kl' }, { code: 'BTM_DOMAIN', argument: 'kind' }],
    [{ alpha: 0.5 }, { code: 'BTM_TYPE', argument: 'labels' }],
    [{ alpha: 1.5 }, { code: 'BTM_DOMAIN', argument: 'alpha' }],
    [{ labels: [0, 2] }, { code: 'BTM_LABEL', argument: 'labels', index: 1 }],
    [{ labels: [0] }, { code: 'BTM_SHAPE', argument: 'labels' }],
    [{ batch: -1 }, { code: 'BTM_DOMAIN', argument: 'batch' }],
    [{ batch: 1.5 }, { code: 'BTM_TYPE', argument: 'batch' }],
    [
      { batch: 3, outputs: undefined },
      { code: 'BTM_SHAPE', argument: 'teacher' },
    ],
    [{ outputs: 0 }, { code: 'BTM_DOMAIN', argument: 'outputs' }],
    [{ reduction: 'max' }, { code: 'BTM_DOMAIN', argument: 'reduction' }],
    [{ scaling: 'T' }, { code: 'BTM_DOMAIN', argument: 'scaling' }],
  ];
  for (const [change, expected] of refused) {
    t.throws(() => distillationLoss({ ...good, ...change } as never), expected, JSON.stringify(change));
  }
  t.throws(() => distillationLoss(undefined as never), { code: 'BTM_DOMAIN', argument: 'kind' });
  t.throws(() => createBackend({ kind: 'nothing' as never }), { code: 'BTM_DOMAIN' });
});

t.test('the gradient of a nearly certain class keeps its digits: it is minus the sum of the others', async (t) => {
  const small = 2 ** -80;
  t.same([...softGradient(Float64Array.of(1, small, 2 * small), Float64Array.of(1, 0, 0))], [-3 * small, small, 2 * small]);
  t.same([...softGradient(Float64Array.of(small, 1, small), Float64Array.of(0, 1, 0))], [small, -2 * small, small]);
  t.same([...softGradient(Float64Array.of(0.5, 0.25, 0.25), Float64Array.of(0.25, 0.25, 0.5))], [0.25, 0, -0.25], 'p - t elsewhere');
});
