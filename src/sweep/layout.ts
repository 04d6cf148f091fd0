/**
 * The order of the results. A *unit* is one trial of one n and one Hessian law: it runs every other combination of theta on the same Hessians.
 * Rows are numbered unit by unit, so a shard, a chunk and a resumed run each hold whole units, and numbers never depend on them.
 */
import { InputError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import { type Cell, cellsOf, type SweepTask } from './spec.js';

/** Which part of a sweep this process runs: units `index - 1`, `index - 1 + count`, ... */
export interface Shard {
  /** From 1. */
  readonly index: number;
  readonly count: number;
}

/** One unit of work. */
export interface Unit {
  /** Number of its first row. */
  readonly firstRow: number;
  readonly trial: number;
  /** Number of the first of its cells; they follow one another. */
  readonly firstCell: number;
  readonly cells: readonly Cell[];
}

/** The order of a task's results. */
export interface Layout {
  /** Rows in a unit. */
  readonly unitRows: number;
  readonly units: number;
  unit(index: number): Unit;
}

/** Lays a task out. */
export function layoutOf(task: SweepTask): Layout {
  const cells = cellsOf(task);
  const groups = task.grid.n.length * task.grid.hessian.length;
  const unitRows = cells.length / groups;
  return {
    unitRows,
    units: groups * task.trials,
    unit: (index) => {
      const group = Math.floor(index / task.trials);
      const firstCell = group * unitRows;
      return {
        firstRow: index * unitRows,
        trial: index % task.trials,
        firstCell,
        cells: cells.slice(firstCell, firstCell + unitRows),
      };
    },
  };
}

/** Units of a shard. */
export function shardUnits(layout: Layout, shard: Shard): number {
  return Math.ceil(Math.max(0, layout.units - (shard.index - 1)) / shard.count);
}

/** Number, in the whole sweep, of the k-th unit of a shard. */
export function unitOfShard(shard: Shard, k: number): number {
  return shard.index - 1 + k * shard.count;
}

/** Number, in the whole sweep, of the k-th row of a shard. */
export function rowOfShard(layout: Layout, shard: Shard, k: number): number {
  return unitOfShard(shard, Math.floor(k / layout.unitRows)) * layout.unitRows + (k % layout.unitRows);
}

/** Checks a shard; the whole sweep is shard 1 of 1. */
export function checkShard(shard: Shard | undefined): Shard {
  const count = checkInteger('shard.count', shard?.count ?? 1, 1, 1_000_000);
  return { index: checkInteger('shard.index', shard?.index ?? 1, 1, count), count };
}

/** Reads `3/8`. */
export function parseShard(text: string): Shard {
  const found = /^(\d+)\/(\d+)$/.exec(text);
  if (found === null) {
    throw new InputError('BTM_TYPE', `must look like 3/8, got '${text}'`, { argument: 'shard', value: text });
  }
  return checkShard({ index: Number(found[1]), count: Number(found[2]) });
}
