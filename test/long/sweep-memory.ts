/**
 * Runs a sweep of many trials and watches the resident memory of its process: it must stay under 200 MB and flat.
 *
 * Run (Linux): node lib/test/long/sweep-memory.js [trials, default 100000]
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/backend/index.js';

const LIMIT_MB = 200;
const trials = Number(process.argv[2] ?? 100_000);
const root = mkdtempSync(join(tmpdir(), 'sweep-memory-'));

/** Resident memory of a process in MB. */
function residentMb(pid: number): number {
  const found = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return found === null ? Number.NaN : Number(found[1]) / 1024;
}

const args = [
  'sweep',
  '--temperature',
  '10',
  '--alpha',
  '10',
  '--hessian',
  'wishart-quality',
  '--trials',
  String(trials),
  '--out',
  join(root, 'sweep'),
];
const began = performance.now();
const child = spawn(process.execPath, [join(packageRoot, 'lib/src/cli/main.js'), ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
const samples: number[] = [];
const timer = setInterval(() => {
  try {
    const mb = residentMb(child.pid!);
    if (!Number.isNaN(mb)) samples.push(mb);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' && (error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}, 250);
const code = await new Promise((resolve) => child.on('exit', resolve));
clearInterval(timer);

const seconds = (performance.now() - began) / 1000;
const bytes = statSync(join(root, 'sweep', 'results.jsonl')).size;
const part = (from: number, to: number): number =>
  Math.max(...samples.slice(Math.floor(from * samples.length), Math.ceil(to * samples.length)));
const peak = Math.max(...samples);
console.log(`${trials} trials in ${seconds.toFixed(1)} s, ${(bytes / 1e6).toFixed(0)} MB of JSON lines, exit code ${String(code)}`);
console.log(
  `resident memory: peak ${peak.toFixed(0)} MB; by quarters of the run ${[0, 0.25, 0.5, 0.75].map((from) => part(from, from + 0.25).toFixed(0)).join(', ')} MB`,
);
rmSync(root, { recursive: true });
if (code !== 0 || peak > LIMIT_MB) process.exitCode = 1;
