// biome-ignore-all lint/correctness/noPrecisionLoss: right values keep all the digits they were computed with
// Peers of unequal width, baselines, absent answers, weights of samples and classes, ignored and soft labels, groups: by brute force in
// plain code, by finite differences, and the same bits on every backend.
import t from 'tap';
import type { Backend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { type Estimator, groupRemoval, peerGram, removalScores } from '../../src/curvature.js';
import { type Activation, type Head, headForward, headGradient, type Loss } from '../../src/head.js';
import { natives, reference } from './backends.js';

const SEED = 20261129;
const PEERS = 4;
const WIDTHS = [3, 1, 5, 2] as const;
const INPUTS = 11;
const OUTPUTS = 3;
const BATCH = 9;

const random = (stream: RandomStream, length: number, scale = 1) => Array.from({ length }, () => scale * stream.normal());

function randomHead(stream: RandomStream, activations: readonly Activation[]): Head {
  const sizes = [INPUTS, ...activations.slice(1).map(() => 4), OUTPUTS];
  return {
    layers: activations.map((activation, l) => ({
      weights: random(stream, sizes[l] * sizes[l + 1], 0.5),
      bias: random(stream, sizes[l + 1], 0.3),
      activation,
    })),
  };
}

const NONLINEAR: Record<Activation, (x: number) => number> = {
  identity: (x) => x,
  relu: (x) => Math.max(x, 0),
  tanh: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  gelu: (x) => (x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))) / 2,
};

function plainForward(head: Head, x: readonly number[]): number[] {
  let values = [...x];
  for (const { weights, bias, activation } of head.layers) {
    const inputs = values;
    values = Array.from(bias, (b, o) => NONLINEAR[activation](inputs.reduce((sum, v, k) => sum + v * weights[o * inputs.length + k], b)));
  }
  return values;
}

interface Batch {
  readonly head: Head;
  readonly loss: Loss;
  readonly responses: readonly number[];
  readonly baseline: readonly number[];
  readonly answered: readonly number[];
  readonly sampleWeights: readonly number[];
  readonly classWeights?: readonly number[];
  readonly labels?: readonly number[];
  readonly ignoreLabel?: number;
  readonly targets?: readonly number[];
}

const sizes = { batch: BATCH, peers: PEERS, widths: WIDTHS };

/** Labels (with some ignored), soft labels or target values, and everything else at random. */
function randomBatch(stream: RandomStream, activations: readonly Activation[], loss: Loss, soft: boolean): Batch {
  const common = {
    head: randomHead(stream, activations),
    loss,
    responses: random(stream, BATCH * INPUTS),
    baseline: random(stream, INPUTS),
    answered: Array.from({ length: BATCH * PEERS }, () => (stream.uniform() < 0.8 ? 1 : 0)),
    sampleWeights: Array.from({ length: BATCH }, () => stream.uniform() + 0.1),
  };
  if (loss !== 'softmaxCrossEntropy') {
    const targets = random(stream, BATCH * OUTPUTS).map((x) => (loss === 'binaryCrossEntropy' ? 1 / (1 + Math.exp(-x)) : x));
    return { ...common, targets };
  }
  const classWeights = [0.5, 2, 1.25];
  if (!soft) return { ...common, classWeights, labels: Array.from({ length: BATCH }, () => stream.integer(4) - 1), ignoreLabel: -1 };
  const rows = Array.from({ length: BATCH }, () => random(stream, OUTPUTS).map(Math.exp));
  return { ...common, classWeights, targets: rows.flatMap((row) => row.map((x) => x / row.reduce((a, b) => a + b))) };
}

/** Weighted loss of one sample, straight from its definition. */
function plainLoss(data: Batch, z: readonly number[], b: number): number {
  const weight = data.sampleWeights[b];
  const lse = Math.log(z.reduce((sum, x) => sum + Math.exp(x), 0));
  const t = (c: number) => data.targets![b * OUTPUTS + c];
  if (data.labels !== undefined) {
    const label = data.labels[b];
    return label === data.ignoreLabel ? 0 : weight * data.classWeights![label] * (lse - z[label]);
  }
  if (data.loss === 'softmaxCrossEntropy') return weight * z.reduce((sum, x, c) => sum + data.classWeights![c] * t(c) * (lse - x), 0);
  if (data.loss === 'squaredError') return weight * 0.5 * z.reduce((sum, x, c) => sum + (x - t(c)) ** 2, 0);
  return weight * z.reduce((sum, x, c) => sum + Math.log(1 + Math.exp(x)) - t(c) * x, 0);
}

