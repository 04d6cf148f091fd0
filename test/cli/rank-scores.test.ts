// `intermodel rank` on tables of scores alone: three models and four samples, worked out by hand.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { intermodel } from './run.js';

const COSTS = ',a|total_cost,b|total_cost,c|total_cost';
const SCORES = `sample_id,a,b,c${COSTS}
s1,1,1,0.5,0.2,0.1,0
s2,0,1,0,0.2,0.1,0
s3,1,0,0,0.4,0.1,0
s4,0,0,0,0.2,0.1,0.8
`;

t.test('worth, Shapley value, mean score and cost of each model', async (t) => {
  const folder = t.testdir({ 'scores.csv': SCORES });
  const file = join(folder, 'scores.csv');
  const run = intermodel(['rank', file, '--resamples', '100']);
  t.equal(run.code, 0, run.stderr);
  // The best of all solves three of four. Without a the third is lost, without b the second, without c none. The first sample's 1 is
  // shared: 0.5 by all three, the next 0.5 by a and b.
  t.match(run.stdout, /3 models, 4 samples: the best score of each has the mean 0\.7500/);
  t.match(run.stdout, /1 +a +0\.2500 .* 0\.3542 +0\.5000 +100 % +0\.25\n/);
  t.match(run.stdout, /1 +b +0\.2500 .* 0\.3542 +0\.5000 +100 % +0\.1\n/);
  t.match(run.stdout, /3 +c +0\.0000 .* 0\.0417 +0\.1250 +100 % +0\.2\n/);
  t.match(run.stdout, 'more than 75 % of the samples: 25 % are solved by none');
  t.notMatch(run.stdout, 'saved to');

  const csv = join(folder, 'out.csv');
  t.match(intermodel(['rank', file, '--resamples', '100', '--out', csv]).stdout, `saved to ${csv}`);
  const [head, ...rows] = readFileSync(csv, 'utf8').trim().split('\n');
  t.equal(head, 'name,position,worth,worth_low,worth_high,worth_p_holm,shapley,mean_score,coverage,cost');
  t.same(
    rows.map((row) => row.split(',').slice(0, 3).join()),
    ['a,1,0.25', 'b,1,0.25', 'c,3,0'],
  );
  const json = JSON.parse(intermodel(['rank', file, '--resamples', '100', '--json']).stdout);
  t.equal(json.kind, 'intermodel-score-ranking');
  t.same(
    json.models.map(({ shapley }: { shapley: number }) => shapley.toFixed(12)),
    [17 / 48, 17 / 48, 1 / 24].map((value) => value.toFixed(12)),
  );
});

t.test('samples of several files are matched by name, whatever their order', async (t) => {
  const of = (name: string, rows: string) => `sample_id,${name},${name}|total_cost\n${rows}`;
  const folder = t.testdir({
    'scores.csv': SCORES,
    'a.csv': of('a', 's3,1,0.4\ns1,1,0.2\ns4,0,0.2\ns2,0,0.2\n'),
    'b.csv': of('b', 's2,1,0.1\ns1,1,0.1\ns3,0,0.1\ns4,0,0.1\n'),
    'c.csv': of('c', 's1,0.5,0\ns2,0,0\ns3,0,0\ns4,0,0.8\n'),
  });
  const models = (files: string[]) => {
    const run = intermodel(['rank', ...files.map((file) => join(folder, file)), '--resamples', '100', '--json']);
    return JSON.parse(run.stdout).models.map((m: { name: string; shapley: number; worth: { value: number } }) => [
      m.name,
      m.worth.value,
      m.shapley,
    ]);
  };
  t.same(models(['a.csv', 'b.csv', 'c.csv']), models(['scores.csv']));
});

t.test('what cannot be put together, or written, is named before the work', async (t) => {
  const folder = t.testdir({ 'scores.csv': SCORES });
  const bare = (rows: number) => `m${rows},m${rows}|total_cost\n${'1,1\n'.repeat(rows)}`;
  for (const [name, rows] of [
    ['four.csv', 4],
    ['five.csv', 5],
    ['again.csv', 4],
  ] as const)
    writeFileSync(join(folder, name), bare(rows));
  const at = (name: string) => join(folder, name);
  for (const [files, words] of [
    [['four.csv', 'scores.csv'], /scores\.csv names its samples, but .*four\.csv has 4 rows without names/],
    [['scores.csv', 'four.csv'], /scores\.csv names its samples, but .*four\.csv has 4 rows without names/],
    [['four.csv', 'again.csv'], /again\.csv and .*four\.csv both hold 'm4'/],
    [['four.csv', 'five.csv'], /five\.csv has 5 rows, but .*four\.csv has 4 rows without names/],
  ] as const) {
    const run = intermodel(['rank', ...files.map(at)]);
    t.equal(run.code, 2, run.stderr);
    t.match(run.stderr, words);
  }
  const page = intermodel(['rank', at('scores.csv'), '--out', at('page.html')]);
  t.equal(page.code, 2);
  t.match(page.stderr, /--out must be \.csv or \.json for files that hold scores alone/);
  t.notOk(existsSync(at('page.html')));
});
