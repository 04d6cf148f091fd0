import fc from 'fast-check';
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { gate, gateGradient, noisyScores, noisyScoresGradient } from '../../src/gating.js';
import { errorRatio, flat, knownAnswer } from '../curvature/known-answers.js';
import { awkwardSizes, firstDifference, misaligned, nameOf, natives, reference } from '../support/backends.js';

for (const backend of [reference, ...natives]) {
  t.test(`known answer G03: ${nameOf(backend)}`, async (t) => {
    const { inputs, expected, tolerance } = knownAnswer('G03');
    const scores = flat(inputs['logits']);
    const answered = [true, true, true, false];
    const agrees = (actual: Float64Array, field: string): void => {
      t.ok(errorRatio(actual, flat(expected[field]), tolerance) <= 1, field);
    };
    agrees(gate({ scores, k: 4, backend }).weights, 'dense');
    agrees(gate({ scores, k: 2, backend }).weights, 'topk');
    agrees(gate({ scores, k: 2, answered, backend }).weights, 'masked_topk');
    t.throws(() => gate({ scores, k: 2, answered: [0, 0, 0, 0], backend }), { code: 'BTM_ALL_MASKED', index: 0 });
  });
}

/** Every answered peer sorted by score, then index; the softmax of the first k. */
function bySorting(scores: readonly number[], k: number, answered: readonly boolean[]): { weights: number[]; selected: number[] } {
  const order = scores.map((_, peer) => peer).filter((peer) => answered[peer]);
  order.sort((i, j) => scores[j] - scores[i] || i - j);
  const chosen = order.slice(0, k);
  const e = chosen.map((peer) => Math.exp(scores[peer] - scores[chosen[0]]));
  const sum = e.reduce((a, b) => a + b, 0);
  const weights = scores.map((_, peer) => (chosen.includes(peer) ? e[chosen.indexOf(peer)] / sum : 0));
  return { weights, selected: [...chosen, ...Array<number>(k - chosen.length).fill(-1)] };
}

t.test('the choice is that of a full sort, ties to the lower index, mass exactly 0 outside', async (t) => {
  const peer = fc.record({ score: fc.integer({ min: -3, max: 3 }), answered: fc.boolean() });
  const property = fc.property(fc.array(peer, { minLength: 1, maxLength: 12 }), fc.nat(), (peers, pick) => {
    peers[pick % peers.length].answered = true;
    const k = 1 + (pick % peers.length);
    const scores = peers.map((p) => p.score);
    const answered = peers.map((p) => p.answered);
    const { weights, selected } = gate({ scores, k, answered });
    const sorted = bySorting(scores, k, answered);
    return (
      sorted.selected.every((chosen, slot) => chosen === selected[slot]) &&
      sorted.weights.every((w, i) => (w === 0 ? weights[i] === 0 : Math.abs(w - weights[i]) < 1e-15))
    );
  });
  t.doesNotThrow(() => fc.assert(property, { seed: 5, numRuns: 1000 }));
});

t.test('the backward pass is the central difference of the gate', async (t) => {
  const stream = new RandomStream(3);
  for (const k of [1, 3, 7]) {
    const scores = Array.from({ length: 7 }, () => stream.normal());
    const upstream = Array.from({ length: 7 }, () => stream.normal());
    const answered = [1, 1, 0, 1, 1, 1, 1];
    const value = (s: readonly number[]): number =>
      gate({ scores: s, k, answered }).weights.reduce((sum, w, i) => sum + w * upstream[i], 0);
    const gradient = gateGradient({ weights: gate({ scores, k, answered }).weights, gradient: upstream });
    const h = 1e-6;
    scores.forEach((score, i) => {
      const shifted = (by: number): number => value(scores.map((s, j) => (i === j ? score + by : s)));
      t.ok(Math.abs(gradient[i] - (shifted(h) - shifted(-h)) / (2 * h)) < 1e-9, `k = ${k}, score ${i}`);
    });
  }
});

