/** Every function of `intermodel/ledger` against a table of hostile values: a typed error or an answer, never anything else, and always an end. */
import t from 'tap';
import * as api from '../../src/ledger/index.js';
import { testKey } from './workload.js';

// biome-ignore format: a table
const HOSTILE: readonly unknown[] = [
  undefined, null, true, 0, -1, -100, 0.5, 1e300, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 5n, -5n, '', 'x', 'ff'.repeat(32), '\ud800', [], [null], [Number.NaN],
  ['x'], [-1], new Array(3), {}, { kind: 'bond' }, { publicKey: 'x' }, { length: 3 }, { height: 1, hash: 'x' }, () => 1, Symbol('s'), new Uint8Array(3), new Uint32Array(2),
  new Float64Array([Number.NaN]), new Date(0), new Map(),
];

const key = testKey(0);
const ledger = await api.openLedger({ store: api.memoryStore(), genesis: { participants: [{ key: key.publicKey, stake: api.TOKEN }] } });
await ledger.closeBlock();
const view = ledger.state();
const whole = [1_000_000_000, 0];
const row = { targets: [key.publicKey], weights: [1_000_000_000] };
const published = { keys: [key.publicKey], row: [1_000_000_000], epsilon: 1 };
const head = { height: 1, hash: ledger.head };
const signed = api.signHead(ledger.chain, head, key);

/** Good arguments of each function; every one is replaced by every hostile value in turn. */
const CALLS: readonly (readonly [name: string, call: (...args: never[]) => unknown, good: readonly unknown[]])[] = [
  ['boundedStep', api.boundedStep, [whole, [500_000_000, 500_000_000], 100]],
  ['rowToParts', api.rowToParts, [[1, 2]]],
  ['sparseRow', api.sparseRow, [whole]],
  ['auditRow', api.auditRow, [published, new Map([[key.publicKey, 1]])]],
  ['commitmentHash', api.commitmentHash, [key.publicKey, row, '5a'.repeat(32)]],
  ['rotationBytes', api.rotationBytes, [ledger.chain, key.publicKey, 0, testKey(1).publicKey]],
  [
    'transactionHash',
    api.transactionHash,
    [api.signTransaction({ kind: 'bond', amount: 1n, chain: ledger.chain, from: key.publicKey, nonce: 0 }, key)],
  ],
  ['decodeTransaction', api.decodeTransaction, [new Uint8Array(4)]],
  ['createKey', api.createKey, [new Uint8Array(32)]],
  ['signBytes', api.signBytes, [new Uint8Array(4), key]],
  ['signTransaction', api.signTransaction, [{ kind: 'unregister', chain: ledger.chain, from: key.publicKey, nonce: 0 }, key]],
  ['signHead', api.signHead, [ledger.chain, head, key]],
  ['isSignedHead', api.isSignedHead, [signed]],
  ['forkProof', api.forkProof, [signed, signed, []]],
  ['verifyForkProof', api.verifyForkProof, [{}]],
  ['verifyProof', api.verifyProof, [await ledger.prove(key.publicKey), ledger.head]],
  ['verifyAgainstHead', api.verifyAgainstHead, [api.memoryStore(), head]],
  ['verifyStore', api.verifyStore, [api.memoryStore(), {}]],
  ['encodeGenesis', api.encodeGenesis, [{}]],
  ['decodeGenesis', api.decodeGenesis, [api.encodeGenesis({})]],
  ['openLedger', api.openLedger, [{ store: api.memoryStore(), genesis: {} }]],
  ['openLedger genesis', (genesis: never) => api.openLedger({ store: api.memoryStore(), genesis }), [{}]],
  ['openLedger history', (history: never) => api.openLedger({ store: api.memoryStore(), genesis: {}, history }), [3]],
  ['etcdStore', api.etcdStore, [{ endpoints: ['http://127.0.0.1:1'], prefix: 'x' }]],
  ['sqliteStore', (busy_ms: never) => api.sqliteStore(':memory:', { busy_ms }), [3]],
  ['submit', (tx: never) => ledger.submit(tx), [{}]],
  ['submitAction', (who: never, action: never) => ledger.submitAction(who, action), [key, { kind: 'unregister' }]],
  ['submitAndClose', (who: never, action: never) => ledger.submitAndClose(who, action), [key, { kind: 'bond', amount: api.TOKEN }]],
  ['block', (height: never) => ledger.block(height), [1]],
  ['prove', (who: never) => ledger.prove(who), [key.publicKey]],
  ['published', (who: never) => ledger.published(who), [key.publicKey]],
  ...(['stake', 'balance', 'nonce', 'row', 'denseRow', 'participant'] as const).map(
    (name) => [name, (who: never) => view[name](who), [key.publicKey]] as const,
  ),
];

const TYPED = new Set(['InputError', 'EnvironmentError']);

/** What is wrong with how a call ended, or undefined. */
async function ending(call: (...args: never[]) => unknown, args: readonly unknown[]): Promise<string | undefined> {
  try {
    await call(...(args as never[]));
    return undefined;
  } catch (error) {
    return TYPED.has((error as Error).name) ? undefined : String((error as Error).stack ?? error);
  }
}

for (const [name, call, good] of CALLS) {
  t.test(name, async (t) => {
    t.equal(await ending(call, good), undefined, 'good arguments');
    const wrong: string[] = [];
    for (let at = 0; at < good.length; at++) {
      for (const value of HOSTILE) {
        const problem = await ending(call, good.with(at, value));
        if (problem !== undefined)
          wrong.push(`argument ${at} = ${typeof value} ${String(value?.toString())}: ${problem.split('\n').slice(0, 3).join(' | ')}`);
      }
    }
    t.same(wrong, []);
  });
}

t.test('the number that never came back', async (t) => {
  const halves = [500_000_000, 500_000_000];
  for (const epsilon of [-100, 0.5, Number.NaN, undefined, '5', 2n, Number.POSITIVE_INFINITY])
    t.throws(() => api.boundedStep(whole, halves, epsilon as never), { name: 'InputError', argument: 'epsilon' });
  t.same([...api.boundedStep(whole, halves, 0)], whole, 'no step is allowed: no step is made');
  t.same([...api.boundedStep(whole, halves, 1_414_213_563)], halves);
  t.throws(() => api.boundedStep(whole, [500_000_000, 500_000_000.5], 5), { code: 'BTM_DOMAIN', message: /target\[1\]/ });
});
