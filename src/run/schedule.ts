/** Which barriers a run has: they follow from its settings alone. */
import type { Barrier } from './protocol.js';
import type { RunSettings } from './settings.js';

/** The settings that decide it. */
export type RunSchedule = Pick<RunSettings, 'rounds' | 'blocks' | 'closingBlocks'>;

/** Blocks that are due when so many rounds are done. */
export function blocksDue(round: number, { rounds, blocks }: RunSchedule): number {
  return Math.floor((round * blocks) / rounds);
}

/** Whether a run with this schedule has the barrier. The first block is closed when all have joined, and the last ones after the last round. */
export function isScheduled(barrier: Barrier, schedule: RunSchedule): boolean {
  const { round } = barrier;
  if (round > schedule.rounds) return false;
  if (barrier.kind === 'followed') return true; // a run that was stopped continues after any round
  if (barrier.kind === 'asked' || barrier.kind === 'learnt') return round >= 1;
  const due = round >= 1 && blocksDue(round, schedule) > blocksDue(round - 1, schedule);
  return due || (barrier.kind === 'block' && (round === 0 || round === schedule.rounds));
}
