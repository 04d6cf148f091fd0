// Runs the test files, each in a process of its own: a line per file as it ends, every failure in full at the end, and one plain
// line with the count last, so that the end of a log is enough to see what failed.
// Not through the runner of tap: its hooks for loading modules cost each file, and each process that a test starts, half a second.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Parser } from 'tap-parser';

/** Some files wait for sockets and clocks most of the time, so that one more than there are cores keeps these busy. */
const JOBS = availableParallelism() + 1;
/** Tells a hang. Seconds for a test, as tap reads it, and milliseconds for a file. */
const TEST_LIMIT_S = 300;
const FILE_LIMIT_MS = 1_200_000;
/** Folders whose files take longest, so that none of them starts last. */
const FIRST = ['process', 'cli', 'cuda', 'adversary', 'backend', 'network', 'install', 'demo', 'equilibrium'];

const [given, root] = [process.argv.slice(2), 'lib/test'];
const rank = (file) => (FIRST.indexOf(file.split('/')[2]) + FIRST.length + 1) % (FIRST.length + 1);
const found = () =>
  readdirSync(root, { recursive: true })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(root, name))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
const waiting = given.length > 0 ? given : found();

const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM'])
  process.once(signal, () => {
    for (const child of running) child.kill('SIGKILL');
    process.exit(1);
  });

/** Runs one file. What it printed is kept only of failures. */
async function outcome(file) {
  const started = performance.now();
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TAP_TIMEOUT: String(TEST_LIMIT_S) },
    timeout: FILE_LIMIT_MS,
    killSignal: 'SIGKILL',
  });
  running.add(child);
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr = (stderr + data).slice(-20_000);
  });
  const parser = new Parser();
  const [passed, skipped, failed] = [[], [], []];
  parser.on('pass', ({ fullname }) => passed.push(fullname));
  parser.on('skip', (result) => skipped.push(result));
  parser.on('fail', (result) => failed.push(result));
  const [complete, ended] = [
    new Promise((resolve) => parser.once('complete', resolve)),
    new Promise((resolve) => child.once('close', (code, signal) => resolve(code ?? signal))),
  ];
  child.stdout.pipe(parser);
  const [results, code] = await Promise.all([complete, ended]);
  running.delete(child);
  const seconds = (performance.now() - started) / 1000;
  const ok = results.ok && code === 0 && passed.length + skipped.length > 0; // a file without a test is a mistake
  return { file, passed: passed.length, skipped, failed, ok, code, results, stderr, seconds };
}

const text = (value) => JSON.stringify(value, null, 2).replaceAll(String.raw`\n`, '\n    ');
const failures = [];
const totals = { passed: 0, failed: 0, skipped: 0 };

function report(run) {
  console.log(`${run.ok ? 'ok' : 'not ok'} - ${run.file} # ${run.passed} passed, ${run.seconds.toFixed(1)} s`);
  for (const { fullname, name, skip } of run.skipped) console.log(`    # SKIP ${fullname || name}${skip === true ? '' : `: ${skip}`}`);
  totals.passed += run.passed;
  totals.skipped += run.skipped.length;
  totals.failed += run.ok ? 0 : Math.max(1, run.failed.length);
  if (!run.ok) failures.push(run);
}

/** Takes files until none is left. */
async function work() {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) report(await outcome(file));
}

await Promise.all(Array.from({ length: JOBS }, work));

for (const { file, failed, results, code, stderr } of failures) {
  for (const { fullname, diag } of failed) console.log(`\nFAILED: ${file} > ${fullname}\n${text(diag)}`);
  if (failed.length === 0) console.log(`\nFAILED: ${file} ended with ${code}\n${text(results.failures)}`);
  if (stderr !== '') console.log(`its stderr ends with:\n${stderr.trimEnd()}`);
}
console.log(`${totals.passed} passed, ${totals.failed} failed${totals.skipped > 0 ? `, ${totals.skipped} skipped` : ''}`);
process.exitCode = totals.failed > 0 || totals.passed === 0 ? 1 : 0;
