// Files as the tools that people use write them (fixtures/make.py) read to the same numbers.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { encodeNpy, joinPool, readAnswers, readColumn, readNpz } from '../../src/data/index.js';
import { fitPool, rankPool } from '../../src/stacking/index.js';
import { intermodel } from '../cli/run.js';

const at = (name: string) => join(packageRoot, 'test/data/fixtures', name);

/** The probabilities of the fixtures, samples '007', b, c, d. */
const P = [0.5, 0.25, 0.25, 0.125, 0.75, 0.125, 0, 0, 1, 0.25, 0.5, 0.25];
/** Their columns the other way round. */
const Q = [0.25, 0.25, 0.5, 0.125, 0.75, 0.125, 1, 0, 0, 0.25, 0.5, 0.25];

t.test('numpy.savez: every numeric kind, byte order and layout', async (t) => {
  const arrays = await readNpz(at('kinds.npz'));
  t.equal(arrays.length, 12 * 2 * 2);
  for (const { name, shape, type, data } of arrays) {
    t.equal(name.slice(0, 2), type);
    t.same(shape, [2, 3], name);
    t.same([...data], type === 'b1' ? [0, 1, 0, 1, 0, 1] : [0, 1, 2, 3, 4, 5], name);
  }
});

t.test('numpy.savez_compressed and stacked arrays of big-endian f4 hold several models', async (t) => {
  const archive = await readAnswers([at('pool.npz')]);
  t.same(
    archive.map(({ name, values }) => [name, [...values]]),
    [
      ['first', P],
      ['second', Q],
    ],
  );
  const stacked = await readAnswers([at('stacked.npy')], { samples: 4 });
  t.same(
    stacked.map(({ name, values }) => [name, [...values]]),
    [
      ['stacked-0', P],
      ['stacked-1', Q],
    ],
  );
  t.same(
    (await readAnswers([at('pool.npz'), at('stacked.npy')], { samples: 4 })).map(({ name }) => name),
    ['pool/first', 'pool/second', 'stacked-0', 'stacked-1'],
  );
});

t.test('pandas: CSV and parquet, wide and long, snappy, gzip and brotli, join to the same answers', async (t) => {
  const names = ['wide.csv', 'wide.parquet', 'wide-gzip.parquet', 'wide-brotli.parquet', 'long.csv', 'long.parquet'];
  const labels = await readColumn(at('labels.parquet'));
  t.same(
    [labels.ids, labels.values],
    [
      ['d', 'c', 'b', '007'],
      ['1', '2', '1', '0'],
    ],
  );
  const byLabel = [9, 10, 11, 6, 7, 8, 3, 4, 5, 0, 1, 2].map((k) => P[k]);
  for (const name of names) {
    const { models } = joinPool(await readAnswers([at(name)]), { labels });
    t.same([...models[0].answers], byLabel, name);
  }
});

t.test('RouterBench: scores and costs beside responses; promptfoo: scores by test and provider', async (t) => {
  const router = await readAnswers([at('routerbench.csv')]);
  t.same(
    router.map(({ name, kind, values, cost }) => [name, kind, [...values], Number(cost?.toPrecision(12))]),
    [
      ['gpt-4', 'scores', [1, 0], 0.003],
      ['mixtral', 'scores', [0.5, 1], 0.0002],
    ],
  );
  const prompt = await readAnswers([at('promptfoo.json')]);
  t.same(
    prompt.map(({ name, kind, values, cost }) => [name, kind, [...values], cost]),
    [
      ['openai:gpt-4', 'scores', [1, 0.25], 0.002],
      ['ollama:small', 'scores', [0, 1], 0],
    ],
  );
});

// promptfoo eval -c CONFIG --output FILE, with the configuration that each file repeats; the providers answer from the test's variables.
t.test('files that promptfoo 0.121.20 wrote: two scripted providers, three tests, one prompt and two', async (t) => {
  const [one, two] = await Promise.all(['one-prompt', 'two-prompts'].map((name) => readAnswers([at(`promptfoo/${name}.json`)])));
  const shown = (found: typeof one) => found.map(({ name, ids, values, cost }) => [name, [...(ids ?? [])], [...values], cost]);
  t.same(shown(one), [
    ['scripted:good', ['0', '1', '2'], [1, 1, 1], 0.002],
    ['scripted:poor', ['0', '1', '2'], [0, 1, 1], 0.0001],
  ]);
  t.same(
    shown(two).map(([name, , values]) => [name, values]),
    [
      ['scripted:good #0', [1, 1, 1]],
      ['scripted:good #1', [1, 1, 1]],
      ['scripted:poor #0', [0, 1, 1]],
      ['scripted:poor #1', [0, 1, 1]],
    ],
    'prompts are numbered, not pairs of provider and prompt',
  );
});

t.test('lm-evaluation-harness: numbers written as text, choices of the document, hashes', async (t) => {
  const [found] = await readAnswers([at('some__model/samples_arc_easy_2024-05-01T10-00-00.000000.jsonl')]);
  t.same([found.name, found.kind, found.width, found.labels], ['some__model', 'logits', 3, ['0', '1']]);
  t.same([...found.values], [-1.5, -2.5, -4, -3, -1, -2]);
  t.equal(found.ids?.[1], '1'.padStart(64, '0'));
});

