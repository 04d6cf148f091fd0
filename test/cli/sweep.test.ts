import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';
import { intermodel } from './run.js';

const ARGS = ['sweep', '--temperature', '10', '--alpha', '1,10', '--hessian', 'wishart-quality', '--seed', '3'];
const FILES = ['manifest.json', 'results.csv', 'results.jsonl', 'summary.csv', 'summary.json'];

/** Starts a sweep and stops it with a signal once its results have grown; resolves with how it ended. */
async function stopped(
  args: readonly string[],
  folder: string,
  signal: NodeJS.Signals,
): Promise<{ code: number | null; signal: string | null; stderr: string }> {
  const child = spawn(process.execPath, [join(packageRoot, 'lib/src/cli/main.js'), ...args, '--out', folder], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let stderr = '';
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const lines = join(folder, 'results.jsonl');
  const before = existsSync(lines) ? statSync(lines).size : 0;
  const timer = setInterval(() => {
    if (!existsSync(lines) || statSync(lines).size <= before + 2000) return;
    clearInterval(timer); // a second Ctrl-C would end the process at once
    child.kill(signal);
  }, 5);
  const [code, by] = await new Promise<[number | null, string | null]>((resolve) => child.on('exit', (...end) => resolve(end)));
  clearInterval(timer);
  return { code, signal: by, stderr };
}

t.test('killed with SIGKILL and stopped with Ctrl-C, a sweep ends with the bytes of an unbroken one', async (t) => {
  const folder = t.testdir();
  const args = [...ARGS, '--trials', '2000'];
  const unbroken = intermodel([...args, '--out', join(folder, 'unbroken')]);
  t.equal(unbroken.code, 0, unbroken.stderr);
  const killed = await stopped(args, join(folder, 'broken'), 'SIGKILL');
  t.equal(killed.signal, 'SIGKILL');
  const interrupted = await stopped(args, join(folder, 'broken'), 'SIGINT');
  t.equal(interrupted.code, 130, interrupted.stderr);
  t.match(interrupted.stderr, /the same command continues from there/);
  t.equal(intermodel([...args, '--out', join(folder, 'broken')]).code, 0);
  for (const file of FILES) t.ok(readFileSync(join(folder, 'broken', file)).equals(readFileSync(join(folder, 'unbroken', file))), file);
});

t.test('shards from the command line, merged, are the whole', async (t) => {
  const folder = t.testdir();
  const args = [...ARGS, '--trials', '20'];
  const whole = intermodel([...args, '--out', join(folder, 'whole'), '--json']);
  for (const shard of ['1/2', '2/2']) t.equal(intermodel([...args, '--shard', shard, '--out', join(folder, 'parts')]).code, 0);
  const merged = intermodel([
    'sweep',
    'merge',
    join(folder, 'parts/shard-2-of-2'),
    join(folder, 'parts/shard-1-of-2'),
    '--out',
    join(folder, 'merged'),
    '--json',
  ]);
  t.equal(merged.stdout, whole.stdout);
  for (const file of FILES) t.ok(readFileSync(join(folder, 'merged', file)).equals(readFileSync(join(folder, 'whole', file))), file);
  t.match(intermodel(['sweep', 'summary', join(folder, 'whole')]).stdout, /alpha\s+converged\s+pearson/);
});

t.test('a specification in a file is the same task as the options that say it', async (t) => {
  const folder = t.testdir();
  const spec = { seed: 3, trials: 20, grid: { temperature: [10], alpha: [1, 10], hessian: ['wishart-quality'] } };
  writeFileSync(join(folder, 'spec.json'), JSON.stringify(spec));
  const fromFile = intermodel(['sweep', '--spec', 'spec.json', '--json'], { cwd: folder });
  const fromOptions = intermodel([...ARGS, '--trials', '20', '--json'], { cwd: folder });
  t.equal(fromFile.code, 0, fromFile.stderr);
  t.equal(fromFile.stdout, fromOptions.stdout);
  t.ok(
    existsSync(join(folder, 'sweeps', JSON.parse(fromFile.stdout).hash.slice(0, 16), 'summary.json')),
    'the folder is named by the task',
  );
});

t.test('a sweep that cannot be run says why, with its exit code', async (t) => {
  const folder = t.testdir();
  const cases: [string[], number, RegExp][] = [
    [['sweep', '--alpha', '1'], 2, /--temperature is needed/],
    [[...ARGS, '--trials', '0'], 2, /trials/],
    [[...ARGS, '--shard', '3/2'], 2, /shard/],
    [[...ARGS, '--spec', 'missing.json'], 3, /missing\.json/],
    [[...ARGS, '--n', '3,x'], 2, /not a number/],
    [['sweep', 'merge', 'nowhere', '--out', 'x'], 3, /nowhere/],
  ];
  for (const [args, code, words] of cases) {
    const run = intermodel(args, { cwd: folder });
    t.equal(run.code, code, run.stderr);
    t.match(run.stderr, words);
    t.notMatch(run.stderr, /\n\s+at /);
  }
});