const peerOf = WIDTHS.flatMap((width, peer) => Array.from({ length: width }, () => peer));

/** Responses of one sample with the baseline for peers that did not answer and for those in `removed`. */
function inputsOf(data: Batch, b: number, removed: readonly number[] = [], responses = data.responses): number[] {
  return peerOf.map((peer, k) =>
    data.answered[b * PEERS + peer] === 0 || removed.includes(peer) ? data.baseline[k] : responses[b * INPUTS + k],
  );
}

const lossOf = (data: Batch, b: number, removed?: readonly number[]) =>
  plainLoss(data, plainForward(data.head, inputsOf(data, b, removed)), b);

const close = (a: number, b: number, tolerance: number) => Math.abs(a - b) <= tolerance * (1 + Math.abs(b));

const CASES = [
  { activations: ['identity'], loss: 'softmaxCrossEntropy', soft: false },
  { activations: ['identity'], loss: 'softmaxCrossEntropy', soft: true },
  { activations: ['tanh', 'identity'], loss: 'softmaxCrossEntropy', soft: false },
  { activations: ['gelu', 'identity'], loss: 'softmaxCrossEntropy', soft: true },
  { activations: ['sigmoid', 'identity'], loss: 'binaryCrossEntropy', soft: false },
  { activations: ['relu', 'identity'], loss: 'squaredError', soft: false },
] as const;

