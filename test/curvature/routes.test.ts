// Each formula by a route that shares nothing with it: finite differences, dense Hessians, definitions, enumeration of all subsets.
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { outputQuadraticForm, peerGram, quadraticForm, removalScores } from '../../src/curvature.js';
import { type Activation, type Head, headForward, headGradient, type Loss } from '../../src/head.js';
import { natives } from './backends.js';

const SEED = 7;
const backend = natives[0].backend;
const LOSSES: readonly Loss[] = ['softmaxCrossEntropy', 'binaryCrossEntropy', 'squaredError'];
const HEADS: readonly (readonly Activation[])[] = [
  ['identity'],
  ['tanh', 'identity'],
  ['gelu', 'identity'],
  ['sigmoid', 'tanh', 'identity'],
  ['relu', 'identity'],
];
const PEERS = 3;
const WIDTH = 2;
const OUTPUTS = 4;

interface Case {
  readonly head: Head;
  readonly responses: Float64Array;
  readonly batch: number;
  readonly peers: number;
  readonly width: number;
  readonly loss: Loss;
  readonly labels?: Int32Array;
  readonly targets?: Float64Array;
}

function normals(stream: RandomStream, length: number): Float64Array {
  return new Float64Array(length).map(() => stream.normal());
}

function randomCase(stream: RandomStream, activations: readonly Activation[], loss: Loss, batch = 1): Case {
  const widths = [PEERS * WIDTH, ...activations.slice(1).map(() => 5), OUTPUTS];
  const layers = activations.map((activation, l) => ({
    weights: normals(stream, widths[l] * widths[l + 1]).map((w) => 0.6 * w),
    bias: normals(stream, widths[l + 1]),
    activation,
  }));
  const responses = normals(stream, batch * PEERS * WIDTH);
  const data = { head: { layers }, responses, batch, peers: PEERS, width: WIDTH, loss };
  if (loss === 'softmaxCrossEntropy') return { ...data, labels: Int32Array.from({ length: batch }, () => stream.integer(OUTPUTS)) };
  const targets = normals(stream, batch * OUTPUTS);
  return { ...data, targets: loss === 'binaryCrossEntropy' ? targets.map((x) => 1 / (1 + Math.exp(-x))) : targets };
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, x, k) => sum + x * b[k], 0);
const softmax = (z: readonly number[]) => {
  const weights = z.map((x) => Math.exp(x - Math.max(...z)));
  return weights.map((w) => w / weights.reduce((a, b) => a + b));
};

/** Q(z) of one sample, by its definition in plain Math. */
function lossOf(data: Case, z: readonly number[], sample = 0): number {
  if (data.labels !== undefined) return -Math.log(softmax(z)[data.labels[sample]]);
  const targets = Array.from(data.targets!.subarray(sample * OUTPUTS, (sample + 1) * OUTPUTS));
  if (data.loss === 'squaredError') return 0.5 * z.reduce((sum, x, c) => sum + (x - targets[c]) ** 2, 0);
  return z.reduce((sum, x, c) => sum + Math.log(1 + Math.exp(x)) - targets[c] * x, 0);
}

const logitsAt = (data: Case, responses: ArrayLike<number>) =>
  Array.from(headForward({ head: data.head, responses: Float64Array.from(responses), batch: 1, peers: PEERS, width: WIDTH, backend }));

/** Central differences of a vector function. */
function jacobian(f: (x: number[]) => number[], x: ArrayLike<number>, step = 1e-5): number[][] {
  return Array.from(x).map((_, m) => {
    const shifted = (by: number) => f(Array.from(x).map((value, k) => (k === m ? value + by : value)));
    const [above, below] = [shifted(step), shifted(-step)];
    return above.map((value, c) => (value - below[c]) / (2 * step));
  }); // [input][output]
}

const close = (a: number, b: number, tolerance: number) => Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a), Math.abs(b));
const allClose = (a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number) =>
  a.length === b.length && Array.from(a).every((x, k) => close(x, b[k], tolerance));

const cases = (stream: RandomStream) => HEADS.flatMap((activations) => LOSSES.map((loss) => randomCase(stream, activations, loss)));
const named = (data: Case) => `${data.head.layers.map(({ activation }) => activation).join(', ')}; ${data.loss}`;

