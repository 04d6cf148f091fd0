import t from 'tap';
import { fma } from '../../src/core/arithmetic/index.js';
import { RandomStream } from '../../src/core/random.js';
import { gate } from '../../src/gating.js';
import { productKeyGate, productKeyGateGradient } from '../../src/gating-product-key.js';
import { firstDifference, misaligned, nameOf, natives, reference } from '../support/backends.js';

interface Case {
  readonly query: Float64Array;
  readonly first: Float64Array;
  readonly second: Float64Array;
  readonly answered: Int32Array;
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly width: number;
  readonly peers: number;
  readonly k: number;
}

const dot = (codes: Float64Array, code: number, query: Float64Array): number =>
  query.reduce((sum, q, m) => fma(codes[code * query.length + m], q, sum), 0);

/** Scores and sorts every existing, answered key of one sample. */
function everyKey(input: Case, b: number): { peer: number; score: number }[] {
  const { width, rows, columns, peers } = input;
  const left = input.query.subarray(b * 2 * width, b * 2 * width + width);
  const right = input.query.subarray(b * 2 * width + width, (b + 1) * 2 * width);
  const keys: { peer: number; i: number; j: number; a: number; c: number; score: number }[] = [];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const peer = i * columns + j;
      if (peer >= peers || input.answered[b * peers + peer] === 0) continue;
      const [a, c] = [dot(input.first, i, left), dot(input.second, j, right)];
      keys.push({ peer, i, j, a, c, score: a + c });
    }
  }
  return keys.sort((x, y) => y.score - x.score || y.a - x.a || x.i - y.i || y.c - x.c || x.j - y.j);
}

function randomCase(seed: number, options: { batch?: number; integers?: boolean; answered?: boolean } = {}): Case {
  const stream = new RandomStream(seed);
  const [rows, columns, width, batch] = [1 + stream.integer(9), 1 + stream.integer(9), 1 + stream.integer(9), options.batch ?? 3];
  const peers = 1 + stream.integer(rows * columns);
  const draw = (length: number): Float64Array => {
    const values = misaligned(stream, length);
    return options.integers === true ? values.map(Math.round) : values;
  };
  const answered = Int32Array.from({ length: batch * peers }, (_, i) =>
    i % peers === 0 || options.answered === true ? 1 : stream.integer(2),
  );
  const k = 1 + stream.integer(peers);
  const [query, first, second] = [draw(batch * 2 * width), draw(rows * width), draw(columns * width)];
  return { query, first, second, answered, batch, rows, columns, width, peers, k };
}

t.test('exactly the choice, scores and weights of scoring and sorting every key', async (t) => {
  let ties = 0;
  for (let seed = 0; seed < 400; seed++) {
    const input = randomCase(seed, { integers: seed % 2 === 0 });
    const { selected, scores, weights } = productKeyGate(input);
    for (let b = 0; b < input.batch; b++) {
      const best = everyKey(input, b);
      const chosen = best.slice(0, input.k);
      ties += Number(chosen.some((key, slot) => slot > 0 && key.score === chosen[slot - 1].score));
      const weightsOf = gate({ scores: chosen.map((key) => key.score), k: chosen.length }).weights;
      for (let slot = 0; slot < input.k; slot++) {
        const at = b * input.k + slot;
        const wanted = chosen[slot] ?? { peer: -1, score: 0 };
        const same = selected[at] === wanted.peer && scores[at] === wanted.score && weights[at] === (weightsOf[slot] ?? 0);
        if (!same)
          t.fail(`seed ${seed}, sample ${b}, slot ${slot}: ${selected[at]} at ${scores[at]}, wanted ${wanted.peer} at ${wanted.score}`);
      }
    }
  }
  t.ok(ties > 50, `${ties} samples had equal scores among the chosen`);
});

t.test('rounding ties: sums that round to the same number keep the better row first', async (t) => {
  // 1 + 2^-53 rounds to 1, so both rows score 1 with the one column; the larger code score comes first
  const { selected } = productKeyGate({ query: [1, 1], first: [0, 2 ** -53], second: [1], rows: 2, columns: 1, width: 1, k: 2 });
  t.strictSame([...selected], [1, 0]);
});

