import t from 'tap';
import { loadAddon } from '../../src/backend/load.js';
import {
  DEFAULT_PARAMETERS,
  encodeGenesis,
  kernelProcessor,
  type LedgerKernels,
  memoryStore,
  openLedger,
  type Parameters,
  rowToParts,
  sparseRow,
  TOKEN,
} from '../../src/ledger/index.js';
import { runHistory } from './history.js';
import { testKey } from './workload.js';

const { addon } = loadAddon();
const native = kernelProcessor(addon.createEngine(undefined, 2) as unknown as LedgerKernels, 'native');
const keys = [0, 1, 2].map(testKey);

/** R of one block in units of token times row, for rows and stakes in tokens. */
async function ranked(stakes: number[], rows: number[][], parameters: Partial<Parameters>, processor = native): Promise<number[]> {
  const participants = stakes.map((stake, n) => ({
    key: keys[n]!.publicKey,
    stake: BigInt(stake) * TOKEN,
    row: sparseRow(rowToParts(rows[n]!)),
  }));
  const ledger = await openLedger({
    store: memoryStore(),
    processor,
    genesis: { parameters: { emission: 'l1', ...parameters }, participants },
  });
  await ledger.closeBlock();
  const found = ledger.ranking();
  t.equal(
    found?.paid.reduce((a, b) => a + b, 0n),
    found?.minted,
    'what is minted is paid',
  );
  return (found?.exact ?? []).map((value) => Number(value) / 1e18);
}

t.test('clipping: what a minority gives itself counts for nothing, what a majority gives stays', async (t) => {
  const rows = [
    [0.5, 0.5, 0],
    [0.5, 0.5, 0],
    [0, 0, 1],
  ];
  const half = { consensus: 500_000_000 };
  t.same(await ranked([3, 3, 4], rows, {}), [3, 3, 4], 'off: the hoarder ranks by its stake');
  t.same(await ranked([3, 3, 4], rows, half), [3, 3, 0], 'a hoarder of 40 %');
  t.same(await ranked([2, 2, 6], rows, half), [0, 0, 6], 'with 60 % it is the majority');
  t.same(await ranked([2, 3, 5], rows, half), [2.5, 2.5, 5], 'exactly half supports both');
  t.same(await ranked([2, 2, 6], rows, { consensus: 600_000_001 }), [0, 0, 0], 'a level that no side reaches: nothing is paid');
  const uneven = [
    [0.5, 0.25, 0.25],
    [0.25, 0.5, 0.25],
    [0.75, 0, 0.25],
  ];
  t.same(
    await ranked([2, 4, 2], uneven, half),
    [3, 2.5, 2],
    'levels 1/2, 1/2 and 1/4: only the first weight of the last row is cut, to 1/2',
  );
});

t.test('cap: stake above it rates no more, and is still paid', async (t) => {
  const rows = [
    [0, 1, 0],
    [0, 0, 1],
    [1, 0, 0],
  ];
  t.same(await ranked([9, 2, 1], rows, { ratingCap: 3n * TOKEN }), [1, 3, 2]);
  t.same(await ranked([9, 2, 1], rows, { ratingCap: 9n * TOKEN }), [1, 9, 2], 'a cap that no stake passes');
});

t.test('others only: own weights count for nothing and the rest in full', async (t) => {
  const rows = [
    [0.5, 0.25, 0.25],
    [0.75, 0, 0.25],
    [0, 0, 1],
  ];
  // (0, 1/2, 1/2), (3/4, 0, 1/4), and the hoarder's row evenly over the two others.
  t.same(await ranked([2, 4, 8], rows, { othersOnly: 1 }), [3 + 4, 1 + 4, 1 + 1]);
  const alone = [
    [1, 0, 0],
    [1, 0, 0],
    [1, 0, 0],
  ];
  t.same(await ranked([2, 0, 0], alone, { othersOnly: 1, minimumStake: 0n }), [0, 0, 0], 'no other participant rates: nothing is ranked');
});