t.test('files that lm-evaluation-harness wrote (fixtures/lm_eval_files.py), joined and ranked', async (t) => {
  const paths = ['good/samples_capitals_2026-11-28T09-17-34.930156.jsonl', 'fair/samples_capitals_2026-11-28T09-18-16.229158.jsonl'];
  const files = paths.map((path) => at(`lm-eval/${path}`));
  const [good, fair] = await readAnswers(files);
  t.same([good.name, fair.name, good.samples, good.width, good.kind], ['good', 'fair', 6, 3, 'logits']);
  t.same(
    [...good.values.slice(0, 6)],
    [-2.6840275609865785, -2.05801272415556, -3.6514388697687536, -2.626549833221361, -2.0084430603310466, -1.1607642809394747],
  );
  t.same(good.labels, fair.labels);
  t.same(good.ids, fair.ids);
  t.equal(good.ids?.[1], '0d0a05696554b0529a7a625b18d4f9090790db79a1986bdc6d1bdbf49701b725');
  const run = intermodel(['rank', ...files, '--folds', '2', '--resamples', '100', '--json'], {});
  t.equal(run.code, 0, run.stderr);
  const { models, samples } = JSON.parse(run.stdout);
  t.same([samples, models.length], [6, 2]);
});

t.test('files of unequal widths are ranked as they are, without padding and without a head', async (t) => {
  const stream = new RandomStream(20261128, 71);
  const labels = Int32Array.from({ length: 40 }, () => stream.integer(2));
  const models = [2, 5].map((width, i) => ({
    name: `w${width}`,
    answers: Float64Array.from(
      { length: 40 * width },
      (_, k) => stream.normal() + (k % width === 0 ? (1 + i) * labels[Math.floor(k / width)] : 0),
    ),
  }));
  const folder = t.testdir({ 'labels.txt': `${labels.join('\n')}\n` });
  const files = models.map(({ name, answers }) => {
    const path = join(folder, `${name}.npy`);
    writeFileSync(path, encodeNpy([40, answers.length / 40], answers));
    return path;
  });
  const run = intermodel(['rank', ...files, '--labels', join(folder, 'labels.txt'), '--resamples', '100', '--json'], {});
  t.equal(run.code, 0, run.stderr);
  const fitted = await fitPool({ models, labels, resamples: 100 });
  t.equal(fitted.call.design.width, 7);
  const expected = await rankPool({ fitted });
  t.same(
    JSON.parse(run.stdout).models.map((model: { name: string; worth: { value: number } }) => [model.name, model.worth.value]),
    expected.models.map(({ name, worth }) => [name, worth.value]),
  );
});

t.test('standard input is told by its first bytes', async (t) => {
  const folder = t.testdir({ 'labels.txt': '0\n1\n2\n1\n' });
  for (const name of ['stacked.npy', 'pool.npz', 'wide.csv', 'wide.parquet']) {
    const words = ['rank', '-', '--labels', join(folder, 'labels.txt'), '--folds', '2', '--head', 'vote', '--resamples', '100', '--json'];
    const run = intermodel(words, { input: readFileSync(at(name)) });
    t.equal(run.code, 0, `${name}: ${run.stderr}`);
    const { models, samples } = JSON.parse(run.stdout);
    t.equal(samples, 4, name);
    t.equal(models.length, name.startsWith('wide') ? 1 : 2, name);
  }
});

t.test('fields that follow a name in the directory, and a comment at the end, are passed over', async (t) => {
  const whole = readFileSync(at('pool.npz'));
  const directory = whole.readUInt32LE(whole.length - 6);
  const afterName = directory + 46 + whole.readUInt16LE(directory + 28);
  whole.writeUInt16LE(4, directory + 30);
  whole.writeUInt16LE(3, whole.length - 2);
  const file = join(t.testdir(), 'more.npz');
  writeFileSync(file, Buffer.concat([whole.subarray(0, afterName), Buffer.alloc(4), whole.subarray(afterName), Buffer.from('abc')]));
  t.same(
    (await readNpz(file)).map(({ name, data }) => [name, [...data]]),
    [
      ['first', P],
      ['second', Q],
    ],
  );
});

t.test('classes of a long table are in the order of their numbers', async (t) => {
  const folder = t.testdir({ 'long.csv': 'model,id,class,probability\nm,x,10,0.5\nm,x,9,0.25\nm,x,2,0.125\nm,y,2,1\nm,y,9,2\nm,y,10,3\n' });
  const [found] = await readAnswers([join(folder, 'long.csv')]);
  t.same(found.columns, ['2', '9', '10']);
  t.same([...found.values], [0.125, 0.25, 0.5, 1, 2, 3]);
});

t.test('archives that are none are refused by name', async (t) => {
  const whole = readFileSync(at('pool.npz'));
  const file = join(t.testdir(), 'broken.npz');
  const refuse = async (bytes: Uint8Array, words: RegExp) => {
    writeFileSync(file, bytes);
    await t.rejects(readNpz(file), { name: 'InputError', argument: /broken.npz/, message: words });
  };
  await refuse(new Uint8Array(0), /no directory/);
  await refuse(whole.subarray(0, -30), /no directory/);
  const directory = whole.readUInt32LE(whole.length - 6);
  const changed = (place: number, value: number) => {
    const copy = Buffer.from(whole);
    copy[place] = value;
    return copy;
  };
  await refuse(changed(directory, 0), /directory is cut short/);
  await refuse(changed(directory + 10, 12), /method 12/);
  await refuse(changed(0, 0), /not where it should be/);
  await refuse(changed(directory + 24, 1), /cannot be unpacked/); // larger than it says
  const huge = Buffer.from(whole);
  huge.fill(255, directory + 20, directory + 28);
  await refuse(huge, /more than 4 GiB/);
  const long = Buffer.from(whole);
  long.writeUInt32LE(0xffffff, directory + 20);
  await refuse(long, /'first.npy' is cut short/);
  const stored = readFileSync(at('kinds.npz'));
  stored.write('(2, 2)', stored.indexOf('(2, 3)'));
  await refuse(stored, /shape \(2, 2\), which takes/);
  for (let length = 0; length < whole.length; length += 7) await refuse(whole.subarray(0, length), /archive/);
});
