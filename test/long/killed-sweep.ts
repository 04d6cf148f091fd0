/**
 * Kills a sweep every 0.7 s with SIGKILL and starts it again until it is done, then compares every file with those of an unbroken run.
 *
 * Run: node lib/test/long/killed-sweep.js [kills wanted, default 10]
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/backend/index.js';

const KILL_AFTER_MS = 700;
const WANTED = Number(process.argv[2] ?? 10);

/** Starts the sweep; resolves to true when it ended by itself. */
function attempt(folder: string, trials: number, killAfterMs: number | undefined): Promise<boolean> {
  const args = [
    'sweep',
    '--temperature',
    '5,10',
    '--alpha',
    '1,10,25,50',
    '--hessian',
    'wishart-quality',
    '--trials',
    String(trials),
    '--out',
    folder,
  ];
  const child = spawn(process.execPath, [join(packageRoot, 'lib/src/cli/main.js'), ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (data) => {
    errors += data;
  });
  const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  return new Promise((resolve, reject) => {
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve(true);
      else if (signal === 'SIGKILL') resolve(false);
      else reject(new Error(`the sweep ended with code ${code}: ${errors}`));
    });
  });
}

function sameFile(a: string, b: string): boolean {
  return existsSync(a) && existsSync(b) && readFileSync(a).equals(readFileSync(b));
}

async function run(trials: number): Promise<boolean> {
  const root = mkdtempSync(join(tmpdir(), 'killed-sweep-'));
  try {
    const began = performance.now();
    await attempt(join(root, 'unbroken'), trials, undefined);
    const unbroken = performance.now() - began;
    let kills = 0;
    while (!(await attempt(join(root, 'killed'), trials, KILL_AFTER_MS))) kills += 1;
    if (kills < WANTED) return false;
    const names = new Set([...readdirSync(join(root, 'unbroken')), ...readdirSync(join(root, 'killed'))]);
    const different = [...names].filter((name) => !sameFile(join(root, 'unbroken', name), join(root, 'killed', name)));
    const verdict = different.length === 0 ? `byte-equal (${[...names].sort().join(', ')})` : `DIFFERENT: ${different.join(', ')}`;
    console.log(`${8 * trials} games, unbroken in ${(unbroken / 1000).toFixed(1)} s, killed ${kills} times: ${verdict}`);
    if (different.length > 0) process.exitCode = 1;
    return true;
  } finally {
    rmSync(root, { recursive: true });
  }
}

for (let trials = 1000; !(await run(trials)); trials *= 2)
  console.log(`${trials} trials were done before ${WANTED} kills; taking twice as many`);
