import t from 'tap';
import { type Control, simulate } from './support/simulation.js';

t.setTimeout(240_000); // 6 s of processor time; a machine shared by many needs longer

/** Seeds that once failed, with what they found. They stay. */
const KEPT: readonly [number, string][] = [];

t.test('T7: 200 seeds of drop, duplicate, reorder, delay, corruption, partition and crash break no law', async (t) => {
  const totals: Record<string, number> = {};
  const fates: Record<string, number> = {};
  const broken: string[] = [];
  for (let seed = 0; seed < 200; seed++) {
    const run = await simulate(seed);
    for (const violation of run.violations) broken.push(`seed ${seed}: ${violation}`);
    for (const [how, count] of Object.entries(run.outcomes)) totals[how] = (totals[how] ?? 0) + count;
    for (const [fate, count] of Object.entries(run.fates)) fates[fate] = (fates[fate] ?? 0) + count;
  }
  t.same(broken, []);
  t.comment(`outcomes ${JSON.stringify(totals)}`);
  t.comment(`datagrams ${JSON.stringify(fates)}`);
  // The weather really was bad, and the calls really did end in every way.
  for (const how of [
    'ok',
    'timeout/caller',
    'unreachable/caller',
    'cancelled/caller',
    'banned/caller',
    'noStake/peer',
    'replay/peer',
    'busy/peer',
  ]) {
    t.ok(totals[how] > 20, `${how}: ${totals[how]}`);
  }
  for (const [fate, count] of Object.entries(fates)) t.ok(count > 20, `${fate}: ${count}`);
});

t.test('T7: the same seed gives the same run', async (t) => {
  for (const seed of [3, 10]) t.equal((await simulate(seed)).hash, (await simulate(seed)).hash);
  t.not((await simulate(3)).hash, (await simulate(4)).hash);
});

const CONTROLS: readonly [Control, RegExp][] = [
  ['noReplayGuard', /applied twice/],
  ['forgetfulRestart', /applied twice/],
  ['lostTimers', /never ended|took/],
  ['noStakeCheck', /no stake was served/],
  ['wrongAnswers', /another's answer/],
];

for (const [control, finding] of CONTROLS) {
  t.test(`T7, negative control: the harness finds ${control}`, async (t) => {
    let found = -1;
    for (let seed = 0; seed < 200 && found < 0; seed++) {
      if ((await simulate(seed, control)).violations.some((violation) => finding.test(violation))) found = seed;
    }
    t.ok(found >= 0, `found at seed ${found}`);
  });
}

for (const [seed, what] of KEPT) {
  t.test(`T7, kept seed ${seed}: ${what}`, async (t) => t.same((await simulate(seed)).violations, []));
}
