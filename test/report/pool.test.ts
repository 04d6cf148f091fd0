// The page of a pool: whole, safe, and drawn for few and many models.
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { poolPage } from '../../src/report/index.js';
import { rankPool, selectModels } from '../../src/stacking/index.js';

function pool(models: number, name: (i: number) => string) {
  const stream = new RandomStream(20261128, models);
  const labels = Int32Array.from({ length: 60 }, (_, s) => s % 3);
  return {
    labels,
    models: Array.from({ length: models }, (_, i) => ({
      name: name(i),
      answers: Float64Array.from({ length: 180 }, (_, k) => stream.normal() + (k % 3 === labels[Math.floor(k / 3)] ? i / models : 0)),
    })),
  };
}

const about = { command: 'intermodel rank a.npy', version: '1', backend: 'native (avx2)' };

t.test('every part is there, names are escaped, nothing is fetched', async (t) => {
  const given = pool(3, (i) => `<b>model & ${i}</b>`);
  const options = { ...given, folds: 3, resamples: 100, tolerance: 1e-3 };
  const html = await poolPage(await rankPool(options), await selectModels(options), about);
  for (const id of ['models', 'redundancy', 'alone', 'selection', 'ceiling', 'worth', 'gram', 'accuracy']) t.match(html, `id="${id}"`);
  t.notMatch(html, '<b>model');
  t.match(html, '&lt;b&gt;model &amp; 0&lt;/b&gt;');
  t.notMatch(html, /(src|href)="(?!#)/);
  t.notMatch(html, /NaN|undefined|Infinity/);
  t.equal(html, await poolPage(await rankPool(options), await selectModels(options), about), 'the same input gives the same page');
});

t.test('forty models with names of sixty characters', async (t) => {
  const given = pool(45, (i) => `a-model-with-a-rather-long-name-as-folders-have-them-${String(i).padStart(8, '0')}`);
  const html = await poolPage(await rankPool({ ...given, head: 'logPool', folds: 3, resamples: 100 }), null, about);
  t.match(html, 'alike ones beside each other');
  t.match(html, '<span class="long">a-model-with', 'long names may be broken into lines');
  t.notMatch(html, /NaN|undefined|Infinity/);
});

t.test('the page says what stands in for an absent model by the head and the baseline of the ranking', async (t) => {
  const given = { ...pool(3, (i) => `m${i}`), folds: 3, resamples: 100, tolerance: 1e-3, refit: false };
  const words = ['its mean answer over the training folds stands in', 'an answer of zeros stands in', 'the others are averaged'];
  for (const [options, said] of [
    [{ baseline: 'mean' }, 0],
    [{ baseline: 'zero' }, 1],
    [{ head: 'vote' }, 2],
    [{ head: 'logPool' }, 2],
  ] as const) {
    const html = await poolPage(await rankPool({ ...given, ...options }), null, about);
    for (const [k, text] of words.entries()) t.equal(html.includes(text), k === said, `${JSON.stringify(options)}: ${text}`);
    t.equal(html.includes('in 3 folds; one L2 was chosen'), said !== 2);
  }
});