t.test('gradients by central differences of the loss', (test) => {
  for (const data of cases(new RandomStream(SEED, 1))) {
    const gradient = headGradient({ ...data, backend });
    test.ok(close(gradient.loss!, lossOf(data, logitsAt(data, data.responses)), 1e-12), `${named(data)}: loss`);
    const numeric = jacobian((x) => [lossOf(data, logitsAt(data, x))], data.responses).map(([d]) => d);
    test.ok(allClose(gradient.responses, numeric, 1e-8), `${named(data)}: responses`);
    data.head.layers.forEach((layer, l) => {
      for (const part of ['weights', 'bias'] as const) {
        const changed = (values: number[]) => {
          const layers = data.head.layers.map((other, k) => (k === l ? { ...other, [part]: values } : other));
          return [lossOf(data, logitsAt({ ...data, head: { layers } }, data.responses))];
        };
        const slopes = jacobian(changed, layer[part]).map(([d]) => d);
        test.ok(allClose(gradient.layers[l][part], slopes, 1e-8), `${named(data)}: ${part} of layer ${l}`);
      }
    });
  }
  test.end();
});

t.test('a batch gradient is the sum, or mean, of its samples; a carried gradient is the loss gradient', (test) => {
  const stream = new RandomStream(SEED, 2);
  for (const loss of LOSSES) {
    const data = randomCase(stream, ['tanh', 'identity'], loss, 5);
    const sum = headGradient({ ...data, reduction: 'sum', backend });
    const mean = headGradient({ ...data, backend });
    test.ok(close(sum.loss! / 5, mean.loss!, 1e-15), `${loss}: loss`);
    test.ok(
      allClose(
        sum.layers[0].weights.map((g) => g / 5),
        mean.layers[0].weights,
        1e-14,
      ),
      `${loss}: weights`,
    );
    const one = (b: number) => ({
      ...data,
      batch: 1,
      responses: data.responses.subarray(b * PEERS * WIDTH, (b + 1) * PEERS * WIDTH),
      ...(data.labels === undefined
        ? { targets: data.targets!.subarray(b * OUTPUTS, (b + 1) * OUTPUTS) }
        : { labels: data.labels.subarray(b, b + 1) }),
    });
    const total = new Float64Array(sum.layers[0].weights.length);
    for (let b = 0; b < 5; b++) {
      const { weights } = headGradient({ ...one(b), backend }).layers[0];
      for (let k = 0; k < total.length; k++) total[k] += weights[k];
    }
    test.ok(allClose(sum.layers[0].weights, total, 1e-14), `${loss}: samples add up`);
    const outputGradient = Array.from({ length: 5 }, (_, b) => {
      const z = Array.from(sum.logits.subarray(b * OUTPUTS, (b + 1) * OUTPUTS));
      return jacobian((x) => [lossOf(data, x, b)], z).map(([d]) => d);
    }).flat();
    const { labels: _l, targets: _t, ...unlabelled } = data;
    const carried = headGradient({ ...unlabelled, outputGradient, backend });
    test.equal(carried.loss, null, `${loss}: no loss`);
    test.ok(allClose(carried.responses, sum.responses, 1e-8), `${loss}: carried back`);
  }
  test.end();
});

t.test('Gauss-Newton forms by the dense matrix J^T H J, its diagonal, and its peer blocks', (test) => {
  for (const data of cases(new RandomStream(SEED, 3))) {
    const z = logitsAt(data, data.responses);
    const j = jacobian((x) => logitsAt(data, x), data.responses); // [nd][C]
    const h = jacobian((y) => jacobian((x) => [lossOf(data, x)], y, 1e-4).map(([d]) => d), z, 1e-4); // [C][C]
    const curvature = j.map((row) =>
      j.map((column) =>
        dot(
          row,
          h.map((line) => dot(line, column)),
        ),
      ),
    );
    const block = (i: number, k: number) => {
      let sum = 0;
      for (let a = i * WIDTH; a < (i + 1) * WIDTH; a++)
        for (let b = k * WIDTH; b < (k + 1) * WIDTH; b++) sum += data.responses[a] * curvature[a][b] * data.responses[b];
      return sum;
    };
    const { gram, shapley } = peerGram({
      head: data.head,
      responses: data.responses,
      batch: 1,
      peers: PEERS,
      width: WIDTH,
      loss: data.loss,
      backend,
    });
    const blocks = Array.from({ length: PEERS * PEERS }, (_, k) => block(Math.floor(k / PEERS), k % PEERS));
    test.ok(allClose(gram, blocks, 1e-6), `${named(data)}: gram`);
    test.ok(
      allClose(
        removalScores({ ...data, backend }).scores,
        [0, 4, 8].map((k) => blocks[k]),
        1e-6,
      ),
      `${named(data)}: gaussNewton`,
    );
    test.ok(
      allClose(
        shapley,
        [0, 1, 2].map((i) => blocks[3 * i] + blocks[3 * i + 1] + blocks[3 * i + 2]),
        1e-6,
      ),
      `${named(data)}: row sums`,
    );
    const diagonal = Array.from({ length: PEERS }, (_, i) => {
      let sum = 0;
      for (let a = i * WIDTH; a < (i + 1) * WIDTH; a++) sum += curvature[a][a] * data.responses[a] ** 2;
      return sum;
    });
    test.ok(allClose(removalScores({ ...data, estimator: 'diagonal', backend }).scores, diagonal, 1e-6), `${named(data)}: diagonal`);
  }
  test.end();
});