t.test('gradients of query and codebooks are central differences', async (t) => {
  const input = randomCase(41, { answered: true });
  const stream = new RandomStream(42);
  const gradient = Float64Array.from({ length: input.batch * input.k }, () => stream.normal());
  const choice = productKeyGate(input);
  const analytic = productKeyGateGradient({ ...input, ...choice, gradient });
  const value = (changed: Partial<Case>): number =>
    productKeyGate({ ...input, ...changed }).weights.reduce((sum, w, slot) => sum + w * gradient[slot], 0);
  const h = 1e-6;
  for (const name of ['query', 'first', 'second'] as const) {
    let worst = 0;
    for (let at = 0; at < input[name].length; at++) {
      const shifted = (by: number): number => value({ [name]: input[name].map((x, i) => (i === at ? x + by : x)) });
      worst = Math.max(worst, Math.abs(analytic[name][at] - (shifted(h) - shifted(-h)) / (2 * h)));
    }
    t.ok(worst < 1e-8, `${name}: worst difference ${worst}`);
  }
  t.ok(
    analytic.first.some((slope) => Math.abs(slope) > 1e-3),
    'the gradient is not all zero',
  );
});

t.test('native equals the reference to the bit', async (t) => {
  for (let seed = 0; seed < 40; seed++) {
    const input = randomCase(seed, { integers: seed % 4 === 0, ...(seed < 3 ? { batch: seed * 400 } : {}) });
    const stream = new RandomStream(seed, 1);
    const gradient = misaligned(stream, input.batch * input.k);
    const oracle = productKeyGate({ ...input, backend: reference });
    const oracleGradient = productKeyGateGradient({ ...input, ...oracle, gradient, backend: reference });
    for (const backend of natives) {
      const result = productKeyGate({ ...input, backend });
      const back = productKeyGateGradient({ ...input, ...oracle, gradient, backend });
      const same =
        result.selected.every((peer, slot) => peer === oracle.selected[slot]) &&
        firstDifference(result.scores, oracle.scores) < 0 &&
        firstDifference(result.weights, oracle.weights) < 0 &&
        firstDifference(back.query, oracleGradient.query) < 0 &&
        firstDifference(back.first, oracleGradient.first) < 0 &&
        firstDifference(back.second, oracleGradient.second) < 0;
      if (!same) t.fail(`seed ${seed}, ${nameOf(backend)}`);
    }
  }
  t.ok(natives.length >= 3, `${natives.length} native configurations compared`);
});

t.test('hostile input is refused with code, argument and index', async (t) => {
  const good = { query: [1, 1], first: [1, 2], second: [1, 2], rows: 2, columns: 2, width: 1, k: 1 };
  const refused: readonly (readonly [object, { code: string; argument: string; index?: number }])[] = [
    [{ k: 5 }, { code: 'BTM_DOMAIN', argument: 'k' }],
    [{ k: 0 }, { code: 'BTM_DOMAIN', argument: 'k' }],
    [{ peers: 5 }, { code: 'BTM_DOMAIN', argument: 'peers' }],
    [{ rows: 0 }, { code: 'BTM_DOMAIN', argument: 'rows' }],
    [
      { rows: 2 ** 20, columns: 2 ** 20 },
      { code: 'BTM_DOMAIN', argument: 'columns' },
    ],
    [{ width: 0 }, { code: 'BTM_DOMAIN', argument: 'width' }],
    [{ query: [1] }, { code: 'BTM_SHAPE', argument: 'query' }],
    [{ first: [1, Number.NaN] }, { code: 'BTM_NONFINITE', argument: 'first', index: 1 }],
    [{ second: undefined }, { code: 'BTM_TYPE', argument: 'second' }],
    [{ answered: [0, 0, 0, 0] }, { code: 'BTM_ALL_MASKED', argument: 'answered', index: 0 }],
  ];
  for (const [change, expected] of refused)
    t.throws(() => productKeyGate({ ...good, ...change } as never), expected, JSON.stringify(change));
  t.throws(() => productKeyGate(undefined as never), { code: 'BTM_TYPE', argument: 'rows' });
  const back = { ...good, k: 2, selected: new Int32Array([0, 3]), weights: [0.5, 0.5], gradient: [1, 0] };
  t.throws(() => productKeyGateGradient({ ...back, selected: new Int32Array([0, 4]) }), {
    code: 'BTM_DOMAIN',
    argument: 'selected',
    index: 1,
  });
  t.throws(() => productKeyGateGradient({ ...back, selected: new Int32Array([-1, 0]) }), {
    code: 'BTM_DOMAIN',
    argument: 'selected',
    index: 1,
  });
  t.throws(() => productKeyGateGradient({ ...back, selected: [0, 1] as never }), { code: 'BTM_TYPE', argument: 'selected' });
  t.throws(() => productKeyGateGradient({ ...back, weights: [0.5, -1] }), { code: 'BTM_NEGATIVE', argument: 'weights', index: 1 });
});