t.test('a chosen peer keeps its weight however far the scores are from the rest', async (t) => {
  const { weights } = gate({ scores: [-2000, -2000, 0], k: 2, answered: [1, 1, 0] });
  t.strictSame([...weights], [0.5, 0.5, 0]);
});

t.test('noise: mean and variance of the draws, reproducible, gradient by central difference', async (t) => {
  const length = 20_000;
  const scores = new Float64Array(length);
  const noise = new Float64Array(length).fill(0.7);
  const noisy = noisyScores({ scores, noise, seed: 11, stream: 4 });
  const deviation = Math.log(1 + Math.exp(0.7));
  const mean = noisy.scores.reduce((a, b) => a + b) / length;
  const variance = noisy.scores.reduce((a, b) => a + b * b, 0) / length - mean * mean;
  t.ok(Math.abs(mean) < (4 * deviation) / Math.sqrt(length), `mean ${mean}`);
  t.ok(Math.abs(Math.sqrt(variance) / deviation - 1) < 4 / Math.sqrt(2 * length), `deviation ${Math.sqrt(variance)}`);
  t.equal(firstDifference(noisyScores({ scores, noise, seed: 11, stream: 4 }).scores, noisy.scores), -1, 'the same seed and stream');
  t.equal(firstDifference(noisyScores({ scores, noise, seed: 11, stream: 5 }).draws, noisy.draws), 0, 'another stream');

  const upstream = [1, -2, 0.5];
  const logits = [-800, 0.3, 800];
  const draws = [0.4, -1.5, 2];
  const gradient = noisyScoresGradient({ noise: logits, draws, gradient: upstream });
  const softplus = (x: number): number => (x > 30 ? x : Math.log1p(Math.exp(x)));
  logits.forEach((x, i) => {
    const h = 1e-5;
    const slope = (upstream[i] * draws[i] * (softplus(x + h) - softplus(x - h))) / (2 * h);
    t.ok(Math.abs(gradient[i] - slope) < 1e-6, `noise logit ${x}: ${gradient[i]}`);
  });
});

t.test('native equals the reference to the bit', async (t) => {
  for (const peers of awkwardSizes) {
    for (const batch of peers === 97 ? [301] : [0, 1, 11]) {
      const stream = new RandomStream(77, peers, batch);
      const scores = misaligned(stream, batch * peers, 3);
      const upstream = misaligned(stream, batch * peers);
      const noise = misaligned(stream, batch * peers, 4);
      const answered = Int32Array.from({ length: batch * peers }, (_, i) => (i % peers === 0 ? 1 : stream.integer(2)));
      for (const k of new Set([1, Math.min(4, peers), peers])) {
        const input = { scores, answered, k, batch, peers };
        const oracle = gate({ ...input, backend: reference });
        const back = { weights: oracle.weights, gradient: upstream, batch, peers };
        const oracleGradient = gateGradient({ ...back, backend: reference });
        for (const backend of natives) {
          const result = gate({ ...input, backend });
          const same =
            firstDifference(result.weights, oracle.weights) < 0 &&
            result.selected.every((peer, slot) => peer === oracle.selected[slot]) &&
            firstDifference(gateGradient({ ...back, backend }), oracleGradient) < 0;
          if (!same) t.fail(`gate [${batch}, ${peers}], k = ${k}, ${nameOf(backend)}`);
        }
      }
      const noisy = noisyScores({ scores, noise, seed: 1, batch, peers, backend: reference });
      const back = { noise, draws: noisy.draws, gradient: upstream };
      const oracleGradient = noisyScoresGradient({ ...back, backend: reference });
      for (const backend of natives) {
        const same =
          firstDifference(noisyScores({ scores, noise, seed: 1, batch, peers, backend }).scores, noisy.scores) < 0 &&
          firstDifference(noisyScoresGradient({ ...back, backend }), oracleGradient) < 0;
        if (!same) t.fail(`noise [${batch}, ${peers}], ${nameOf(backend)}`);
      }
    }
  }
  t.ok(natives.length >= 3, `${natives.length} native configurations compared`);
});

