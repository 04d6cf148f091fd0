/** Who went away in a run of processes, what that cost the others, and how the survivors rank each other. */
import type { LifeResult } from '../participant/living/messages.js';
import type { ProcessesResult } from '../participant/process/launch.js';
import { type Survival, survivalOf } from '../participant/process/survival.js';
import { positionsOf } from '../participant/rankings.js';
import { textTable } from './text-table.js';

/** Lines of text; empty when nobody went away. */
export function describeSurvival(run: ProcessesResult): string {
  const lines = survivalOf(run).map((survival) => describeOne(run, survival));
  const gone = run.reports.filter((_, index) => run.results[index] === null);
  if (gone.length > 0) {
    const fates = gone.map(({ name, status, error }) => `${name} ${status}${error === undefined ? '' : `: ${error.trim()}`}`);
    lines.push(`Gone at the end: ${fates.join('; ')}`, survivorsRanking(run));
  }
  return lines.join('\n');
}

function describeOne({ cast }: ProcessesResult, { round, away, survivors, loss, share, orderKept, returned }: Survival): string {
  const names = away.map((index) => cast[index].name).join(', ');
  const fixed = (value: number | null): string => (value === null ? 'undefined' : value.toFixed(2));
  const rows = [
    ['before', loss.before.toFixed(4), '', ''],
    ['zeros in place', loss.zeros.toFixed(4), (loss.zeros - loss.before).toFixed(4), fixed(orderKept.zeros)],
    ['students in place', loss.students.toFixed(4), (loss.students - loss.before).toFixed(4), fixed(orderKept.students)],
  ];
  const cost =
    share === null ? 'zeros cost nothing here' : `with students the loss rises ${(100 * share).toFixed(1)} % as much as with zeros`;
  const back = returned === null ? '' : `; back from round ${returned} on, answering themselves`;
  return [
    `Away from round ${round} on: ${names}. Mean over ${survivors.length} survivors, the same heads in all three; order is Spearman of their ranking of each other with that of before`,
    textTable(['', 'loss (nats)', 'rise', 'order'], rows, [1, 2, 3]),
    `${cost}${back}`,
  ].join('\n');
}

/** Ranking (2) of those that are left, by those that are left. */
function survivorsRanking({ results, cast }: ProcessesResult): string {
  const left = results.flatMap((result) => (result === null ? [] : [result]));
  const ideal = idealOf(left, cast.length);
  const positions = positionsOf(left.map(({ index }) => ideal[index]));
  const order = left.map(({ index }, at) => `${positions[at]} ${cast[index].name} (${(1000 * ideal[index]).toFixed(2)} millinats)`);
  return `Ranking (2) of the survivors by the survivors: ${order.join(', ')}`;
}

function idealOf(results: readonly LifeResult[], peers: number): number[] {
  return Array.from({ length: peers }, (_, peer) =>
    results.reduce((sum, { measurement }) => sum + measurement.ideal[peer] / results.length, 0),
  );
}