t.test('share: at most a part of all stake rates', async (t) => {
  const rows = [
    [0, 1, 0],
    [0, 0, 1],
    [1, 0, 0],
  ];
  t.same(await ranked([9, 2, 1], rows, { ratingShare: 250_000_000 }), [1, 3, 2], 'a quarter of 12');
  t.same(await ranked([9, 2, 1], rows, { ratingShare: 250_000_000, ratingCap: 2n * TOKEN }), [1, 2, 2], 'the smaller cap holds');
  t.same(await ranked([9, 2, 1], rows, { ratingShare: 250_000_000, ratingCap: 5n * TOKEN }), [1, 3, 2]);
});

t.test('pull: rows move towards the levels that enough stake supports', async (t) => {
  const rows = [
    [0.5, 0.5, 0],
    [0.5, 0.5, 0],
    [0, 0, 1],
  ];
  // Half of the stake supports 1/2 and 1/2 and nothing on the third; half way there its row is (1/4, 1/4, 1/2).
  const half = { consensus: 500_000_000, consensusPull: 500_000_000 };
  t.same(await ranked([3, 3, 4], rows, half), [4, 4, 2]);
  t.same(await ranked([3, 3, 4], rows, { ...half, consensusPull: 1_000_000_000 }), [5, 5, 0]);
  const none = { consensus: 600_000_001, consensusPull: 500_000_000 };
  t.same(await ranked([2, 2, 6], rows, none), [2, 2, 6], 'without a level nothing moves');
});

t.test('random histories: the auditor agrees on both processors, and the chain replays', async (t) => {
  const defences: Partial<Parameters>[] = [
    { ratingCap: 2n * TOKEN },
    { consensus: 400_000_000 },
    { ratingCap: TOKEN, consensus: 600_000_000 },
    { othersOnly: 1, emission: 'none' },
    { othersOnly: 1, ratingShare: 200_000_000, emission: 'l2' },
    { othersOnly: 1, ratingShare: 300_000_000, ratingCap: 3n * TOKEN, consensus: 500_000_000, consensusPull: 400_000_000 },
  ];
  for (const [index, parameters] of defences.entries()) {
    for (let seed = 300; seed < 306; seed++) {
      const one = await runHistory(seed, 8, { parameters });
      const two = await runHistory(seed, 8, { parameters, processor: native });
      t.equal(one.ledger.head, two.ledger.head, `defence ${index}, seed ${seed}`);
      if (seed === 300) t.match(await one.ledger.verify(), { ok: true });
    }
  }
});

t.test('off by default: no byte of a ledger changes, and a snapshot brings the rules back', async (t) => {
  t.match(DEFAULT_PARAMETERS, { ratingCap: 0n, consensus: 0, consensusPull: 0, ratingShare: 0, othersOnly: 0 });
  const participants = [{ key: keys[0]!.publicKey, stake: TOKEN }];
  t.same(encodeGenesis({ participants, parameters: { ratingCap: 0n, consensus: 0 } }), encodeGenesis({ participants }));
  t.notMatch(Buffer.from(encodeGenesis({ participants })).toString('latin1'), /ratingCap|consensus|ratingShare|othersOnly/);
  for (const parameters of [{}, { ratingCap: 5n, consensus: 7 }, { ratingShare: 8, othersOnly: 1, consensus: 3, consensusPull: 9 }]) {
    const store = memoryStore();
    const ledger = await openLedger({ store, genesis: { participants, parameters: { ...parameters, authority: keys[0]!.publicKey } } });
    await ledger.closeBlock();
    await ledger.snapshot({ prune: true });
    const again = await openLedger({ store });
    t.same(again.state().parameters, ledger.state().parameters);
    const change = { kind: 'setParameters', parameters: { consensus: 0, consensusPull: 0, ratingCap: 9n } } as const;
    t.match(await again.submitAndClose(keys[0]!, change), { code: 'ok' });
    t.match(again.state().parameters, { consensus: 0, ratingCap: 9n });
    t.match(await again.verify(), { ok: true });
    for (const wrong of [{ consensus: 1_000_000_001 }, { othersOnly: 2 }, { ratingShare: -1 }, { consensusPull: 1, consensus: 0 }]) {
      t.match(await again.submitAndClose(keys[0]!, { kind: 'setParameters', parameters: wrong }), { code: 'parameter_out_of_range' });
    }
  }
});
