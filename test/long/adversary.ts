/** Runs under attack on demand: node lib/test/long/adversary.js [seeds = 10000] [first = 0]. Three of four seeds are strangers, the fourth a hostile member. */
import { member, strangers } from '../adversary/support/attacks.js';
import { playWorld } from '../adversary/support/world.js';

const [seeds = 10_000, first = 0] = process.argv.slice(2).map(Number);
let [failed, unowned] = [0, 0];
process.on('unhandledRejection', (reason) => {
  unowned++;
  console.log('a rejection without an owner:', reason);
});
const started = performance.now();
const control = await playWorld();
for (let seed = first; seed < first + seeds; seed++) {
  const hostileMember = seed % 4 === 3;
  const { digest, violations } = await playWorld({ attack: hostileMember ? member(seed) : strangers(seed), hostileMember });
  const broken = [...violations, ...(hostileMember || digest === control.digest ? [] : ['another result than without strangers'])];
  if (broken.length > 0) {
    failed++;
    console.log(`seed ${seed}: ${broken.slice(0, 3).join('; ')}`);
  }
  if ((seed - first) % 500 === 499) process.stderr.write(`${seed - first + 1} of ${seeds} seeds, ${failed} failed\n`);
}
const seconds = (performance.now() - started) / 1000;
console.log(`${seeds} seeds from ${first}: ${failed} broke a law, ${unowned} rejections without an owner, ${seconds.toFixed(1)} s`);
process.exitCode = failed === 0 && unowned === 0 ? 0 : 1;