t.test('first-order estimators by reverse mode', (test) => {
  for (const data of cases(new RandomStream(SEED, 4))) {
    const gradient = headGradient({ ...data, backend }).responses;
    const slope = Array.from({ length: PEERS }, (_, i) => {
      const range = [i * WIDTH, (i + 1) * WIDTH] as const;
      return dot(gradient.slice(...range), data.responses.slice(...range));
    });
    const scores = (estimator: 'firstOrder' | 'empiricalFisher' | 'taylor2' | 'gaussNewton') =>
      removalScores({ ...data, estimator, backend });
    test.ok(
      allClose(
        scores('firstOrder').scores,
        slope.map((s) => -s),
        1e-13,
      ),
      `${named(data)}: firstOrder`,
    );
    test.ok(
      allClose(
        scores('empiricalFisher').scores,
        slope.map((s) => s * s),
        1e-13,
      ),
      `${named(data)}: empiricalFisher`,
    );
    const half = scores('gaussNewton').scores.map((q) => q / 2);
    test.ok(
      allClose(
        scores('taylor2').scores,
        half.map((q, i) => q - slope[i]),
        1e-13,
      ),
      `${named(data)}: taylor2`,
    );
    const share = slope.map((s, i) => Math.abs(s) / (Math.abs(s) + half[i]));
    test.ok(allClose(scores('gaussNewton').linearShare!, share, 1e-12), `${named(data)}: linearShare`);
  }
  test.end();
});

t.test('ablation and relative entropy by their definitions', (test) => {
  for (const data of cases(new RandomStream(SEED, 5))) {
    const z = logitsAt(data, data.responses);
    const without = Array.from({ length: PEERS }, (_, i) =>
      logitsAt(
        data,
        data.responses.map((x, k) => (Math.floor(k / WIDTH) === i ? 0 : x)),
      ),
    );
    const ablation = without.map((other) => lossOf(data, other) - lossOf(data, z));
    test.ok(allClose(removalScores({ ...data, estimator: 'ablation', backend }).scores, ablation, 1e-12), `${named(data)}: ablation`);
    const entropy = without.map((other) => {
      if (data.loss === 'squaredError') return 0.5 * z.reduce((sum, x, c) => sum + (x - other[c]) ** 2, 0);
      if (data.loss === 'softmaxCrossEntropy') {
        const [p, q] = [softmax(z), softmax(other)];
        return p.reduce((sum, x, c) => sum + x * Math.log(x / q[c]), 0);
      }
      return z.reduce((sum, x, c) => {
        const [p, q] = [1 / (1 + Math.exp(-x)), 1 / (1 + Math.exp(-other[c]))];
        return sum + p * Math.log(p / q) + (1 - p) * Math.log((1 - p) / (1 - q));
      }, 0);
    });
    test.ok(
      allClose(removalScores({ ...data, estimator: 'relativeEntropy', backend }).scores, entropy, 1e-12),
      `${named(data)}: relativeEntropy`,
    );
  }
  test.end();
});

t.test('the second-order expansion of a linear head misses by the third order', (test) => {
  const stream = new RandomStream(SEED, 6);
  for (const loss of ['softmaxCrossEntropy', 'binaryCrossEntropy'] as const) {
    const data = randomCase(stream, ['identity'], loss);
    const miss = (size: number) => {
      const responses = data.responses.map((x, k) => (k < WIDTH ? size * x : x)); // only peer 0 shrinks
      const score = (estimator: 'ablation' | 'taylor2') => removalScores({ ...data, responses, estimator, backend }).scores[0];
      return Math.abs(score('ablation') - score('taylor2'));
    };
    const sizes = [0.01, 0.005, 0.0025, 0.00125];
    const x = sizes.map(Math.log);
    const y = sizes.map((size) => Math.log(miss(size)));
    const centre = (values: number[]) => values.map((value) => value - values.reduce((a, b) => a + b) / values.length);
    const order = dot(centre(x), centre(y)) / dot(centre(x), centre(x));
    test.ok(Math.abs(order - 3) < 0.1, `${loss}: measured order ${order.toFixed(3)}`);
  }
  test.end();
});