for (const [index, { activations, loss, soft }] of CASES.entries()) {
  const name = `${activations}; ${loss}${soft ? ', soft labels' : ''}`;
  const data = randomBatch(new RandomStream(SEED, index), activations, loss, soft);
  const call = { ...data, ...sizes };

  t.test(`${name}: ablation of peers and groups by brute force`, (test) => {
    const { scores } = removalScores({ ...call, estimator: 'ablation', reduction: 'none' });
    const groups = [[2, 0], [1], [0, 1, 2, 3]];
    const together = groupRemoval({ ...call, groups, reduction: 'none' });
    for (let b = 0; b < BATCH; b++) {
      for (let i = 0; i < PEERS; i++) {
        const right = lossOf(data, b, [i]) - lossOf(data, b);
        test.ok(close(scores[b * PEERS + i], right, 1e-13), `sample ${b}, peer ${i}: ${scores[b * PEERS + i]} and ${right}`);
      }
      for (const [g, group] of groups.entries()) {
        const right = lossOf(data, b, group) - lossOf(data, b);
        test.ok(close(together.scores[b * groups.length + g], right, 1e-13), `sample ${b}, group ${group}`);
      }
    }
    const weights =
      data.labels === undefined ? null : data.labels.map((y, b) => (y < 0 ? 0 : data.classWeights![y] * data.sampleWeights[b]));
    const mean = removalScores({ ...call, estimator: 'ablation', reduction: 'mean' }).scores;
    const total = (weights ?? softWeights(data)).reduce((a, b) => a + b);
    for (let i = 0; i < PEERS; i++) {
      const sum = scores.filter((_, k) => k % PEERS === i).reduce((a, b) => a + b);
      test.ok(close(mean[i], sum / total, 1e-14), `the mean is over the weights: ${mean[i]} and ${sum / total}`);
    }
    test.end();
  });

  t.test(`${name}: forms along the path to the baseline, and the gram`, (test) => {
    const { gram, factor, rank } = peerGram({ ...call, factor: 'stacked' });
    const form = removalScores({ ...call, estimator: 'gaussNewton' });
    for (let i = 0; i < PEERS; i++) {
      test.equal(gram[i * PEERS + i], form.scores[i], 'the diagonal is the score');
      for (let j = 0; j < PEERS; j++) {
        let sum = 0;
        for (let k = 0; k < rank; k++) sum += factor[k * PEERS + i] * factor[k * PEERS + j];
        test.ok(close(sum, gram[i * PEERS + j], 1e-13), 'the factor');
      }
    }
    const mean = peerGram({ ...call, factor: 'stacked', reduction: 'mean' });
    for (let i = 0; i < PEERS; i++) {
      let sum = 0;
      for (let k = 0; k < rank; k++) sum += mean.factor[k * PEERS + i] ** 2;
      test.ok(close(sum, mean.gram[i * PEERS + i], 1e-13), 'the factor of the mean');
    }
    const pair = groupRemoval({ ...call, groups: [[0, 2]], estimator: 'gaussNewton' }).scores[0];
    test.ok(close(pair, gram[0] + gram[2 * PEERS + 2] + 2 * gram[2], 1e-12), 'a pair is its parts and twice their product');
    // first order: the slope of the loss along the path from the answer to its baseline
    const slopes = removalScores({ ...call, estimator: 'firstOrder', reduction: 'none' }).scores;
    const h = 1e-6;
    for (let b = 0; b < BATCH; b++) {
      for (let i = 0; i < PEERS; i++) {
        const along = (by: number) => {
          const x = inputsOf(data, b);
          const y = inputsOf(data, b, [i]);
          return plainLoss(
            data,
            plainForward(
              data.head,
              x.map((v, k) => v + by * (y[k] - v)),
            ),
            b,
          );
        };
        test.ok(close(slopes[b * PEERS + i], (along(h) - along(-h)) / (2 * h), 1e-7), `sample ${b}, peer ${i}`);
      }
    }
    test.end();
  });

  t.test(`${name}: forward pass and gradient`, (test) => {
    const logits = headForward(call);
    for (let b = 0; b < BATCH; b++) {
      const z = plainForward(data.head, inputsOf(data, b));
      test.ok(
        z.every((x, c) => close(logits[b * OUTPUTS + c], x, 1e-13)),
        'logits',
      );
    }
    const { loss: value, responses, layers } = headGradient({ ...call, reduction: 'sum' });
    const total = (head = data.head, given = data.responses) => {
      let sum = 0;
      for (let b = 0; b < BATCH; b++) sum += plainLoss(data, plainForward(head, inputsOf(data, b, [], given)), b);
      return sum;
    };
    test.ok(close(value!, total(), 1e-13), `${value} and ${total()}`);
    const h = 1e-6;
    const slope = (f: (by: number) => number) => (f(h) - f(-h)) / (2 * h);
    for (let k = 0; k < BATCH * INPUTS; k += 7) {
      const right = slope((by) =>
        total(
          data.head,
          data.responses.map((x, at) => (at === k ? x + by : x)),
        ),
      );
      test.ok(close(responses[k], right, 1e-7), `response ${k}: ${responses[k]} and ${right}`);
    }
    const first = data.head.layers[0];
    for (let k = 0; k < first.weights.length; k += 5) {
      const moved = (by: number): Head => ({
        layers: [{ ...first, weights: Array.from(first.weights, (x, at) => (at === k ? x + by : x)) }, ...data.head.layers.slice(1)],
      });
      const right = slope((by) => total(moved(by)));
      test.ok(close(layers[0].weights[k], right, 1e-7), `weight ${k}: ${layers[0].weights[k]} and ${right}`);
    }
    test.end();
  });

  t.test(`${name}: the same bits on every backend`, (test) => {
    const estimators: readonly Estimator[] = [
      'gaussNewton',
      'taylor2',
      'monteCarloFisher',
      'relativeEntropy',
      'ablation',
      'diagonal',
      'nisp',
    ];
    const run = (backend: Backend) => [
      ...estimators.flatMap((estimator) => {
        const result = removalScores({ ...call, estimator, reduction: 'mean', backend });
        return [result.scores, result.linearShare!];
      }),
      ...(['gaussNewton', 'ablation', 'relativeEntropy'] as const).map(
        (estimator) => groupRemoval({ ...call, groups: [[0, 3], [2], [3, 1, 0]], estimator, backend }).scores,
      ),
      peerGram({ ...call, factor: 'stacked', backend }).factor,
      headForward({ ...call, backend }),
      headGradient({ ...call, backend }).responses,
      headGradient({ ...call, backend }).layers[0].weights,
    ];
    const expected = run(reference);
    for (const { name: native, backend } of natives) {
      const actual = run(backend);
      const different = expected.findIndex((array, k) => array.some((x, at) => !Object.is(x, actual[k][at])));
      test.equal(different, -1, native);
    }
    test.end();
  });
}

/** What each sample counts where there are no labels. */
function softWeights(data: Batch): number[] {
  return data.sampleWeights.map((weight, b) => {
    if (data.classWeights === undefined) return weight;
    return weight * data.classWeights.reduce((sum, w, c) => sum + w * data.targets![b * OUTPUTS + c], 0);
  });
}

