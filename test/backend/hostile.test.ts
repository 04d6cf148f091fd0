/**
 * Every export of the package against hostile values at every place of a valid call: the calls are those of the printed examples, so that the
 * tables grow with the documentation. Each call ends in a result or in an error with a code of this package.
 */
import { runInNewContext } from 'node:vm';
import t from 'tap';
import * as root from '../../src/index.js';
import { createKey, memoryStore } from '../../src/ledger/index.js';
import { HOSTILE, outcomeOf, placesIn, spoiled, withValue } from './support/hostile.js';
import { type RecordedCall, recordCalls } from './support/recorded.js';

type Names = Record<string, (...args: unknown[]) => unknown>;
const { functions } = await recordCalls({ intermodel: root });
const names = root as unknown as Names;
const pair = [
  [1, 2, 3],
  [3, 1, 2],
];
const more: RecordedCall[] = [
  ...['pearson', 'spearman', 'kendall'].map((name) => ({ name, target: names[name] as never, args: pair })),
  {
    name: 'openLedger',
    target: names['openLedger'] as never,
    args: [{ store: memoryStore(), genesis: { participants: [{ key: createKey(new Uint8Array(32)).publicKey, stake: 5n }] } }],
  },
  { name: 'setDefaultBackend', target: names['setDefaultBackend'] as never, args: [root.defaultBackend()] },
];
const calls = [...functions, ...more];

/** Those that take nothing, and errors, which are results. */
const WITHOUT = new Set(['defaultBackend', 'AbortedError', 'EnvironmentError', 'InputError', 'InternalError']);

t.test('every export of the root entry has a valid call to spoil', async (t) => {
  const called = new Set(calls.map(({ name }) => name));
  const missing = Object.entries(root).filter(([name, value]) => typeof value === 'function' && !called.has(name) && !WITHOUT.has(name));
  t.strictSame(
    missing.map(([name]) => name),
    [],
  );
});

for (const { name, target, args } of calls) {
  t.test(`${name} refuses hostile values with a code`, { timeout: 60_000 }, async (t) => {
    t.equal(await outcomeOf(target, withValue(args, [0], args[0])), 'result', 'the call itself is valid');
    let refused = 0;
    for (const place of placesIn(args)) {
      const here = place.reduce<unknown>((value, key) => (value as Record<string | number, unknown>)?.[key], args);
      for (const value of [...HOSTILE.map((make) => make()), ...spoiled(here)]) {
        const outcome = await outcomeOf(target, withValue(args, place, value));
        if (outcome === 'refused') refused++;
        else if (outcome !== 'result')
          t.fail(`${name}, ${place.join('.')}: ${Object.prototype.toString.call(value)} ${outcome.stack?.slice(0, 300)}`);
      }
    }
    root.setDefaultBackend(root.createBackend({ kind: 'native' }));
    t.ok(args.length === 0 || refused > 0, `${refused} calls were refused`);
  });
}

t.test('values made in another realm are accepted as this realm’s are', async (t) => {
  const other = runInNewContext(
    '({ stake: Float64Array.of(1, 2), weights: Float32Array.of(.5, .5, .25, .75), labels: Int32Array.of(0), rows: [.5, .5, 0, 1] })',
  );
  const own = root.networkRanking({ stake: [1, 2], weights: [0.5, 0.5, 0.25, 0.75], n: 2 });
  t.strictSame(root.networkRanking({ stake: other.stake, weights: other.weights, n: 2 }), own);
  t.strictSame(root.networkRanking({ weights: other.rows, n: 2 }), root.networkRanking({ weights: [0.5, 0.5, 0, 1], n: 2 }));
  const head = { layers: [{ weights: [1, 0, 0, 1], bias: [0, 0], activation: 'identity' as const }] };
  const scores = { head, responses: [1, 2], batch: 1, peers: 2, width: 1, estimator: 'ablation' as const };
  t.strictSame(root.removalScores({ ...scores, labels: other.labels }).scores, root.removalScores({ ...scores, labels: [0] }).scores);
  const chosen = { first: [1, 0], second: [0, 1], query: [1, 1], rows: 2, columns: 2, width: 1, k: 1 };
  const { weights } = root.productKeyGate(chosen);
  const selected = runInNewContext('Int32Array.of(1)');
  t.doesNotThrow(() => root.productKeyGateGradient({ ...chosen, selected, weights, gradient: [1] }));
});

t.test('weights kept in 32 bits may be off by their own rounding, and by no more', async (t) => {
  const rows = Float32Array.of(0.6, 0.4, 0.1, 0.9);
  t.strictSame(
    root.networkRanking({ weights: rows, n: 2 }),
    root.networkRanking({ weights: rows, n: 2, backend: root.createBackend({ kind: 'reference' }) }),
  );
  t.throws(() => root.networkRanking({ weights: Float32Array.of(0.6, 0.40001, 0.1, 0.9), n: 2 }), { code: 'BTM_ROWSUM', index: 0 });
  t.throws(() => root.networkRanking({ weights: [...rows], n: 2 }), { code: 'BTM_ROWSUM' }, 'the same numbers in 64 bits are off');
});

t.test('a Hessian that was changed in place is checked and used anew; a game keeps the one it was made with', async (t) => {
  const rest = { n: 2, temperature: 5, alpha: 25, tau: 1, initialWeights: [0.5, 0.5, 0.5, 0.5] };
  for (const data of [[2, 3], Float64Array.of(2, 3)]) {
    const hessian = { kind: 'diagonal' as const, data };
    const before = root.createGame({ ...rest, hessian });
    const again = root.createGame({ ...rest, hessian });
    t.equal(again.hessians, before.hessians, 'unchanged, it is shared');
    data[0] = 7;
    t.equal(before.hessians.data[0], 2, 'a game does not move');
    t.equal(root.createGame({ ...rest, hessian }).hessians.data[0], 7, 'a new game has the new numbers');
    data[1] = Number.NaN;
    t.throws(() => root.createGame({ ...rest, hessian }), { code: 'BTM_NONFINITE' });
  }
});
