import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { demoReport } from '../../src/report/index.js';
import { demoFixture } from '../report/demo-fixture.js';
import { intermodel } from './run.js';

t.test('the page drawn from saved JSON is the page drawn from the result', async (t) => {
  const folder = t.testdir();
  const input = join(folder, 'result.json');
  const command = 'intermodel demo --seed 7 --participants 16 --processes --wire int8';
  writeFileSync(input, JSON.stringify({ ...demoFixture(), command }));
  const run = intermodel(['report', input, '--out', join(folder, 'page.html'), '--svg', join(folder, 'figures')]);
  t.equal(run.code, 0, run.stderr);
  t.equal(readFileSync(join(folder, 'page.html'), 'utf8'), await demoReport(demoFixture(), { command }));
  t.equal(readdirSync(join(folder, 'figures')).length, 6);
  t.match(run.stdout, /^wrote .*page\.html, .*ranking-against-truth\.svg/);
});

t.test('a file that is no result is refused with its field, exit code 2', async (t) => {
  const folder = t.testdir();
  const input = join(folder, 'result.json');
  const refuse = (value: unknown, words: RegExp): void => {
    writeFileSync(input, typeof value === 'string' ? value : JSON.stringify(value));
    const run = intermodel(['report', input, '--out', join(folder, 'page.html')]);
    t.equal(run.code, 2, run.stderr);
    t.match(run.stderr, words);
  };
  const result = demoFixture();
  refuse('{', /not JSON/);
  refuse({ kind: 'intermodel-rank' }, /kind/);
  refuse({ ...result, weights: result.weights.slice(1) }, /BTM_SHAPE.*weights must hold 16 entries, got 15/);
  refuse({ ...result, rankings: [{ ...result.rankings[0], values: [1, null] }] }, /rankings\.0\.values\.1/);
  t.equal(intermodel(['report', join(folder, 'missing.json')]).code, 3);
});