t.test('heads with equal logits give equal scores with the mean as the baseline, and not with zeros', (test) => {
  const stream = new RandomStream(SEED, 100);
  const batch = 50;
  const head = randomHead(stream, ['identity']);
  const responses = random(stream, batch * INPUTS);
  const labels = Array.from({ length: batch }, () => stream.integer(OUTPUTS));
  // column k scaled and shifted, the head's weights and bias so that every logit stays
  const scale = random(stream, INPUTS).map((x) => 2 ** Math.round(x));
  const shift = random(stream, INPUTS, 30);
  const first = head.layers[0];
  const weights = Array.from(first.weights, (w, at) => w / scale[at % INPUTS]);
  const bias = Array.from(
    first.bias,
    (b, o) => b - weights.slice(o * INPUTS, (o + 1) * INPUTS).reduce((sum, w, k) => sum + w * shift[k], 0),
  );
  const other = { layers: [{ ...first, weights, bias }] };
  const moved = responses.map((x, at) => x * scale[at % INPUTS] + shift[at % INPUTS]);
  const meanOf = (x: readonly number[]) =>
    Array.from({ length: INPUTS }, (_, k) => x.filter((_, at) => at % INPUTS === k).reduce((a, b) => a + b) / batch);
  for (const estimator of ['gaussNewton', 'taylor2', 'ablation', 'relativeEntropy'] as const) {
    const call = { labels, batch, peers: PEERS, widths: WIDTHS, estimator };
    const one = removalScores({ ...call, head, responses, baseline: meanOf(responses) }).scores;
    const two = removalScores({ ...call, head: other, responses: moved, baseline: meanOf(moved) }).scores;
    const worst = Math.max(...Array.from(one, (x, i) => Math.abs(two[i] / x - 1)));
    test.ok(worst < 1e-12, `${estimator}: ${worst}`);
    const zero = removalScores({ ...call, head: other, responses: moved }).scores;
    test.ok(Math.abs(zero[0] / one[0] - 1) > 0.1, `${estimator}: zero is another question`);
  }
  test.end();
});

t.test('what was not answered is not read, and scores nothing; a huge baseline costs no digits', (test) => {
  const head: Head = { layers: [{ weights: [0.5, 0, 0.5, 0, 0, 0.5, 0, 0.5], bias: [0, 0], activation: 'identity' }] };
  const call = { head, labels: [0, 1], batch: 2, peers: 2, width: 2, estimator: 'ablation' as const, reduction: 'none' as const };
  const answered = [1, 0, 1, 1];
  const with0 = removalScores({ ...call, responses: [1, 2, Number.NaN, Number.POSITIVE_INFINITY, 1, 2, 3, 4], answered }).scores;
  const without = removalScores({ ...call, responses: [1, 2, 0, 0, 1, 2, 3, 4] }).scores;
  test.strictSame([...with0], [without[0], 0, without[2], without[3]]);
  test.throws(() => removalScores({ ...call, responses: [1, Number.NaN, Number.NaN, 0, 1, 2, 3, 4], answered }), {
    code: 'BTM_NONFINITE',
    argument: 'responses',
    index: 1,
  });
  const floor = removalScores({ ...call, responses: [-1, -3, -2, -0.5, 1, 2, 3, 4], baseline: [0, -1e30, 0, 0] }).scores;
  // without peer 0's answer class 1 is masked: the loss of label 0 is then 0, and that of label 1 about 5e29
  test.ok(Math.abs(floor[0] + Math.log1p(Math.exp(-0.25))) < 1e-15, `${floor[0]}`);
  test.ok(Math.abs(floor[2] / 5e29 - 1) < 1e-15, `${floor[2]}`);
  const none = removalScores({ ...call, responses: new Float64Array(8).fill(Number.NaN), answered: [false, false] }).scores;
  test.strictSame([...none], [0, 0, 0, 0], 'no peer answered');
  test.end();
});

