// Runs the tap suite and closes with one plain line, so that any CI can read the count.
import { spawnSync } from 'node:child_process';

const run = spawnSync('npx', ['tap', '--reporter=tap', ...process.argv.slice(2)], {
  encoding: 'utf8',
  maxBuffer: 1 << 30,
  stdio: ['ignore', 'pipe', 'inherit'],
});
const lines = run.stdout.split('\n');
const shown = lines.filter((line) => /^(ok|not ok|# )/.test(line) || /^\s+not ok|^\s+# SKIP/.test(line));
const failed = run.status !== 0;
console.log((failed ? lines : shown).join('\n'));

// Every leaf assertion prints one "ok" or "not ok"; parents (subtests, files) repeat their children and end in "# time=".
const leaves = lines.filter((line) => /^\s*(not )?ok \d/.test(line) && !/# time=/.test(line));
const skipped = leaves.filter((line) => /# SKIP/i.test(line)).length;
const bad = leaves.filter((line) => /^\s*not ok/.test(line) && !/# TODO/i.test(line)).length;
const passed = leaves.length - skipped - bad;
console.log(`${passed} passed, ${bad === 0 && failed ? 1 : bad} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exit(failed || passed === 0 ? 1 : 0);
