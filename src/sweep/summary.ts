/** What a sweep says cell by cell, computed by reading its results once; memory grows with the cells, not with the trials. */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseLine, type TrialRow, thetaOf } from './rows.js';
import { AXES, cellsOf, type SweepTask } from './spec.js';
import { type MeanSummary, RunningMean, type ShareSummary, shareSummary } from './statistics.js';
import { FILES, readManifest, writeWhole } from './store.js';

/** Means over the trials of a cell that have a value. */
const MEASURES = ['pearson', 'spearman', 'kendall', 'diagonalShare', 'diagonalRatio', 'deadShare', 'residual', 'regret', 'steps'] as const;
type Measure = (typeof MEASURES)[number];

/** One cell: its part of theta, and what its trials gave. */
export interface CellSummary extends Readonly<Record<Measure, MeanSummary>> {
  readonly cell: number;
  readonly theta: TrialRow['theta'];
  readonly trials: number;
  readonly converged: ShareSummary;
  readonly cycling: ShareSummary;
  /** Trials whose correlations are undefined, counted by reason and never averaged. */
  readonly undefined: Readonly<Record<string, number>>;
}

/** A sweep's summary. */
export interface SweepSummary {
  readonly kind: 'intermodel-sweep-summary';
  readonly formatVersion: 1;
  readonly hash: string;
  readonly seed: number;
  readonly trialsPerCell: number;
  readonly intervals: string;
  readonly cells: readonly CellSummary[];
}

class CellTally {
  readonly #means = new Map<Measure, RunningMean>(MEASURES.map((measure) => [measure, new RunningMean()]));
  readonly #undefined = new Map<string, number>();
  #trials = 0;
  #converged = 0;
  #cycling = 0;

  add(row: TrialRow): void {
    this.#trials += 1;
    if (row.status === 'converged') this.#converged += 1;
    if (row.status === 'cycling') this.#cycling += 1;
    if (row.undefined !== null) this.#undefined.set(row.undefined, (this.#undefined.get(row.undefined) ?? 0) + 1);
    for (const [measure, mean] of this.#means) {
      const value = row[measure];
      if (value !== null) mean.add(value);
    }
  }

  summary(cell: number, theta: TrialRow['theta']): CellSummary {
    const means = Object.fromEntries([...this.#means].map(([measure, mean]) => [measure, mean.summary()])) as Record<Measure, MeanSummary>;
    return {
      cell,
      theta,
      trials: this.#trials,
      converged: shareSummary(this.#converged, this.#trials),
      cycling: shareSummary(this.#cycling, this.#trials),
      undefined: Object.fromEntries([...this.#undefined].sort()),
      ...means,
    };
  }
}

/** Reads rows of a folder one at a time. */
export async function* readRows(folder: string): AsyncGenerator<TrialRow> {
  const path = join(folder, FILES.lines);
  const input = createReadStream(path, 'utf8');
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) yield parseLine(path, line);
  } finally {
    input.destroy();
  }
}

/** Summarises rows; cells without a row are left out. */
export async function summarise(task: SweepTask, rows: AsyncIterable<TrialRow> | Iterable<TrialRow>): Promise<SweepSummary> {
  const tallies = new Map<number, CellTally>();
  for await (const row of rows) {
    const tally = tallies.get(row.cell) ?? new CellTally();
    tallies.set(row.cell, tally);
    tally.add(row);
  }
  const cells = cellsOf(task);
  return {
    kind: 'intermodel-sweep-summary',
    formatVersion: 1,
    hash: task.hash,
    seed: task.seed,
    trialsPerCell: task.trials,
    intervals: '95 %: Student for means over trials, Wilson for shares; undefined correlations are counted apart and enter no mean',
    cells: [...tallies].sort(([a], [b]) => a - b).map(([cell, tally]) => tally.summary(cell, thetaOf(cells[cell]!))),
  };
}

/** Summarises a folder and writes summary.json and summary.csv into it. */
export async function writeSummary(folder: string): Promise<SweepSummary> {
  const summary = await summarise(readManifest(folder).task, readRows(folder));
  writeWhole(join(folder, FILES.summary), `${JSON.stringify(summary, null, 1)}\n`);
  writeWhole(join(folder, FILES.summaryTable), summaryCsv(summary));
  return summary;
}

function summaryCsv(summary: SweepSummary): string {
  const columns = MEASURES.flatMap((measure) => ['mean', 'low', 'high', 'count'].map((part) => `${measure}_${part}`));
  const shares = ['converged', 'cycling'].flatMap((name) => [`${name}_share`, `${name}_low`, `${name}_high`]);
  const header = ['cell', ...AXES, 'trials', ...shares, 'undefined', ...columns].join(',');
  const lines = summary.cells.map((cell) =>
    [
      cell.cell,
      ...AXES.map((axis) => cell.theta[axis]),
      cell.trials,
      ...[cell.converged, cell.cycling].flatMap((share) => [share.share, share.low, share.high]),
      Object.values(cell.undefined).reduce((sum, count) => sum + count, 0),
      ...MEASURES.flatMap((measure) => [cell[measure].mean ?? '', cell[measure].low ?? '', cell[measure].high ?? '', cell[measure].count]),
    ].join(','),
  );
  return `${[header, ...lines].join('\n')}\n`;
}
