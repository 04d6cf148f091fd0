/**
 * Supply and audit over many random histories: supply = start + minted, exactly, after every block.
 *   node lib/test/long/ledger-histories.js [histories = 10000] [blocks = 12] [first seed = 0]
 * Negative control: an auditor told of one base unit of tau too much must disagree in every history that mints.
 */
import { runHistory } from '../ledger/history.js';

const [histories = 10_000, blocks = 12, first = 0] = process.argv.slice(2).map(Number);
const started = performance.now();
let accepted = 0;
let refused = 0;
let minted = 0n;
for (let seed = first; seed < first + histories; seed++) {
  const history = await runHistory(seed, blocks);
  accepted += history.accepted;
  for (const count of history.refused.values()) refused += count;
  minted += history.minted;
  if ((seed - first + 1) % 250 === 0) process.stderr.write(`${seed - first + 1} of ${histories} histories\n`);
}
let caught = 0;
let minting = 0;
for (let seed = first; seed < first + 50; seed++) {
  const honest = await runHistory(seed, 2);
  if (honest.minted === 0n) continue;
  minting++;
  await runHistory(seed, 2, { tauError: 1_000_000n }).catch(() => caught++);
}
const seconds = ((performance.now() - started) / 1000).toFixed(0);
console.log(
  `${histories} histories of ${blocks} blocks, seeds ${first}..${first + histories - 1}: supply = start + minted in every block of every one (${seconds} s)`,
);
console.log(`${accepted} transactions accepted, ${refused} refused, ${minted} base units minted`);
console.log(`negative control: an auditor with a tau higher by 1,000,000 disagrees in ${caught} of ${minting} histories that mint`);
if (caught !== minting) process.exitCode = 1;
