// biome-ignore-all lint/correctness/noPrecisionLoss: right values keep all the digits they were computed with
// Distillation where short formulas lose their digits. Right values come from 400-digit arithmetic.
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { type DistillationKind, distillationLoss } from '../../src/distillation.js';
import { firstDifference, nameOf, natives, reference } from '../support/backends.js';

interface Right {
  readonly teacher: readonly number[];
  readonly student: readonly number[];
  readonly temperature: number;
  /** [loss, ...gradient], scaled by T^2; null where the right value is below the range of f64. */
  readonly forwardKl: readonly number[];
  readonly reverseKl: readonly number[];
  readonly jsd: readonly number[];
}

const RIGHT: readonly Right[] = [
  {
    teacher: [0, 1, -1e30],
    student: [0, 0, 0],
    temperature: 1,
    forwardKl: [0.51640917977989174, 0.064391911963338213, -0.39772524529667155, 0.33333333333333333],
    reverseKl: [3.3333333333333334e29, -1.1111111111111111e29, -1.1111111111111111e29, 2.2222222222222223e29],
    jsd: [0.15531971159918055, -0.0012291976662990285, -0.096136730340106142, 0.09736592800640517],
  },
  {
    teacher: [0, 1, -3.4028234663852886e38],
    student: [0, -1, 2],
    temperature: 1,
    forwardKl: [2.3187014892980726, -0.15474622198540064, -0.68904851249593883, 0.84379473448133947],
    reverseKl: [2.8712845233054458e38, -3.2788690862876569e37, -1.2062285271378209e37, 4.4850976134254779e37],
    jsd: [0.4948426543709117, -0.054236925663275861, -0.055702716473712473, 0.10993964213698833],
  },
  {
    teacher: [0, 1, -1e9],
    student: [0, 0, 0],
    temperature: 1,
    forwardKl: [0.51640917977989174, 0.064391911963338213, -0.39772524529667155, 0.33333333333333333],
    reverseKl: [333333333.2146494, -111111111, -111111111.33333333, 222222222.33333333],
    jsd: [0.15531971159918055, -0.0012291976662990285, -0.096136730340106142, 0.09736592800640517],
  },
  {
    teacher: [0, -23, -1200],
    student: [0, -40, -500],
    temperature: 1,
    forwardKl: [1.6419007451469015e-9, 1.0261879205813403e-10, -1.0261879205813403e-10],
    reverseKl: [1.02618719841377e-10, 7.2222022339957012e-17, -7.2222022339957012e-17],
    jsd: [3.5564927904644215e-11, 3.4638643870771519e-17, -3.4638643870771519e-17],
  },
  {
    teacher: [0, -800],
    student: [0, -200],
    temperature: 1,
    forwardKl: [1.3838965267367375e-87, -1.3838965267367375e-87, 1.3838965267367375e-87],
    reverseKl: [8.2895401951530578e-85, -8.3033791604204252e-85, 8.3033791604204252e-85],
    jsd: [4.796219878471353e-88, -4.796219878471353e-88, 4.796219878471353e-88],
  },
  {
    teacher: [1, 2, 3],
    student: [3, 1, 0],
    temperature: 1e9,
    forwardKl: [2.1111111111790123, 0.88888888903703704, -0.11111111124074074, -0.7777777777962963],
    reverseKl: [2.1111111115246914, 0.88888888951851852, -0.11111111192592593, -0.77777777759259259],
    jsd: [0.52777777783796296, 0.22222222231944444, -0.027777777895833333, -0.19444444442361111],
  },
  {
    teacher: [1, 2, 3],
    student: [3, 1, 0],
    temperature: 1e17,
    forwardKl: [2.1111111111111111, 0.88888888888888889, -0.11111111111111111, -0.77777777777777778],
    reverseKl: [2.1111111111111111, 0.8888888888888889, -0.11111111111111112, -0.77777777777777778],
    jsd: [0.52777777777777778, 0.22222222222222222, -0.027777777777777779, -0.19444444444444444],
  },
  {
    // masked by both, and otherwise nearly equal
    teacher: [0, 1, -2e30],
    student: [0, 1 + 2 ** -30, -1e30],
    temperature: 1,
    forwardKl: [8.5266834050563452e-20, -1.831091318271802e-10, 1.831091318271802e-10, 0],
    reverseKl: [8.5266834038331068e-20, -1.8310913178777693e-10, 1.8310913178777693e-10, 0],
    jsd: [2.1316708511111815e-20, -4.5777282951869641e-11, 4.5777282951869641e-11, 0],
  },
  {
    teacher: [0, -2],
    student: [-1e30, 0],
    temperature: 0.5,
    forwardKl: [4.9100689501895423e29, -0.49100689501895422, 0.49100689501895422],
    reverseKl: [1.0045374819794524, 0, 0],
    jsd: [0.16198450902002635, 0, 0],
  },
];

