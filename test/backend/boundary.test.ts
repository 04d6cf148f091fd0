/** The addon's boundary: every method against a table of hostile values. Each ends in a result or a coded error, never a crash. */
import t from 'tap';
import { loadAddon } from '../../src/backend/index.js';
import { openEngine } from './support/engine.js';
import { copyOf, HOSTILE } from './support/hostile.js';
import { nativeCalls } from './support/native-calls.js';
import { hostileRounds } from './support/native-rounds.js';
import { endlessBatch } from './support/rounds.js';

type Call = (...args: unknown[]) => unknown;
const engine = openEngine();
const calls = new Map((await nativeCalls(engine)).map((call) => [call.name, call]));

/** A valid call with some places changed. */
function changed(name: string, changes: Record<number, unknown>): () => unknown {
  const call = calls.get(name);
  const args = call?.args.map(copyOf) ?? [];
  for (const [place, value] of Object.entries(changes)) args[Number(place)] = value;
  return () => call?.target(...args);
}

t.test('every method survives hostile arguments, as many as it takes', { timeout: 120_000 }, async (t) => {
  const tally = await hostileRounds(20_000, 2026);
  t.strictSame(tally.uncoded, []);
  t.ok(tally.refused > 10_000 && tally.refused < tally.calls, `${tally.refused} of ${tally.calls} calls were refused with a code`);
});

t.test('createEngine survives hostile arguments', async (t) => {
  const create = loadAddon().addon.createEngine as Call;
  for (const isa of HOSTILE) {
    for (const threads of HOSTILE) {
      try {
        create(isa(), threads());
      } catch (error) {
        t.match((error as { code?: string }).code, /^BTM_/);
      }
    }
  }
});

t.test('indices beyond their arrays are refused: each check of the addon, from both sides', async (t) => {
  const removal = calls.get('removalScores')?.args ?? [];
  const given = (removal[8] as Int32Array).length;
  const labels = (label: number) => ({ 8: new Int32Array(given).fill(label) });
  t.doesNotThrow(changed('removalScores', labels(0)));
  for (const label of [-1, 3, 2 ** 31 - 1]) t.throws(changed('removalScores', labels(label)), { code: 'BTM_LABEL' }, `label ${label}`);
  const head = calls.get('headGradient')?.args ?? [];
  const gradient = head[7] as Int32Array;
  const outputs = (head[1] as Float64Array).length / (head[13] as number);
  for (const label of [-1, outputs]) t.throws(changed('headGradient', { 7: gradient.slice().fill(label) }), { code: 'BTM_LABEL' });
  const distilled = calls.get('distillation')?.args ?? [];
  const classes = Number(distilled[10]);
  const batch = Number(distilled[9]);
  t.doesNotThrow(changed('distillation', { 4: new Int32Array(batch).fill(classes - 1) }));
  for (const label of [-1, classes]) t.throws(changed('distillation', { 4: new Int32Array(batch).fill(label) }), { code: 'BTM_LABEL' });
  const keyed = calls.get('productKeyGateGradient')?.args ?? [];
  const peers = Number(keyed[11]) * Number(keyed[12]);
  const selected = keyed[6] as Int32Array;
  t.doesNotThrow(changed('productKeyGateGradient', { 6: selected.slice().fill(-1) }));
  t.throws(changed('productKeyGateGradient', { 6: selected.slice().fill(peers) }), { code: 'BTM_DOMAIN', message: /selected/ });
  for (const index of [-1, 1]) {
    t.throws(changed('createGameBatch', { 1: Int32Array.of(index) }), { code: 'BTM_DOMAIN', message: /hessianIndex/ });
  }
  const handle = endlessBatch(engine);
  const rows = Int32Array.from({ length: 16 }, (_, row) => row);
  t.doesNotThrow(() => handle.setOrders(rows));
  for (const row of [-1, 16]) t.throws(() => handle.setOrders(rows.map((old) => (old === 3 ? row : old))), { code: 'BTM_DOMAIN' });
  const start = new Uint32Array(65).fill(1, 1);
  const page = (target: number) => ({ 2: [start, Uint32Array.of(target), Uint32Array.of(1)] });
  t.doesNotThrow(changed('ledgerRank', page(1)));
  t.throws(changed('ledgerRank', page(2)), { code: 'BTM_DOMAIN', message: /beyond the last slot/ });
});

t.test('how Hessians are stored: only the combinations that the kernels know', async (t) => {
  const n = 3;
  const [DENSE, SHARED, LOW_RANK, DIAGONAL] = [0, 1, 2, 3];
  const call = (storage: number, rank: number, own: number, length: number) => () => {
    const [gradient, mask, derivative, reference] = [0, 1, 2, 3].map(() => new Float64Array(n * n));
    const method = engine.weightGradient as (...args: unknown[]) => unknown;
    method(gradient, new Float64Array(n), mask, derivative, reference, new Float64Array(length), storage, rank, own, n);
  };
  for (const [storage, rank, own, length] of [
    [DENSE, 0, 1, 27],
    [SHARED, 0, 0, 9],
    [LOW_RANK, 2, 0, 6],
    [LOW_RANK, 2, 1, 18],
    [DIAGONAL, 0, 0, 3],
    [DIAGONAL, 0, 1, 9],
  ] as const)
    t.doesNotThrow(call(storage, rank, own, length), `storage ${storage}, rank ${rank}, own ${own}`);
  // Read as low rank, the first would take a factor of 1,000 rows out of nine numbers.
  t.throws(call(DENSE, 1000, 0, 9), { code: 'BTM_DOMAIN', message: /rank/ });
  t.throws(call(DENSE, 0, 0, 9), { code: 'BTM_DOMAIN', message: /own/ });
  t.throws(call(SHARED, 0, 1, 27), { code: 'BTM_DOMAIN', message: /own/ });
  t.throws(call(DIAGONAL, 5, 1, 9), { code: 'BTM_DOMAIN', message: /rank/ });
});

