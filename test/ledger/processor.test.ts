import t from 'tap';
import { loadAddon } from '../../src/backend/load.js';
import { RandomStream } from '../../src/core/random.js';
import { kernelProcessor, type LedgerKernels, type Processor, referenceProcessor } from '../../src/ledger/index.js';
import { bitLength } from '../../src/ledger/integers.js';
import { type RowPage, rowAt, rowPage } from '../../src/ledger/pages.js';
import { wideAt } from '../../src/ledger/processor.js';
import { rowToParts, sparseRow } from '../../src/ledger/rows.js';
import { gpus } from '../support/cuda.js';

const { addon } = loadAddon();
const isas = Object.entries(addon.describe().isas).filter(([, status]) => status === 'available');
const engine = (isa: string, threads: number): Processor =>
  kernelProcessor(addon.createEngine(isa, threads) as unknown as LedgerKernels, `${isa} x ${threads}`);
const processors =
  gpus?.map(({ name, backend }) => kernelProcessor(backend.kernels as unknown as LedgerKernels, name)) ??
  isas.flatMap(([isa]) => [1, 2, 7].map((threads) => engine(isa, threads)));

function randomPages(seed: number, slots: number, density: number): RowPage[] {
  const random = new RandomStream(seed);
  const pages: RowPage[] = [];
  for (let first = 0; first < slots; first += 64) {
    const rows = Array.from({ length: Math.min(64, slots - first) }, () => {
      const scores = Float64Array.from({ length: slots }, () => (random.uniform() < density ? random.uniform() : 0));
      scores[random.integer(slots)] += 1e-9;
      return sparseRow(rowToParts(scores));
    });
    pages.push(rowPage(rows));
  }
  return pages;
}

/** Plain BigInt sums: the definition. */
function definition(pages: readonly RowPage[], stake: BigUint64Array): bigint[] {
  const ranking = new Array<bigint>(stake.length).fill(0n);
  stake.forEach((amount, slot) => {
    const row = rowAt(pages[Math.floor(slot / 64)], slot % 64);
    row.targets.forEach((target, k) => {
      ranking[target] += amount * BigInt(row.weights[k]);
    });
  });
  return ranking;
}

const STAKES: readonly [name: string, draw: (random: RandomStream) => bigint][] = [
  ['small stakes', (random) => BigInt(random.integer(1000))],
  ['stakes of two limbs', (random) => BigInt(random.integer(2 ** 42))],
  ['stakes of three limbs', (random) => BigInt(random.integer(2 ** 52)) * 100n],
];

for (const [slots, density] of [
  [1, 1],
  [2, 0.5],
  [63, 0.9],
  [64, 0.1],
  [65, 1],
  [130, 0.4],
  [130, 0.03],
]) {
  for (const [name, draw] of STAKES) {
    t.test(`${slots} slots, density ${density}, ${name}`, async (t) => {
      const random = new RandomStream(5, slots);
      const pages = randomPages(slots, slots, density);
      const stake = BigUint64Array.from({ length: slots }, () => draw(random));
      const exact = definition(pages, stake);
      const ranking = referenceProcessor.rank(pages, stake);
      t.same(
        exact.map((_, slot) => wideAt(ranking, slot)),
        exact,
        'the reference is the definition',
      );
      const shift = Math.max(0, bitLength(exact.reduce((a, b) => a + b, 0n)) - 62);
      const norms = referenceProcessor.norms(ranking, shift);
      const total = BigInt(random.integer(2 ** 53)) * 1000n;
      const parts = norms.sum === 0n ? undefined : referenceProcessor.distribute(ranking, shift, total, norms.sum);
      if (parts !== undefined)
        t.equal(
          parts.reduce((a, b) => a + b, 0n),
          total,
          'the shares sum to the total',
        );
      const same = processors.every((processor) => {
        const found = processor.rank(pages, stake);
        const sums = processor.norms(found, shift);
        const shares = parts === undefined ? undefined : processor.distribute(found, shift, total, sums.sum);
        return (
          found.low.every((word, slot) => word === ranking.low[slot]) &&
          found.high.every((word, slot) => word === ranking.high[slot]) &&
          sums.sum === norms.sum &&
          sums.squares === norms.squares &&
          (parts === undefined || parts.every((part, slot) => part === shares?.[slot]))
        );
      });
      t.ok(same, `the same integers from ${processors.map((processor) => processor.name).join(', ')}`);
    });
  }
}

t.test('carries between limbs: every row on one target, the largest stakes', async (t) => {
  const slots = 5_000;
  const pages: RowPage[] = [];
  for (let first = 0; first < slots; first += 64) {
    pages.push(
      rowPage(
        Array.from({ length: Math.min(64, slots - first) }, () => ({ targets: Uint32Array.of(0), weights: Uint32Array.of(1_000_000_000) })),
      ),
    );
  }
  t.equal(pages[0].kind, 'dense', 'one column wide: more than 4,096 dense rows in one run');
  const most = ((1n << 63n) - 1n) / BigInt(slots);
  const stake = new BigUint64Array(slots).fill(most);
  const wanted = most * BigInt(slots) * 1_000_000_000n;
  for (const processor of [referenceProcessor, ...processors]) t.equal(wideAt(processor.rank(pages, stake), 0), wanted, processor.name);
});

t.test('ties and few parts: the lower slots get the remainder', async (t) => {
  const ranking = { low: new BigUint64Array(10).fill(7n), high: new BigUint64Array(10) };
  for (const processor of [referenceProcessor, ...processors]) {
    t.same([...processor.distribute(ranking, 0, 3n, 70n)], [1n, 1n, 1n, 0n, 0n, 0n, 0n, 0n, 0n, 0n], processor.name);
  }
});

t.test('the addon refuses pages that do not fit, without touching memory beyond them', async (t) => {
  const kernels = addon.createEngine(undefined, 2) as unknown as { [name in keyof LedgerKernels]: (...args: unknown[]) => unknown };
  const [low, high, stake] = [0, 1, 2].map(() => new BigUint64Array(64));
  const start = new Uint32Array(65).fill(1, 1);
  const one = Uint32Array.of(1);
  stake[0] = 1n;
  const refused: [unknown[], RegExp][] = [
    [[low, high, [start, Uint32Array.of(64), one], stake], /beyond the last slot/],
    [[low, high, [start, new Uint32Array(0), one], stake], /do not fit together/],
    [[low, high, [new Uint32Array(65).fill(9), one, one], stake], /do not fit together/],
    [[low, high, [start, one], stake], /three entries/],
    [[low, high, [null, null, new Uint32Array(63)], stake], /64 rows/],
    [[low, high, [1, 2, 3], stake], /typed arrays or null/],
    [[low, high, [start, one, stake], stake], /Uint32Array/],
    [[low, high.subarray(1), [], stake], /length/],
    [[low, high, [], new Float64Array(64)], /BigUint64Array/],
    [[low, high, [start, one, one, start, one, one], stake], /more than the slots/],
    [[], /must be an array/],
  ];
  for (const [args, message] of refused) t.throws(() => kernels.ledgerRank(...args), message);
  t.throws(() => kernels.ledgerDistribute(stake, low, high, 0, 5n, 1n), /sum of the shifted ranking/);
  t.throws(() => kernels.ledgerDistribute(stake, low, high, 0, 5, 1n), /bigint/);
  t.throws(() => kernels.ledgerDistribute(low, low, high, 0, 5n, 1n), /must not overlap an output/);
  t.throws(() => kernels.ledgerNorms(low, high, -1), /between 0 and 100/);
});
