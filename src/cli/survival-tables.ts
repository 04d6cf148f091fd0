/** Who went away in a run of processes, what that cost the others, and how the survivors rank each other: as text and for the report. */
import type { ProcessesResult } from '../process/launch.js';
import { type Survival, survivalOf, survivorsRanking } from '../process/survival.js';
import { html, type Markup } from '../report/markup.js';
import type { Section } from '../report/page.js';
import { table } from '../report/table.js';
import { textTable } from './text-table.js';

const TITLES = ['in the place of the absent', 'loss (nats)', 'rise', 'order'];

/** Lines of text; empty when no participant left. */
export function survivalText(run: ProcessesResult): string {
  const parts = survivalOf(run).map((survival) =>
    [leadOf(run, survival), textTable(TITLES, rowsOf(survival), [1, 2, 3]), endOf(survival)].join('\n'),
  );
  return [...parts, ...lostText(run)].join('\n');
}

/** A section, or none when no participant left. */
export function survivalSections(run: ProcessesResult): Section[] {
  const all = survivalOf(run);
  if (all.length === 0) return [];
  const columns = TITLES.map((title, at) => ({ title, numeric: at > 0, cell: (row: string[]) => row[at]! }));
  const body = all.flatMap((survival): Markup[] => [
    html`<p>${leadOf(run, survival)}</p>`,
    table({ caption: endOf(survival), columns, rows: rowsOf(survival) }),
  ]);
  return [{ id: 'survival', title: 'Participants that left', body }];
}

function leadOf({ names: all }: ProcessesResult, { round, away, survivors }: Survival): string {
  const names = away.map((index) => all[index]).join(', ');
  return (
    `Away from round ${round} on: ${names}. Mean over ${survivors.length} survivors, the same heads in all three rows; ` +
    'order is the Spearman correlation of their ranking of each other with that of before.'
  );
}

function rowsOf({ loss, orderKept }: Survival): string[][] {
  const rise = (value: number): string => (value - loss.before).toFixed(4);
  return [
    ['nothing: before', loss.before.toFixed(4), '', ''],
    ['zeros', loss.zeros.toFixed(4), rise(loss.zeros), fixed(orderKept.zeros)],
    ['students', loss.students.toFixed(4), rise(loss.students), fixed(orderKept.students)],
  ];
}

function endOf({ share, returned }: Survival): string {
  const cost =
    share === null ? 'Zeros cost nothing here' : `With students the loss rises ${(100 * share).toFixed(1)} % as much as with zeros`;
  return returned === null ? `${cost}.` : `${cost}. From round ${returned} on they answered themselves again.`;
}

/** Those that did not finish, and the ranking (2) of those that did, by those that did. */
function lostText(run: ProcessesResult): string[] {
  const gone = run.reports.filter((_, index) => run.results[index] === null);
  if (gone.length === 0) return [];
  const fates = gone.map(({ name, status, error }) => `${name} ${status}${error === undefined ? '' : `: ${error.trim()}`}`);
  const order = survivorsRanking(run).map(
    ({ index, position, worth }) => `${position} ${run.names[index]} (${(1000 * worth).toFixed(2)} millinats)`,
  );
  return [`Gone at the end: ${fates.join('; ')}`, `Ranking (2) of the survivors by the survivors: ${order.join(', ')}`];
}

const fixed = (value: number | null): string => (value === null ? 'undefined' : value.toFixed(2));
