/** What the absence of peers cost those that went on, over all of them. */
import { spearman } from '../ranking.js';
import type { Absence, Filled } from '../run/absence.js';
import { positionsOf } from '../run/positions.js';
import type { ProcessesResult } from './launch.js';

/** Means over the survivors that noticed the same absence. */
export interface Survival {
  readonly round: number;
  readonly away: readonly number[];
  readonly survivors: readonly number[];
  /** Mean loss before, with zeros and with students in the place of the absent, nats. */
  readonly loss: { readonly before: number; readonly zeros: number; readonly students: number };
  /** Rise with students over rise with zeros; null where zeros cost nothing. */
  readonly share: number | null;
  /** Spearman of the survivors' ranking (2) among themselves with that of before; null where undefined. */
  readonly orderKept: { readonly zeros: number | null; readonly students: number | null };
  /** The round in which one of them answered again itself; null when none did. */
  readonly returned: number | null;
}

/** One entry per group of peers that went away together, in the order of the rounds. */
export function survivalOf({ results }: Pick<ProcessesResult, 'results'>): Survival[] {
  const groups = new Map<string, { readonly index: number; readonly absence: Absence }[]>();
  for (const result of results) {
    for (const absence of result?.absences ?? []) {
      if (result === null || absence.before === null) continue;
      const name = `${absence.round} ${absence.away.join(' ')}`;
      groups.set(name, [...(groups.get(name) ?? []), { index: result.index, absence }]);
    }
  }
  return [...groups.values()].map(summarise).sort((a, b) => a.round - b.round);
}

function summarise(group: readonly { readonly index: number; readonly absence: Absence }[]): Survival {
  const [{ absence: first }] = group;
  const survivors = group.map(({ index }) => index).filter((index) => !first.away.includes(index));
  const seen = group.filter(({ index }) => survivors.includes(index)).map(({ absence }) => absence);
  const mean = (of: (absence: Absence) => Filled): number => seen.reduce((sum, absence) => sum + of(absence).loss / seen.length, 0);
  const ranking = (of: (absence: Absence) => Filled): number[] =>
    survivors.map((peer) => seen.reduce((sum, absence) => sum + of(absence).scores[peer] / seen.length, 0));
  const before = (absence: Absence): Filled => absence.before as Filled;
  const loss = { before: mean(before), zeros: mean(({ zeros }) => zeros), students: mean(({ students }) => students) };
  const rise = loss.zeros - loss.before;
  const order = (of: (absence: Absence) => Filled): number | null =>
    survivors.length < 2 ? null : spearman(ranking(before), ranking(of)).value;
  const returns = seen.flatMap(({ returned }) => (returned === null ? [] : [returned]));
  return {
    round: first.round,
    away: first.away,
    survivors,
    loss,
    share: rise > 0 ? (loss.students - loss.before) / rise : null,
    orderKept: { zeros: order(({ zeros }) => zeros), students: order(({ students }) => students) },
    returned: returns.length === 0 ? null : Math.min(...returns),
  };
}

/** One survivor's place among the survivors. */
export interface SurvivorRank {
  readonly index: number;
  readonly position: number;
  /** Mean removal score, nats per sample. */
  readonly worth: number;
}

/** Ranking (2) of those that finished, by those that finished; best first. */
export function survivorsRanking({ results }: Pick<ProcessesResult, 'results'>): SurvivorRank[] {
  const left = results.flatMap((result) => (result === null ? [] : [result]));
  const worth = left.map(({ index }) => left.reduce((sum, { measurement }) => sum + measurement.ideal[index] / left.length, 0));
  const positions = positionsOf(worth);
  return left.map(({ index }, at) => ({ index, position: positions[at], worth: worth[at] })).sort((a, b) => a.position - b.position);
}