t.test('hostile input is refused with code, argument and index', async (t) => {
  const refused: readonly (readonly [object, { code: string; argument: string; index?: number }])[] = [
    [{ k: 0 }, { code: 'BTM_DOMAIN', argument: 'k' }],
    [{ k: 4 }, { code: 'BTM_DOMAIN', argument: 'k' }],
    [{ k: 1.5 }, { code: 'BTM_TYPE', argument: 'k' }],
    [{ k: undefined }, { code: 'BTM_TYPE', argument: 'k' }],
    [{ scores: [0, Number.NaN, 0, 0, 0, 0] }, { code: 'BTM_NONFINITE', argument: 'scores', index: 1 }],
    [{ scores: [0, Number.NEGATIVE_INFINITY, 0, 0, 0, 0] }, { code: 'BTM_NONFINITE', argument: 'scores', index: 1 }],
    [{ scores: [0, 1, 2] }, { code: 'BTM_SHAPE', argument: 'scores' }],
    [
      { scores: undefined, peers: undefined },
      { code: 'BTM_DOMAIN', argument: 'k' },
    ],
    [
      { peers: undefined, batch: 4 },
      { code: 'BTM_SHAPE', argument: 'scores' },
    ],
    [{ peers: 0 }, { code: 'BTM_DOMAIN', argument: 'peers' }],
    [{ batch: -2 }, { code: 'BTM_DOMAIN', argument: 'batch' }],
    [{ answered: [1, 1] }, { code: 'BTM_SHAPE', argument: 'answered' }],
    [{ answered: [1, 1, 2] }, { code: 'BTM_TYPE', argument: 'answered', index: 2 }],
    [{ answered: 'yes' }, { code: 'BTM_TYPE', argument: 'answered' }],
    [{ answered: [1, 0, 1, 0, 0, 0] }, { code: 'BTM_ALL_MASKED', argument: 'answered', index: 1 }],
  ];
  for (const [change, expected] of refused) {
    t.throws(() => gate({ scores: [0, 1, 2, 3, 4, 5], k: 2, batch: 2, peers: 3, ...change } as never), expected, JSON.stringify(change));
  }
  t.throws(() => gate(undefined as never), { code: 'BTM_TYPE', argument: 'k' });
  t.throws(() => gateGradient({ weights: [0.5, -0.5], gradient: [0, 0] }), { code: 'BTM_NEGATIVE', index: 1 });
  t.throws(() => gateGradient({ weights: [0.5, 0.5], gradient: [0] }), { code: 'BTM_SHAPE', argument: 'gradient' });
  t.throws(() => noisyScores({ scores: [1], noise: [1, 2], seed: 1 }), { code: 'BTM_SHAPE', argument: 'noise' });
  t.throws(() => noisyScores({ scores: [1], noise: [1], seed: -1 }), { code: 'BTM_DOMAIN', argument: 'seed' });
  t.throws(() => noisyScores({ scores: [1], noise: [1], seed: 0.5 }), { code: 'BTM_TYPE', argument: 'seed' });
  t.throws(() => noisyScoresGradient({ noise: [1], draws: [1, 2], gradient: [1] }), { code: 'BTM_SHAPE', argument: 'draws' });
  t.throws(() => noisyScoresGradient(undefined as never), { code: 'BTM_TYPE', argument: 'noise' });
});

t.test('the gradient through a gate that is almost certain keeps its digits', async (t) => {
  // dL/ds_0 = g_0 (1 - g_0) (a_0 - a_1) for two peers
  for (const backend of [reference, ...natives]) {
    const gradient = gateGradient({ weights: [1, 1e-20], gradient: [3, 1], backend });
    t.ok(Math.abs(gradient[0] / 2e-20 - 1) < 1e-15 && Math.abs(gradient[1] / -2e-20 - 1) < 1e-15, `${gradient}`);
    const offset = gateGradient({ weights: [0.25, 0.75], gradient: [2 ** 50 + 1, 2 ** 50 + 2], backend });
    t.strictSame([...offset], [-0.1875, 0.1875]);
  }
});