for (const backend of [reference, ...natives.filter((native) => native.describe().threads === 2)]) {
  t.test(`floors, large and small temperatures, nearly equal models: ${nameOf(backend)}`, async (t) => {
    for (const { teacher, student, temperature, ...right } of RIGHT) {
      for (const [kind, [loss, ...gradient]] of Object.entries(right) as [DistillationKind, readonly number[]][]) {
        const result = distillationLoss({ teacher, student, temperature, kind, backend });
        const close = (x: number, y: number) => Math.abs(x - y) <= 2e-14 * Math.abs(y) + 1e-15 * Math.min(1, Math.abs(gradient[0] ?? 0));
        const place = `${kind}, ${teacher} -> ${student}, T = ${temperature}`;
        t.ok(Math.abs(result.loss - loss) <= 2e-14 * loss, `${place}: ${result.loss}`);
        t.ok(
          gradient.every((g, c) => close(result.gradient[c], g)),
          `${place}: ${result.gradient}`,
        );
      }
    }
  });

  t.test(`an offset shared by all logits of a model changes nothing: ${nameOf(backend)}`, async (t) => {
    const teacher = [1, 2, 4];
    const student = [2, 2, 1];
    for (const kind of ['forwardKl', 'reverseKl', 'jsd'] as const) {
      const plain = distillationLoss({ teacher, student, temperature: 2, kind, backend });
      for (const offset of [2 ** 20, 2 ** 40, -(2 ** 50)]) {
        const moved = distillationLoss({ teacher: teacher.map((z) => z + offset), student, temperature: 2, kind, backend });
        t.ok(Math.abs(moved.loss / plain.loss - 1) < 1e-14, `${kind}, ${offset}: ${moved.loss} and ${plain.loss}`);
        t.ok(
          plain.gradient.every((g, c) => Math.abs(moved.gradient[c] - g) < 1e-14),
          `${kind}, ${offset}: ${moved.gradient}`,
        );
      }
    }
  });

  t.test(`a certain label: what the other classes have left: ${nameOf(backend)}`, async (t) => {
    const { loss, gradient } = distillationLoss({
      teacher: [0, 0],
      student: [55, 0],
      temperature: 1,
      kind: 'mse',
      alpha: 0,
      labels: [0],
      backend,
    });
    const rest = 1.2995814250075031e-24; // e^-55 / (1 + e^-55)
    t.ok(Math.abs(loss / rest - 1) < 1e-14, `${loss}`);
    t.ok(Math.abs(gradient[0] / -rest - 1) < 1e-14 && Math.abs(gradient[1] / rest - 1) < 1e-14, `${gradient}`);
  });
}

t.test('the smallest float is a floor for the divergences, and refused for the squared error', async (t) => {
  const call = { teacher: [0, 1, -Number.MAX_VALUE], student: [0, 0, 0], temperature: 0.5 } as const;
  const { loss, gradient } = distillationLoss({ ...call, kind: 'forwardKl' });
  const floored = distillationLoss({ ...call, teacher: [0, 1, -1e30], kind: 'forwardKl' });
  t.equal(loss, floored.loss);
  t.strictSame(gradient, floored.gradient);
  t.throws(() => distillationLoss({ ...call, kind: 'mse' }), { code: 'BTM_DOMAIN', argument: 'teacher', index: 2 });
});

t.test('the same bits on every backend, floors and all', async (t) => {
  const stream = new RandomStream(20261128, 1);
  for (const outputs of [1, 2, 5, 8, 11, 97]) {
    const batch = 40;
    const logits = () =>
      Float64Array.from({ length: batch * outputs }, () => {
        const draw = stream.uniform();
        return draw < 0.1 ? -1e30 : draw < 0.2 ? -Number.MAX_VALUE : (draw < 0.4 ? 500 : draw < 0.6 ? 1e-9 : 4) * stream.normal();
      });
    const call = {
      teacher: logits(),
      student: logits(),
      labels: Array.from({ length: batch }, () => stream.integer(outputs)),
      batch,
      outputs,
      reduction: 'none',
    } as const;
    for (const kind of ['forwardKl', 'reverseKl', 'jsd'] as const) {
      for (const temperature of [1e-3, 1, 1e12]) {
        const expected = distillationLoss({ ...call, kind, temperature, backend: reference });
        for (const backend of natives) {
          const actual = distillationLoss({ ...call, kind, temperature, backend });
          const place = `${kind}, ${outputs}, T = ${temperature}, ${nameOf(backend)}`;
          if (firstDifference(actual.loss, expected.loss) >= 0) t.fail(`loss: ${place}`);
          if (firstDifference(actual.gradient, expected.gradient) >= 0) t.fail(`gradient: ${place}`);
        }
      }
    }
  }
  t.pass(`${natives.length} native configurations compared`);
});
