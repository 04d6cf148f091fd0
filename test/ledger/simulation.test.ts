import t from 'tap';
import { simulate } from './simulation.js';

t.test('T7: 200 seeds of drops, duplicates, reordering, delays, partitions and crashes break no law', async (t) => {
  let [blocks, acknowledged, crashes] = [0, 0, 0];
  for (let seed = 0; seed < 200; seed++) {
    const run = await simulate(seed, { blocksEach: 3 });
    if (run.problem !== undefined) t.fail(`seed ${seed}: ${run.problem}`);
    blocks += run.height;
    acknowledged += run.acknowledged;
    crashes += run.crashes;
  }
  t.comment(`${blocks} blocks, ${acknowledged} acknowledged, ${crashes} crashes of a writer`);
  t.ok(acknowledged > 1000 && crashes > 100);
});

t.test('T7: the same seed gives the same run', async (t) => {
  for (const seed of [3, 17]) t.same(await simulate(seed), await simulate(seed));
});

t.test('T7 control: a store that does not compare breaks a law', async (t) => {
  let broken = 0;
  for (let seed = 0; seed < 10; seed++) if ((await simulate(seed, { blind: true })).problem !== undefined) broken++;
  t.ok(broken >= 8, `${broken} of 10 seeds`);
});