t.test('relative entropy keeps its digits at tiny and at huge changes', (test) => {
  const layers = [{ weights: [1, 0, 0, 1, 0, 0].map(Number), bias: [0.3, -0.2, 0.5], activation: 'identity' as const }];
  const at = (size: number, loss: Loss) => {
    const data = { head: { layers }, responses: [size, -0.7 * size], batch: 1, peers: 1, width: 2, loss, backend };
    const z = headForward(data);
    const vectors = [-size, 0.7 * size, 0];
    const half = outputQuadraticForm({ loss, logits: z, vectors, batch: 1, outputs: 3, peers: 1, backend })[0] / 2;
    return { entropy: removalScores({ ...data, estimator: 'relativeEntropy' }).scores[0], half, z };
  };
  for (const loss of ['softmaxCrossEntropy', 'binaryCrossEntropy'] as const) {
    const tiny = at(1e-8, loss);
    test.ok(Math.abs(tiny.entropy / tiny.half - 1) < 1e-7, `${loss}: ${tiny.entropy} is half the form at 1e-8`);
  }
  const huge = at(2000, 'softmaxCrossEntropy'); // p is class 0 alone, and removal leaves the bias
  const rest = Math.log(Math.exp(0.3) + Math.exp(-0.2) + Math.exp(0.5));
  test.ok(close(huge.entropy, rest - 0.3, 1e-12), `removal from certainty: ${huge.entropy}`);
  const reversed = at(-2000, 'binaryCrossEntropy');
  test.ok(Number.isFinite(reversed.entropy), `binary: ${reversed.entropy}`);
  test.end();
});

t.test('Shapley values of the quadratic game by all subsets', (test) => {
  const stream = new RandomStream(SEED, 8);
  const peers = 6;
  for (const loss of LOSSES) {
    const weights = normals(stream, OUTPUTS * peers * WIDTH);
    const head = { layers: [{ weights, bias: normals(stream, OUTPUTS), activation: 'identity' as const }] };
    const responses = normals(stream, 3 * peers * WIDTH);
    const { gram, shapley } = peerGram({ head, responses, batch: 3, peers, width: WIDTH, loss, backend });
    const value = (set: number) => {
      const members = new Float64Array(peers).map((_, i) => (set >> i) & 1);
      return quadraticForm({ hessian: { kind: 'shared', data: gram }, vectors: members, n: peers, backend })[0];
    };
    const factorial = (k: number): number => (k < 2 ? 1 : k * factorial(k - 1));
    const enumerated = Array.from({ length: peers }, (_, i) => {
      let phi = 0;
      for (let set = 0; set < 1 << peers; set++) {
        if ((set >> i) & 1) continue;
        const size = set.toString(2).replaceAll('0', '').length;
        phi += ((factorial(size) * factorial(peers - 1 - size)) / factorial(peers)) * (value(set | (1 << i)) - value(set));
      }
      return phi;
    });
    test.ok(allClose(shapley, enumerated, 1e-12), `${loss}: all ${1 << peers} subsets`);
    test.ok(
      close(
        shapley.reduce((a, b) => a + b),
        value((1 << peers) - 1),
        1e-12,
      ),
      `${loss}: shares add up to the whole`,
    );
  }
  test.end();
});

t.test('both factors give the gram back, and the low-rank Hessian its forms', (test) => {
  const stream = new RandomStream(SEED, 9);
  for (const [peers, batch, outputs] of [
    [5, 7, 4],
    [9, 1, 3],
    [9, 2, 3],
  ] as const) {
    const head = {
      layers: [{ weights: normals(stream, outputs * peers), bias: normals(stream, outputs), activation: 'identity' as const }],
    };
    const data = { head, responses: normals(stream, batch * peers), batch, peers, width: 1, reduction: 'mean' as const, backend };
    for (const factor of ['stacked', 'compact'] as const) {
      const result = peerGram({ ...data, factor });
      const back = Array.from({ length: peers * peers }, (_, k) => {
        let sum = 0;
        for (let r = 0; r < result.rank; r++)
          sum += result.factor[r * peers + Math.floor(k / peers)] * result.factor[r * peers + (k % peers)];
        return sum;
      });
      test.ok(allClose(result.gram, back, 1e-13), `${factor}, ${peers} peers, ${batch} samples: rank ${result.rank}`);
      if (factor === 'compact') test.equal(result.rank, Math.min(peers, batch * (outputs - 1)), 'rank: each sample has outputs - 1');
      const vectors = normals(stream, 3 * peers);
      const forms = [
        { kind: 'lowRank' as const, data: result.factor, rank: result.rank },
        { kind: 'shared' as const, data: result.gram },
      ];
      const [lowRank, shared] = forms.map((hessian) => quadraticForm({ hessian, vectors, n: peers, backend }));
      test.ok(allClose(lowRank, shared, 1e-12), 'forms');
    }
  }
  test.end();
});

