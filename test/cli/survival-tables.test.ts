/** What a run of processes says of those that left, by figures that are worked out by hand. */
import t from 'tap';
import { survivalSections, survivalText } from '../../src/cli/survival-tables.js';
import type { ProcessesResult } from '../../src/process/launch.js';
import type { Absence, Filled } from '../../src/run/absence.js';

const filled = (loss: number, scores: readonly number[]): Filled => ({ loss, accuracy: null, scores });

/** Four participants; the last goes away and does not come back by itself. Survivors measured the others at these values. */
function runOf({ zeros = 2, students = 1.25, orders = [1, 2, 3], returned = null as number | null } = {}): ProcessesResult {
  const absence = (rise: number): Absence => ({
    round: 4,
    away: [3],
    held: [3],
    before: filled(1 + rise, [1, 2, 3, 9]),
    zeros: filled(zeros + rise, [...orders, 0]),
    students: filled(students + rise, [1, 3, 2, 5]),
    returned,
  });
  const ideal = [0.002, 0.004, 0.003, 0.5];
  const results = [0, 1, 2].map((index) => ({ index, absences: [absence((index - 1) / 10)], measurement: { ideal } }));
  const names = ['ada', 'bo', 'cy', 'di'];
  const reports = names.map((name, index) =>
    index === 3 ? { name, status: 'killed', error: ' by the test \n' } : { name, status: 'done' },
  );
  return { results: [...results, null], names, reports } as unknown as ProcessesResult;
}

t.test('losses, their rises, and the order that is kept', async (t) => {
  const text = survivalText(runOf());
  t.match(text, /^Away from round 4 on: di\. Mean over 3 survivors/);
  t.match(text, /\n *nothing: before +1\.0000 *\n/);
  t.match(text, /\n *zeros +2\.0000 +1\.0000 +1\.00 *\n/, 'the same order: Spearman 1');
  t.match(text, /\n *students +1\.2500 +0\.2500 +0\.50 *\n/, 'ranks 1 3 2 against 1 2 3: 1 - 6 * 2 / (3 * 8)');
  t.match(text, 'With students the loss rises 25.0 % as much as with zeros.');
  t.match(text, '\nGone at the end: di killed: by the test\n');
  t.match(text, '\nRanking (2) of the survivors by the survivors: 1 bo (4.00 millinats), 2 cy (3.00 millinats), 3 ada (2.00 millinats)');
});

t.test('an order that ties leave undefined is called so, and zeros that cost nothing', async (t) => {
  const text = survivalText(runOf({ zeros: 1, orders: [2, 2, 2], returned: 6 }));
  t.match(text, /\n *zeros +1\.0000 +0\.0000 +undefined *\n/);
  t.match(text, /\n *students .* 0\.50 *\n/);
  t.match(text, 'Zeros cost nothing here. From round 6 on they answered themselves again.');
});

t.test('the page has the same rows, and nothing where nobody left', async (t) => {
  const [section, ...more] = survivalSections(runOf());
  t.same(more, []);
  const page = section!.body.map(String).join('');
  for (const words of ['Away from round 4 on: di', '0.2500', '0.50', '25.0 %']) t.match(page, words);
  const whole = { results: [], names: [], reports: [] } as unknown as ProcessesResult;
  t.equal(survivalText(whole), '');
  t.same(survivalSections(whole), []);
});
