/**
 * What once killed or hung the process, each kind a few dozen rounds in a process of its own. `npm run test:runtimes` runs a thousand on every
 * runtime at hand. No bound on time but the one that tells a hang.
 */
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';

const PROGRAM = join(packageRoot, 'lib/test/backend/support/rounds.js');
const HANG_MS = 120_000;
t.setTimeout(10 * HANG_MS); // for the whole file: run without the test runner, tap would allow it 30 s

interface Outcome {
  readonly code: number | null;
  readonly signal: string | null;
  readonly report: { early?: number; late?: number; slowest?: number };
  readonly stderr: string;
}

function rounds(kind: string, count: number): Promise<Outcome> {
  const child = spawn(process.execPath, [PROGRAM, kind, String(count)], { stdio: ['ignore', 'pipe', 'pipe'], timeout: HANG_MS });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => {
    child.once('close', (code, signal) => {
      const last = stdout.trim().split('\n').at(-1) ?? '';
      resolve({ code, signal, report: last.startsWith('{') ? JSON.parse(last) : {}, stderr });
    });
  });
}

const cases: readonly [kind: string, count: number, law: string][] = [
  ['settling', 30, 'a worker may be terminated while its jobs settle'],
  ['load', 5, 'workers load the addon at once and end'],
  ['queuedTerminate', 5, 'a worker with queued jobs can be terminated'],
  ['queuedAbort', 10, 'a queued job that is cancelled settles before those ahead of it'],
  ['abort', 10, 'jobs may be cancelled before, during and after, twice'],
  ['exit', 1, 'process.exit() ends six workers with more jobs than threads'],
  ['exitMain', 1, 'process.exit() ends with jobs of its own in flight'],
];

for (const [kind, count, law] of cases) {
  t.test(law, { timeout: 2 * HANG_MS }, async (t) => {
    const { code, signal, stderr } = await rounds(kind, count);
    t.strictSame({ code, signal }, { code: 0, signal: null }, stderr);
  });
}

t.test(
  'an addon loaded only in workers stays mapped under its threads, and starts no more of them',
  { timeout: 2 * HANG_MS },
  async (t) => {
    const { code, signal, report, stderr } = await rounds('workersOnly', 30);
    t.strictSame({ code, signal }, { code: 0, signal: null }, stderr);
    if (process.platform === 'linux') {
      t.ok((report.early ?? 0) > 0, 'threads were counted');
      t.ok((report.late ?? Number.POSITIVE_INFINITY) <= (report.early ?? 0), 'no more threads after 30 workers than after 3');
    }
  },
);

t.test('memory does not grow with the calls of any method', { timeout: 2 * HANG_MS }, async (t) => {
  const program = join(packageRoot, 'lib/test/long/flat-memory.js');
  const { stdout, status, stderr } = spawnSync(process.execPath, ['--expose-gc', program, '2000'], { encoding: 'utf8', timeout: HANG_MS });
  t.equal(status, 0, stderr);
  const { worst, bytes } = JSON.parse(stdout) as { worst: string; bytes: number };
  // Finds a leak of 4 kB a call; `npm run test:flat` with a million calls finds 4 bytes a call.
  t.ok(bytes < 2 ** 22, `${worst} grew by ${bytes} bytes`);
});