t.test('hard labels are soft labels with one class', (test) => {
  const stream = new RandomStream(SEED, 101);
  const head = randomHead(stream, ['tanh', 'identity']);
  const call = { head, responses: random(stream, BATCH * INPUTS, 3), ...sizes };
  const labels = Array.from({ length: BATCH }, () => stream.integer(OUTPUTS));
  const targets = labels.flatMap((y) => Array.from({ length: OUTPUTS }, (_, c) => (c === y ? 1 : 0)));
  for (const estimator of ['taylor2', 'firstOrder', 'empiricalFisher', 'ablation'] as const) {
    const hard = removalScores({ ...call, labels, estimator }).scores;
    const soft = removalScores({ ...call, targets, estimator }).scores;
    test.ok(
      hard.every((x, i) => Math.abs(soft[i] - x) <= 1e-14 * Math.abs(x)),
      estimator,
    );
  }
  const certain: Head = { layers: [{ weights: [40, 12, 3, 0, 0, 0], bias: [0, 0], activation: 'identity' }] };
  const { scores } = removalScores({
    head: certain,
    responses: [1, 1, 1],
    targets: [1, 0],
    batch: 1,
    peers: 3,
    width: 1,
    estimator: 'firstOrder',
  });
  test.ok(Math.abs(scores[0] / 5.1983257000300123e-23 - 1) < 1e-14, 'a certain label keeps its slope');
  test.end();
});

t.test('hostile options are refused by name', (test) => {
  const stream = new RandomStream(SEED, 102);
  const good = { ...randomBatch(stream, ['identity'], 'softmaxCrossEntropy', false), ...sizes, estimator: 'ablation' as const };
  const refused: readonly (readonly [object, string, string, number?])[] = [
    [{ widths: [3, 1, 5] }, 'BTM_SHAPE', 'widths'],
    [{ widths: [3, 1, 5, 0] }, 'BTM_DOMAIN', 'widths[3]'],
    [{ widths: [3, 1, 5, 1.5] }, 'BTM_TYPE', 'widths[3]'],
    [{ widths: [3, 1, 5, 3] }, 'BTM_SHAPE', 'responses'],
    [{ width: 3 }, 'BTM_DOMAIN', 'widths'],
    [{ widths: 'abcd' }, 'BTM_TYPE', 'widths'],
    [{ widths: undefined }, 'BTM_TYPE', 'width'],
    [{ baseline: [0] }, 'BTM_SHAPE', 'baseline'],
    [{ baseline: good.baseline.map((x, k) => (k === 4 ? Number.NaN : x)) }, 'BTM_NONFINITE', 'baseline', 4],
    [{ answered: [1, 1, 1] }, 'BTM_SHAPE', 'answered'],
    [{ answered: [1, 1, 2, 1] }, 'BTM_TYPE', 'answered', 2],
    [{ sampleWeights: good.sampleWeights.map((x, k) => (k === 2 ? -x : x)) }, 'BTM_NEGATIVE', 'sampleWeights', 2],
    [{ sampleWeights: [1] }, 'BTM_SHAPE', 'sampleWeights'],
    [{ classWeights: [1, 1] }, 'BTM_SHAPE', 'classWeights'],
    [{ ignoreLabel: 0.5 }, 'BTM_TYPE', 'ignoreLabel'],
    [{ ignoreLabel: undefined, labels: good.labels!.map((_, b) => (b === 3 ? -1 : 0)) }, 'BTM_LABEL', 'labels', 3],
    [
      { labels: undefined, targets: good.responses.slice(0, BATCH * OUTPUTS).map((x) => Math.abs(x)), ignoreLabel: undefined },
      'BTM_ROWSUM',
      'targets',
      0,
    ],
    [{ loss: 'squaredError', labels: undefined, targets: new Float64Array(BATCH * OUTPUTS) }, 'BTM_DOMAIN', 'classWeights'],
  ];
  for (const [change, code, argument, index] of refused) {
    const expected = { code, argument, ...(index === undefined ? {} : { index }) };
    test.throws(() => removalScores({ ...good, ...change } as never), expected, JSON.stringify(change).slice(0, 60));
  }
  const groups: readonly (readonly [unknown, string, string])[] = [
    [undefined, 'BTM_TYPE', 'groups'],
    [[], 'BTM_SHAPE', 'groups'],
    [[[]], 'BTM_SHAPE', 'groups[0]'],
    [[[0], [4]], 'BTM_DOMAIN', 'groups[1][0]'],
    [[[1, 1]], 'BTM_DOMAIN', 'groups[0]'],
    [[[0.5]], 'BTM_TYPE', 'groups[0][0]'],
    [[7], 'BTM_SHAPE', 'groups[0]'],
  ];
  for (const [value, code, argument] of groups) test.throws(() => groupRemoval({ ...good, groups: value } as never), { code, argument });
  test.throws(() => groupRemoval({ ...good, groups: [[0]], estimator: 'diagonal' } as never), {
    code: 'BTM_DOMAIN',
    argument: 'estimator',
  });
  test.end();
});
