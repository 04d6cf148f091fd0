import t from 'tap';
import {
  boundedStep,
  createKey,
  memoryStore,
  openLedger,
  ROW_PARTS,
  rowToParts,
  type SigningKey,
  sparseRow,
  TOKEN,
} from '../../src/ledger/index.js';

const keyNumber = (n: number): SigningKey => createKey(new Uint8Array(32).fill(n + 1));

t.test('three participants: rows move by bounded steps, rank by (5), stake grows by (6)', async (t) => {
  const keys = [0, 1, 2].map(keyNumber);
  const stakes = [3n * TOKEN, 2n * TOKEN, 1n * TOKEN];
  const ledger = await openLedger({
    store: memoryStore(),
    genesis: {
      parameters: { epsilon: 400_000_000, emission: 'l1' },
      participants: keys.map((key, i) => ({ key: key.publicKey, stake: stakes[i] })),
    },
  });
  const target = rowToParts([0, 3, 1]);
  for (let block = 0; block < 5; block++) {
    const state = ledger.state();
    const row = boundedStep(state.denseRow(keys[0].publicKey), target, state.parameters.epsilon);
    const receipt = ledger.submitAction(keys[0], { kind: 'setWeights', row: { targets: keys.map((key) => key.publicKey), weights: row } });
    t.equal(receipt.code, 'ok', `block ${block}`);
    await ledger.closeBlock();
  }
  const state = ledger.state();
  t.same(state.row(keys[0].publicKey), {
    targets: [keys[1].publicKey, keys[2].publicKey],
    weights: Uint32Array.of(750_000_000, 250_000_000),
  });
  t.equal(state.supply, 6n * TOKEN + 5n * TOKEN, 'l1 mints exactly tau a block');
  const sum = state.participants().reduce((total, p) => total + p.stake, 0n);
  t.equal(sum, state.supply);
  const first = ledger.rankings()[0];
  t.same(
    first.exact,
    stakes.map((stake) => stake * BigInt(ROW_PARTS)),
    'before any row moved, every participant ranks itself',
  );
  t.same(first.paid, [500_000_000n, 333_333_333n, 166_666_667n], 'largest remainder');
  t.equal(first.ranking[0], 1, 'R_0 = (1/3) * 3 tokens');
  t.match(await ledger.verify(), { ok: true, height: 5 });
});

t.test('genesis rows need not be on the diagonal', async (t) => {
  const keys = [0, 1].map(keyNumber);
  const ledger = await openLedger({
    store: memoryStore(),
    genesis: { participants: keys.map((key) => ({ key: key.publicKey, stake: TOKEN, row: sparseRow(rowToParts([1, 1])) })) },
  });
  await ledger.closeBlock();
  t.same(ledger.state().weights().parts, Uint32Array.of(500_000_000, 500_000_000, 500_000_000, 500_000_000));
  t.equal(ledger.state().minted, 1_414_213_562n, 'l2: tau * 2 / sqrt(2), rounded down');
});