t.test('Monte-Carlo Fisher: unbiased, seeded per sample and draw', (test) => {
  const stream = new RandomStream(SEED, 10);
  for (const loss of LOSSES) {
    const data = randomCase(stream, ['tanh', 'identity'], loss, 4);
    const draws = 4000;
    const sampled = removalScores({ ...data, estimator: 'monteCarloFisher', reduction: 'none', draws, seed: 3, backend }).scores;
    const exact = removalScores({ ...data, reduction: 'none', backend }).scores;
    const worst = Math.max(...Array.from(sampled, (x, k) => Math.abs(x - exact[k]) / exact[k]));
    test.ok(worst < 0.2, `${loss}: ${draws} draws are within ${(100 * worst).toFixed(1)} % of the exact form`);
    const part = (begin: number, end: number, firstSample: number) => {
      const responses = data.responses.subarray(begin * PEERS * WIDTH, end * PEERS * WIDTH);
      const { labels: _l, targets: _t, ...unlabelled } = data;
      return removalScores({
        ...unlabelled,
        responses,
        batch: end - begin,
        estimator: 'monteCarloFisher',
        reduction: 'none',
        draws: 5,
        seed: 3,
        firstSample,
        backend,
      }).scores;
    };
    test.same([...part(0, 2, 0), ...part(2, 4, 2)], [...part(0, 4, 0)], `${loss}: a split batch draws the same`);
    test.notSame([...part(2, 4, 0)], [...part(2, 4, 2)], `${loss}: another first sample draws others`);
  }
  test.end();
});

t.test('the exact ablation and its rank correlation on demand', (test) => {
  const data = randomCase(new RandomStream(SEED, 12), ['tanh', 'identity'], 'softmaxCrossEntropy', 9);
  const both = removalScores({ ...data, estimator: 'taylor2', reduction: 'mean', compareAblation: true, backend });
  const exact = removalScores({ ...data, estimator: 'ablation', reduction: 'mean', backend });
  test.same([...both.ablation!.scores], [...exact.scores], 'scores');
  test.equal(exact.ablation, null, 'only on demand');
  const ranks = (x: Float64Array) => Array.from(x, (a) => x.filter((b) => b < a).length - (PEERS - 1) / 2);
  const spearman = dot(ranks(both.scores), ranks(exact.scores)) / dot(ranks(exact.scores), ranks(exact.scores));
  test.ok(close(both.ablation!.rankCorrelation.value!, spearman, 1e-12), `Spearman ${spearman}`);
  const one = removalScores({ ...data, responses: new Float64Array(54), compareAblation: true, backend }).ablation!;
  test.ok(
    one.rankCorrelation.value === null && one.rankCorrelation.reason !== undefined,
    'undefined with a reason where all scores are equal',
  );
  test.end();
});

t.test('splits of a batch: the same samples, and the same sums at blocks of 256', (test) => {
  const stream = new RandomStream(SEED, 11);
  const batch = 600;
  const data = randomCase(stream, ['gelu', 'identity'], 'softmaxCrossEntropy', batch);
  const part = (begin: number, end: number, reduction: 'none' | 'sum') =>
    removalScores({
      ...data,
      labels: data.labels!.subarray(begin, end),
      responses: data.responses.subarray(begin * PEERS * WIDTH, end * PEERS * WIDTH),
      batch: end - begin,
      reduction,
      backend,
    }).scores;
  const pieces = [0, 1, 12, 100, 357, 600];
  const joined = pieces.slice(1).flatMap((end, k) => [...part(pieces[k], end, 'none')]);
  test.same(joined, [...part(0, batch, 'none')], 'per sample');
  const blocks = [part(0, 256, 'sum'), part(256, 512, 'sum'), part(512, 600, 'sum')];
  test.same(
    [...blocks[0]].map((x, i) => x + blocks[1][i] + blocks[2][i]),
    [...part(0, batch, 'sum')],
    'sums',
  );
  const gram = peerGram({ ...data, backend });
  test.same(
    [0, 4, 8].map((k) => gram.gram[k]),
    [...part(0, batch, 'sum')],
    'the diagonal of the gram is the score, to the bit',
  );
  test.end();
});
