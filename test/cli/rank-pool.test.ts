// `intermodel rank FILES... --labels FILE` on files as people have them.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { encodeNpy } from '../../src/data/npy.js';
import { intermodel } from './run.js';

const SAMPLES = 200;
const CLASSES = 3;

/** Three models as files of three kinds, and labels, in the folder. */
function files(folder: string): string[] {
  const stream = new RandomStream(20261128, 7);
  const labels = Float64Array.from({ length: SAMPLES }, () => stream.integer(CLASSES));
  const logits = (skill: number) =>
    Float64Array.from(
      { length: SAMPLES * CLASSES },
      (_, k) => stream.normal() + (k % CLASSES === labels[Math.floor(k / CLASSES)] ? skill : 0),
    );
  writeFileSync(join(folder, 'labels.npy'), encodeNpy([SAMPLES], labels));
  writeFileSync(join(folder, 'good.npy'), encodeNpy([SAMPLES, CLASSES], logits(2)));
  writeFileSync(join(folder, 'noise.npy'), encodeNpy([SAMPLES, CLASSES], logits(0)));
  const middle = logits(1);
  const row = (s: number) => `${s},${[...middle.subarray(s * CLASSES, (s + 1) * CLASSES)].join(',')}`;
  writeFileSync(join(folder, 'middle.csv'), `id,0,1,2\n${Array.from({ length: SAMPLES }, (_, s) => row(s)).join('\n')}\n`);
  return ['good.npy', 'noise.npy', 'middle.csv'].map((name) => join(folder, name));
}

t.test('one command ranks a pool, prints it, and writes nothing unasked', async (t) => {
  const folder = t.testdir();
  const given = files(folder);
  const before = readdirSync(folder);
  const run = intermodel(['rank', ...given, '--labels', join(folder, 'labels.npy')], { cwd: folder });
  t.equal(run.code, 0, run.stderr);
  t.match(run.stdout, /1 +good .*worth keeping/);
  t.match(run.stdout, /3 models, 200 samples/);
  t.match(run.stdout, /No vote or router/);
  t.same(readdirSync(folder), before);
  const json = intermodel(['rank', ...given, '--labels', join(folder, 'labels.npy'), '--json', '--no-refit', '--seed', '3']);
  const output = JSON.parse(json.stdout);
  t.same(
    output.models.map((model: { name: string; position: number }) => [model.name, model.position]),
    [
      ['good', 1],
      ['noise', 3],
      ['middle', 2],
    ],
  );
  t.equal(output.models[0].refitted, null);
  t.equal(output.seed, 3);
});

t.test('--out is looked at before the work', async (t) => {
  const folder = t.testdir();
  const given = files(folder);
  const labels = ['--labels', join(folder, 'labels.npy')];
  const csv = join(folder, 'ranking.csv');
  t.equal(intermodel(['rank', ...given, ...labels, '--no-refit', '--out', csv]).code, 0);
  t.match(readFileSync(csv, 'utf8'), /^name,position,worth,.*\ngood,1,0\./);
  for (const [out, code, words] of [
    [join(folder, 'no/such/page.html'), 3, /cannot write/],
    [join(folder, 'page.txt'), 2, /must end in \.html or \.csv or \.json/],
    [folder, 2, /must end in/],
  ] as const) {
    const run = intermodel(['rank', ...given, '--labels', 'no/labels.npy', '--out', out]);
    t.equal(run.code, code, run.stderr);
    t.match(run.stderr, words);
    t.equal(run.stdout, '');
  }
  t.notOk(existsSync(join(folder, 'page.txt')));
});

t.test('what is missing or does not fit is named', async (t) => {
  const folder = t.testdir();
  const given = files(folder);
  const labels = join(folder, 'labels.npy');
  writeFileSync(join(folder, 'short.npy'), encodeNpy([3, 3], new Float64Array(9)));
  writeFileSync(join(folder, 'flat.npy'), encodeNpy([CLASSES, SAMPLES], new Float64Array(CLASSES * SAMPLES)));
  writeFileSync(join(folder, 'one.json'), JSON.stringify(Array.from({ length: SAMPLES }, (_, s) => 1 + (s % CLASSES))));
  for (const [args, code, words] of [
    [['rank'], 2, /files of answers are missing/],
    [['rank', ...given], 2, /--labels is missing/],
    [['rank', ...given, '--labels', 'no.npy'], 3, /cannot read no\.npy/],
    [['rank', join(folder, 'short.npy'), '--labels', labels], 2, /short\.npy has 3 rows, but .*labels\.npy has 200 labels/],
    [['rank', join(folder, 'flat.npy'), '--labels', labels], 2, /flat\.npy has 3 rows/],
    [['rank', ...given, '--labels', join(folder, 'one.json')], 2, /one\.json run from 1 to 3.*Subtract 1/],
    [['rank', ...given, '--labels', labels, '--head', 'boosting'], 2, /--head must be one of stacking, vote, logPool/],
    [['rank', ...given, '--labels', labels, '--estimator', 'ablation'], 2, /--head FILE only/],
    [['rank', ...given, '--labels', labels, '--folds', '1'], 2, /folds/],
    [['rank', 'x.txt', '--labels', labels], 2, /x\.txt is not a file of answers/],
  ] as const) {
    const run = intermodel(args);
    t.equal(run.code, code, `${args.join(' ')}: ${run.stderr}`);
    t.match(run.stderr, words);
  }
});

t.test('the command on a page says what was not left at its default, and makes the same page again', async (t) => {
  const folder = t.testdir();
  const given = files(folder);
  const page = join(folder, 'a page.html');
  const options = ['--labels', join(folder, 'labels.npy'), '--resamples', '100', '--l2', '0.01', '--seed', '3', '--no-refit'];
  const first = intermodel(['rank', ...given, ...options, '--out', page]);
  t.equal(first.code, 0, first.stderr);
  t.match(first.stdout, `saved to ${page}`);
  const text = readFileSync(page, 'utf8');
  const command = text
    .match(/<code>(intermodel rank .*?)<\/code>/)![1]!
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&');
  t.equal(
    command,
    `intermodel rank ${given.join(' ')} --labels ${join(folder, 'labels.npy')} --l2 0.01 --resamples 100 --seed 3 --no-refit --out '${page}'`,
  );
  const words = [...command.matchAll(/'([^']*)'|(\S+)/g)].map((match) => match[1] ?? match[2]!).slice(1);
  t.equal(intermodel(words).code, 0);
  t.equal(readFileSync(page, 'utf8'), text);
});
