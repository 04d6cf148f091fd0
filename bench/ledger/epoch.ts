/**
 * One epoch (settlement) against the bare loop that reads the same memory, in the same run and interleaved.
 *   node lib/bench/ledger/epoch.js sparse [slots = 1000000] [each = 64]
 *   node lib/bench/ledger/epoch.js dense [slots = 4096]
 * Sparse: the bare loop reads every weight and table[target] for every target. Dense: it reads W once. Both on the same two threads.
 */
import { referenceProcessor } from '../../src/ledger/index.js';
import { kernelPages } from '../../src/ledger/native-processor.js';
import { settle, stakeColumn } from '../../src/ledger/settle.js';
import { densePages, interleave, kernels, median, nativeProcessor, SEED, signers, sparsePages, stateOf } from './scale.js';

const [shape = 'sparse', ...sizes] = process.argv.slice(2);
const [slots = shape === 'dense' ? 4096 : 1_000_000, each = 64] = sizes.map(Number);
process.stderr.write(`building ${slots} ${shape} rows\n`);
const state = stateOf(slots, shape === 'dense' ? densePages(slots) : sparsePages(slots, each), signers(1));

// The answer first: native and reference give the same block.
const native = settle(state, nativeProcessor);
const started = performance.now();
const reference = settle(state, referenceProcessor);
const reference_ms = performance.now() - started;
const same =
  native.settlement.minted === reference.settlement.minted &&
  native.settlement.paid.every((paid, slot) => paid === reference.settlement.paid[slot]) &&
  native.settlement.ranking.low.every((word, slot) => word === reference.settlement.ranking.low[slot]);
if (!same) throw new Error('native and reference disagree: nothing is timed');

const pages = kernelPages(state.rowPages);
const table = stakeColumn(state);
const rounds = shape === 'dense' ? 41 : 25;
const times = interleave(rounds, {
  bare: () => kernels.ledgerProbe(pages, table),
  rank: () => nativeProcessor.rank(state.rowPages, table),
  epoch: () => settle(state, nativeProcessor),
});
const [bare, rank, epoch] = ['bare', 'rank', 'epoch'].map((name) => median(times[name]));
const bytes = state.rowPages.reduce((sum, page) => sum + page.weights.byteLength * (page.kind === 'dense' ? 1 : 2), 0);
const fixed = (value: number): string => value.toFixed(2);
console.log(
  `${shape} epoch, n = ${slots}, ${(bytes / 2 ** 20).toFixed(0)} MiB of rows, ${nativeProcessor.name}, seed ${SEED}; answers equal to the reference`,
);
console.log(
  `  bare loop ${fixed(bare)} ms (${(bytes / bare / 1e6).toFixed(1)} GB/s), ranking ${fixed(rank)} ms, whole epoch ${fixed(epoch)} ms; reference ${fixed(reference_ms)} ms (medians of ${rounds})`,
);
console.log(
  `  ranking / bare = ${fixed(rank / bare)}, epoch / bare = ${fixed(epoch / bare)}; fastest of each: ${fixed(Math.min(...times['epoch']) / Math.min(...times['bare']))}`,
);
console.log(`  peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB`);
