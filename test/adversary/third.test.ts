/** A third of the stake acts together: two of six members deviate in the same way at the same time. */
import t from 'tap';
import { DEVIATIONS, deviating } from './support/deviations.js';
import { playWorld } from './support/world.js';

t.setTimeout(280_000);

const [MEMBERS, DEVIANTS] = [6, 2];

/** What needs no key of its own to be signed with. */
const TOGETHER = [
  'answers NaN',
  'answers of 3e38',
  'silence',
  'gradients of 3e38',
  'gradients of NaN',
  'unrequested gradients',
  'a student of 14 MB',
  'announcements sent again, ahead, far above',
  'barriers: comes to none',
  'barriers: does not come to the block',
  'says hello with other settings',
  'results of another form',
];

for (const name of TOGETHER) {
  t.test(`two of six, ${name}: every row of the other four is in its block, and both are noticed`, async (t) => {
    const { deviation, noticed } = DEVIATIONS[name];
    const result = await playWorld({ members: MEMBERS, deviants: DEVIANTS, deviant: deviating(deviation) });
    t.same(result.violations, []);
    t.equal(result.noticed.length, DEVIANTS);
    for (const one of result.noticed) for (const what of noticed) t.ok((one[what] ?? 0) > 0, `noticed: ${what}`);
  });
}

t.test(
  'two of six write all of their rows to each other: the rows of the others stand as they wrote them, and the stake does not',
  async (t) => {
    const settings = { closingBlocks: 8 };
    const cartel = () => Float64Array.from({ length: MEMBERS }, (_, peer) => Number(peer >= MEMBERS - DEVIANTS));
    const honest = await playWorld({ members: MEMBERS, settings });
    const played = await playWorld({ members: MEMBERS, settings, deviants: DEVIANTS, deviant: deviating({}), deviantWrites: cartel });
    t.same(played.violations, []);
    const share = (stake: readonly number[]): number =>
      stake.slice(MEMBERS - DEVIANTS).reduce((sum, one) => sum + one, 0) / stake.reduce((sum, one) => sum + one, 0);
    t.comment(`share of the stake: ${share(honest.stake)} honest, ${share(played.stake)} as a cartel`);
    t.ok(share(played.stake) > share(honest.stake), 'what does not hold: a cartel gains stake where no defence of the ledger is on');
  },
);
