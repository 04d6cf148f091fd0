/** One hostile member of eight that takes part in everything, one deviation at a time. */
import t from 'tap';
import { DEVIATIONS, deviating } from './support/deviations.js';
import { playWorld } from './support/world.js';

t.setTimeout(280_000);

const MEMBERS = 8;
const control = await playWorld({ members: MEMBERS, deviant: deviating({}) });

t.test('control: a member that could deviate and does not changes nothing', async (t) => {
  t.same(control.violations, []);
  t.same(control.noticed, [{}]);
});

for (const [name, { deviation, noticed, same }] of Object.entries(DEVIATIONS)) {
  t.test(`one hostile member of ${MEMBERS}, ${name}`, async (t) => {
    const result = await playWorld({ members: MEMBERS, deviant: deviating(deviation) });
    t.same(result.violations, [], 'all rows of the others are in their blocks');
    t.equal(result.digest === control.digest, same, same ? 'the result is that with an honest member' : 'it did deviate');
    t.comment(JSON.stringify(result.noticed));
    for (const what of noticed) t.ok((result.noticed[0][what] ?? 0) > 0, `noticed: ${what}`);
  });
}
