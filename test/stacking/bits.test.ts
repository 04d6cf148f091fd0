// The native kernel gives the reference's bits: every loss, awkward sizes, misaligned views, held-out samples, 1, 2 and 7 threads.
import t from 'tap';
import type { Kernels } from '../../src/backend/index.js';
import { LOSSES } from '../../src/core/closed-lists.js';
import { RandomStream } from '../../src/core/random.js';
import { firstDifference, misaligned, nameOf, natives, reference } from '../support/backends.js';

interface Problem {
  readonly samples: number;
  readonly width: number;
  readonly problems: number;
  readonly outputs: number;
}

const SHAPES: readonly Problem[] = [
  { samples: 1, width: 1, problems: 1, outputs: 1 },
  { samples: 37, width: 7, problems: 3, outputs: 2 },
  { samples: 300, width: 11, problems: 2, outputs: 9 },
  { samples: 40, width: 130, problems: 5, outputs: 3 },
  { samples: 1100, width: 3, problems: 1, outputs: 5 },
];

function draw({ samples, width, problems, outputs }: Problem, seed: number) {
  const stream = new RandomStream(20261128, seed);
  return {
    features: misaligned(stream, samples * width),
    parameters: misaligned(stream, (width + 1) * problems * outputs, 0.7),
    labels: Int32Array.from({ length: samples }, () => stream.integer(outputs)),
    targets: Float64Array.from({ length: samples * outputs }, () => stream.uniform()),
    weights: Float64Array.from({ length: samples * problems }, () => (stream.uniform() < 0.2 ? 0 : stream.uniform())),
  };
}

function run(kernels: Kernels, shape: Problem, data: ReturnType<typeof draw>, loss: number): Float64Array[] {
  const { samples, width, problems, outputs } = shape;
  const losses = new Float64Array(problems * samples).fill(7);
  const gradient = new Float64Array((width + 1) * problems * outputs).fill(7);
  const { features, parameters, labels, targets, weights } = data;
  kernels.stackingGradient(losses, gradient, features, parameters, labels, targets, weights, loss, samples, width, problems, outputs);
  const alone = new Float64Array(problems * samples);
  const none = new Float64Array(0);
  kernels.stackingGradient(alone, none, features, parameters, labels, targets, weights, loss, samples, width, problems, outputs);
  return [losses, gradient, alone];
}

for (const backend of natives) {
  t.test(`${nameOf(backend)} equals the reference`, async (t) => {
    SHAPES.forEach((shape, seed) => {
      const data = draw(shape, seed);
      LOSSES.forEach((name, loss) => {
        const expected = run(reference.kernels, shape, data, loss);
        run(backend.kernels, shape, data, loss).forEach((found, index) => {
          const at = firstDifference(found, expected[index]);
          if (at !== -1) t.fail(`${name}, shape ${seed}, array ${index} differs at ${at}: ${found[at]} and ${expected[index][at]}`);
        });
        t.same(expected[0], expected[2], 'losses do not depend on whether the gradient is wanted');
      });
    });
  });
}

t.test('problems whose samples are held out block by block, and zeros after a product that underflowed', async (t) => {
  const shape = { samples: 2600, width: 3, problems: 3, outputs: 2 };
  const data = draw(shape, 11);
  const { weights } = data;
  weights.fill(0, 0, 1100); // of the first problem all of the first block, and a part of the second
  weights.fill(0, shape.samples + 1000, shape.samples + 2100);
  weights.fill(0, 2 * shape.samples + 2048);
  for (let k = 0; k < 3; k++) weights.fill(0, k * shape.samples + 1024, k * shape.samples + 2048); // a block of no weight
  const tiny = { samples: 1100, width: 1, problems: 1, outputs: 1 };
  const held = draw(tiny, 12);
  held.features.fill(1e-200);
  held.parameters.fill(0);
  held.targets.fill(1);
  held.weights.fill(0);
  held.weights[1023] = 1e-200; // the last of its block
  const inTurn = { samples: 2048, width: 2, problems: 2, outputs: 2 };
  const turns = draw(inTurn, 13);
  turns.weights.fill(0, 0, 1024);
  turns.weights.fill(0, 2048 + 1024);
  for (const backend of natives) {
    LOSSES.forEach((name, loss) => {
      const expected = run(reference.kernels, shape, data, loss);
      run(backend.kernels, shape, data, loss).forEach((found, index) => {
        t.equal(firstDifference(found, expected[index]), -1, `${nameOf(backend)}, ${name}, array ${index}`);
      });
    });
    run(backend.kernels, inTurn, turns, 0).forEach((found, index) => {
      t.equal(
        firstDifference(found, run(reference.kernels, inTurn, turns, 0)[index]),
        -1,
        `${nameOf(backend)}, one problem a block, array ${index}`,
      );
    });
    t.ok(Object.is(run(backend.kernels, tiny, held, LOSSES.indexOf('squaredError'))[1][0], 0), `${nameOf(backend)}: +0`);
  }
  t.ok(Object.is(run(reference.kernels, tiny, held, LOSSES.indexOf('squaredError'))[1][0], 0), 'reference: +0');
});

t.test('the gradient is the derivative of the losses', async (t) => {
  const shape = { samples: 23, width: 4, problems: 2, outputs: 3 };
  const data = draw(shape, 9);
  const total = (parameters: Float64Array, loss: number): number =>
    run(reference.kernels, shape, { ...data, parameters }, loss)[0].reduce((sum, value) => sum + value, 0);
  LOSSES.forEach((name, loss) => {
    const gradient = run(reference.kernels, shape, data, loss)[1];
    gradient.forEach((slope, k) => {
      const h = 1e-5;
      const moved = (by: number) =>
        total(
          data.parameters.map((p, j) => (j === k ? p + by : p)),
          loss,
        );
      const difference = (moved(h) - moved(-h)) / (2 * h);
      if (Math.abs(difference - slope) > 1e-7 * (1 + Math.abs(slope)))
        t.fail(`${name}: parameter ${k}: ${slope}, differences ${difference}`);
    });
  });
  t.pass('compared with central differences');
});

t.test('the addon refuses sizes that do not fit and labels out of range', async (t) => {
  const shape = { samples: 3, width: 2, problems: 1, outputs: 2 };
  const data = draw(shape, 3);
  const { kernels } = natives[0];
  t.throws(() => run(kernels, { ...shape, width: 3 }, data, 0), { code: 'BTM_SHAPE' });
  t.throws(() => run(kernels, shape, { ...data, weights: new Float64Array(2) }, 0), { code: 'BTM_SHAPE' });
  t.throws(() => run(kernels, shape, { ...data, labels: Int32Array.of(0, 1, 2) }, 0), { code: 'BTM_LABEL' });
  t.throws(() => run(kernels, shape, { ...data, labels: Int32Array.of(0, 1, -1) }, 0), { code: 'BTM_LABEL' });
  t.throws(() => run(kernels, shape, { ...data, targets: new Float64Array(5) }, 1), { code: 'BTM_SHAPE' });
});
