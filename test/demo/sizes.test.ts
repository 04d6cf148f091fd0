/** Any number of participants from three, and data sets of any size: shards are as small as the data allows. */
import t from 'tap';
import { loadMnist } from '../../src/data/dataset.js';
import { dealIndices } from '../../src/data/shards.js';
import { type DemoProgress, runDemo } from '../../src/demo/demo.js';
import { largestFitting, sizesFor } from '../../src/demo/fit.js';
import { buildRoster } from '../../src/demo/roster.js';
import { SMALL } from './small.js';

/** A data set with so many samples of each class; what is in the pictures does not matter. */
function dataset(counts: readonly number[]) {
  const labels = Uint8Array.from(counts.flatMap((count, label) => Array<number>(count).fill(label)));
  const images = Uint8Array.from({ length: labels.length * 4 }, (_, at) => (37 * at) % 251);
  return { name: 'made up', samples: labels.length, height: 2, width: 2, classes: counts.length, images, labels };
}

const order = (samples: number) => Uint32Array.from({ length: samples }, (_, at) => at);

t.test('the largest size that fits is the last that can be dealt', async (t) => {
  for (const counts of [
    [30, 40, 50],
    [100, 100, 100],
    [21, 300, 21, 40],
  ]) {
    const data = dataset(counts);
    const roster = (largestShard: number) => buildRoster({ participants: 6, classes: counts.length, largestShard, seed: 3 });
    const size = largestFitting(data, roster, 6000, 20);
    t.ok(dealIndices(data, roster(size), order(data.samples)).length === 6, `${size} of ${counts}`);
    t.throws(() => dealIndices(data, roster(size + 1), order(data.samples)), { code: 'BTM_DOMAIN' });
  }
  t.equal(
    largestFitting(dataset([500, 500]), (samples) => [{ classes: [0, 1], samples }], 100, 1),
    100,
    'no more than the most',
  );
  t.throws(() => largestFitting(dataset([0, 5]), (samples) => [{ classes: [0, 1], samples }], 100, 1), {
    code: 'BTM_DOMAIN',
    argument: 'made up',
  });
});

t.test('the digits fill the defaults for 16 participants, and smaller shards for 20', async (t) => {
  const data = await loadMnist();
  t.same(sizesFor({ participants: 16 }, 7, data), { largestShard: 6000, validation: 1000 });
  const twenty = sizesFor({ participants: 20 }, 7, data);
  t.ok(twenty.largestShard! < 6000 && twenty.largestShard! > 1000, `${twenty.largestShard}`);
  t.throws(() => sizesFor({ participants: 20, largestShard: 6000 }, 7, data), { code: 'BTM_DOMAIN', argument: 'largestShard' });
  t.throws(() => sizesFor({ participants: 6, validation: 9000 }, 7, data), { code: 'BTM_DOMAIN', argument: 'validation' });
});

t.test('a small network has the roles that there is place for', async (t) => {
  const roles = (participants: number) => buildRoster({ participants, classes: 10, largestShard: 100, seed: 1 }).map(({ role }) => role);
  t.same(roles(3), ['generalist', 'specialist', 'noise']);
  t.same(roles(4), ['generalist', 'specialist', 'scarce', 'noise']);
  t.same(roles(5), ['generalist', 'specialist', 'scarce', 'shuffled', 'noise']);
  t.same(roles(6), ['generalist', 'specialist', 'scarce', 'shuffled', 'noise', 'copy']);
  t.throws(() => roles(2), { code: 'BTM_DOMAIN', argument: 'participants' });
});

t.test('three participants on a data set of 60 samples run to the end', async (t) => {
  const data = { name: 'made up', train: dataset([20, 20, 20]), test: dataset([4, 5, 6]) };
  const { largestShard: _, validation: __, blockValidation: ___, ...settings } = SMALL;
  const progress: DemoProgress[] = [];
  const options = { ...settings, participants: 3, rounds: 2, blocks: 1, closingBlocks: 1, data };
  const result = await runDemo(options, { onProgress: (at) => progress.push(at) });
  t.equal(result.participants.length, 3);
  for (const phase of new Set(progress.map((at) => at.phase))) {
    const done = progress.filter((at) => at.phase === phase);
    t.ok(
      done.every((at, k) => at.total === done[0]!.total && (k === 0 || at.done >= done[k - 1]!.done)),
      `${phase} goes forward`,
    );
    t.equal(done.at(-1)!.done, done.at(-1)!.total, `${phase} ends`);
  }
  const told = progress.map((at) => `${at.phase} ${at.done}/${at.total}`);
  t.same(told.slice(0, 2), ['loading 0/1', 'loading 1/1']);
  t.same(told.slice(-2), ['competing 0/1', 'competing 1/1']);
  t.equal(progress.at(-1)!.note, result.equilibrium.status);
  t.ok(result.settings.largestShard < 60 && result.settings.validation <= 15);
  t.ok(result.blocks.every((block) => block.refused.length === 0));
});
