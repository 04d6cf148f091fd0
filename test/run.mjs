// Runs the tap suite and closes with one plain line, so that any CI can read the count.
import { spawnSync } from 'node:child_process';

const run = spawnSync('npx', ['tap', '--reporter=tap', ...process.argv.slice(2)], {
  encoding: 'utf8',
  maxBuffer: 1 << 30,
  stdio: ['ignore', 'pipe', 'inherit'],
});
const lines = run.stdout.split('\n');
const failed = run.status !== 0;
const shown = lines.filter((line) => /^(ok|not ok|# [^S])/.test(line) || /# SKIP/.test(line));
console.log((failed ? lines : shown).join('\n'));

// tap's own totals: "# { total: 12, pass: 11, fail: 1, skip: 0 }", the last one is for the whole run.
const totals = lines.filter((line) => /^# \{ total: \d+/.test(line)).at(-1) ?? '';
const count = (name) => Number(totals.match(new RegExp(`${name}: (\\d+)`))?.[1] ?? 0);
const bad = count('fail');
const skipped = count('skip');
console.log(`${count('pass')} passed, ${bad === 0 && failed ? 1 : bad} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed || count('pass') === 0 ? 1 : 0;
