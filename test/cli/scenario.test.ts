/** `intermodel scenario` as a person calls it, and the example of a strategy of one's own. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';
import { intermodel } from './run.js';

const small = ['--players', '4', '--blocks', '3', '--trials', '3'];

t.test('run prints the gain with its interval, seed and sizes', async (t) => {
  const { code, stdout } = intermodel(['scenario', 'run', '--strategy', 'hoarder', '--ratio', '0', ...small]);
  t.equal(code, 0);
  t.match(stdout, /seed 0, n 4, coalition 1, 3 trials, 3 blocks, T 0\.1, tau 0\.1, law of H wishart-quality/);
  const json = JSON.parse(intermodel(['scenario', 'run', '--strategy', 'hoarder', '--ratio', '0', '--json', ...small]).stdout);
  t.ok(json.cell.gain.mean > 0, 'hoarding pays where loss is free');
  t.equal(json.cell.trials, 3);
});

t.test('a wrong word is refused before any work, and names what there is', async (t) => {
  const { code, stderr } = intermodel(['scenario', 'run', '--strategy', 'lier', ...small]);
  t.equal(code, 2);
  t.match(stderr, /strategies\[0\] is not known: 'lier'.*Use one of honest, hoarder/s);
  const folder = mkdtempSync(join(tmpdir(), 'intermodel-scenario-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const page = join(folder, 'no', 'such', 'page.html');
  const failed = intermodel(['scenario', 'map', '--out', join(folder, 'map'), '--page', page, ...small]);
  t.equal(failed.code, 3);
  t.notOk(existsSync(join(folder, 'map')), 'nothing was played');
});

t.test('map tells where strategies begin to pay; a shard tells of no defence that it lacks a part of', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'intermodel-scenario-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const words = ['--strategies', 'hoarder', '--defences', 'paper', '--stakes', '0.1,0.3', '--ratios', '0,100', '--jobs', '1', ...small];
  const { code, stdout } = intermodel(['scenario', 'map', '--out', join(folder, 'map'), ...words]);
  t.equal(code, 0);
  t.match(stdout, /4 cells; strategies that pay .*: 1 of 2/);
  t.match(stdout, /hoarder +paper +0 +any +any to any +2 of 2 /);
  const shard = intermodel(['scenario', 'map', '--out', join(folder, 'part'), '--shard', '1/2', ...words]);
  t.match(shard.stdout, /2 cells: a shard that holds no defence whole/);
});

t.test('list names every strategy and defence', async (t) => {
  const { strategies, defences } = JSON.parse(intermodel(['scenario', 'list', '--json']).stdout);
  t.ok(strategies.includes('late-bribe') && defences.includes('shift-over-effective'));
});

t.test("the example of a strategy of one's own runs as printed", async (t) => {
  const text = execFileSync(process.execPath, [join(packageRoot, 'lib/examples/own-strategy.js')], { encoding: 'utf8' });
  t.match(text, /^flatterer against the paper: gain -?\d+\.\d %.*\nflatterer against spread: gain -?\d+\.\d %/);
});