t.test('a getter in a list cannot free what was looked at before it', async (t) => {
  const detach = (array: BigUint64Array) => structuredClone(array.buffer, { transfer: [array.buffer as ArrayBuffer] });
  for (const victim of [0, 1, 3]) {
    const args = (calls.get('ledgerRank')?.args ?? []).map(copyOf);
    const list = args[2] as unknown[];
    const last = list[2];
    Object.defineProperty(list, 2, {
      get: () => {
        detach(args[victim] as BigUint64Array);
        return last;
      },
    });
    t.throws(() => calls.get('ledgerRank')?.target(...args), { code: 'BTM_SHAPE' }, `argument ${victim} is detached by the getter`);
  }
  const args = (calls.get('ledgerRank')?.args ?? []).map(copyOf);
  const list = args[2] as unknown[];
  const targets = list[1] as Uint32Array;
  Object.defineProperty(list, 2, {
    get: () => {
      structuredClone(targets.buffer, { transfer: [targets.buffer as ArrayBuffer] });
      return Uint32Array.of(1);
    },
  });
  t.throws(() => calls.get('ledgerRank')?.target(...args), { code: 'BTM_SHAPE' }, 'an entry that a later getter detaches');
  const own = new RangeError('mine');
  Object.defineProperty(list, 2, {
    get: () => {
      throw own;
    },
  });
  t.throws(() => calls.get('ledgerRank')?.target(...args), own, 'what a getter throws is thrown on');
});

t.test('indices may neither overlap an output nor lie in shared memory', async (t) => {
  const size = 1024; // more than both arrays of the call take
  const buffer = new ArrayBuffer(size);
  const removal = calls.get('removalScores')?.args ?? [];
  const scores = removal[0] as Float64Array;
  const count = (removal[8] as Int32Array).length;
  const overlap = { 0: new Float64Array(buffer, 0, scores.length), 8: new Int32Array(buffer, 0, count) };
  t.throws(changed('removalScores', overlap), { code: 'BTM_DOMAIN', message: /overlap/ });
  t.doesNotThrow(
    changed('removalScores', { ...overlap, 8: new Int32Array(buffer, size - 4 * count, count) }),
    'beside each other they may lie',
  );
  t.throws(changed('removalScores', { 8: new Int32Array(new SharedArrayBuffer(4)) }), { code: 'BTM_TYPE', message: /shared/ });
  const table = new BigUint64Array(buffer, 0, 2);
  t.throws(changed('ledgerRank', { 0: table, 3: new BigUint64Array(buffer, 8, 2) }), { code: 'BTM_DOMAIN', message: /overlap/ });
});

t.test('groups of peers: offsets that begin, ascend and end where they should, members that ascend and exist', async (t) => {
  const peers = (calls.get('removalScores')?.args ?? [])[6] as Int32Array;
  const grouped = (offsets: number[], members: number[]) =>
    changed('removalScores', { 11: Int32Array.from(offsets), 12: Int32Array.from(members) });
  for (const [offsets, members, code, message] of [
    [[1, 2], [0, 0], 'BTM_SHAPE', /begin with 0/],
    [[0, 1], [0, 0], 'BTM_SHAPE', /end with the number of members/],
    [[0, 1, 1], [0], 'BTM_DOMAIN', /groupOffsets must ascend/],
    [[0, 0, 1], [0], 'BTM_DOMAIN', /groupOffsets must ascend/],
    [[0, 9, 1], [0], 'BTM_DOMAIN', /groupOffsets must ascend/],
    [[0, 2], [0, 0], 'BTM_DOMAIN', /ascending order/],
    [[0, 1], [peers.length], 'BTM_DOMAIN', /ascending order/],
    [[0, 1], [-1], 'BTM_DOMAIN', /ascending order/],
  ] as const) {
    t.throws(grouped([...offsets], [...members]), { code, message }, JSON.stringify([offsets, members]));
  }
});

t.test('a handle is usable again after a job that was refused, ran or never began', async (t) => {
  const handle = endlessBatch(engine);
  t.throws(() => (handle.run as Call)('far'), { code: 'BTM_TYPE' });
  await handle.run(3).promise;
  const job = handle.run(2 ** 39);
  t.throws(() => handle.run(1), { code: 'BTM_DOMAIN', message: /being advanced/ });
  t.throws(() => handle.setOrders(new Int32Array(16)), { code: 'BTM_DOMAIN' });
  job.cancel();
  await job.promise;
  await handle.run(1).promise;
});
