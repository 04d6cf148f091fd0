/** One trial as a line of text: JSON for programs, CSV for tables. Both are read back by the row's number at their beginning. */
import { InputError } from '../core/errors.js';
import type { StatusKind } from '../equilibrium/types.js';
import { AXES, type Cell, methodName } from './spec.js';

/** What a trial found. */
export interface TrialOutcome {
  readonly status: StatusKind;
  readonly steps: number;
  /** Steps after which the run repeats itself; 0 where it does not. */
  readonly period: number;
  /** Largest natural residual, Frank-Wolfe gap and local regret of a row at the end. */
  readonly residual: number;
  readonly gap: number;
  readonly regret: number;
  readonly diagonalShare: number;
  /** null where no participant gives weight to another. */
  readonly diagonalRatio: number | null;
  readonly deadShare: number;
  /** Of the competitive ranking (5) with the ideal one (2); null where it is undefined, with the reason. */
  readonly pearson: number | null;
  readonly spearman: number | null;
  readonly kendall: number | null;
  readonly undefined: string | null;
  /** Ideal and competitive ranking, where the sweep keeps them. */
  readonly ideal?: readonly number[];
  readonly competitive?: readonly number[];
}

/** A line of results: where it stands, which trial of which cell, and what came out. */
export interface TrialRow extends TrialOutcome {
  readonly row: number;
  readonly cell: number;
  readonly trial: number;
  /** The cell's part of theta, the method by name. */
  readonly theta: Readonly<Record<string, string | number | boolean>>;
}

const OUTCOMES = [
  'status',
  'steps',
  'period',
  'residual',
  'gap',
  'regret',
  'diagonalShare',
  'diagonalRatio',
  'deadShare',
  'pearson',
  'spearman',
  'kendall',
  'undefined',
] as const satisfies readonly (keyof TrialOutcome)[];

/** A cell with its method by name. */
export function thetaOf(cell: Cell): Record<string, string | number | boolean> {
  return { ...cell, method: methodName(cell.method) };
}

/** First line of the CSV file. */
export const CSV_HEADER = `row,cell,trial,${AXES.join(',')},${OUTCOMES.join(',')}\n`;

/** One JSON line; it begins with the row's number. */
export function jsonLine(row: TrialRow): string {
  const { theta, ...rest } = row;
  const { row: number, cell, trial, ...outcome } = rest;
  return `${JSON.stringify({ row: number, cell, trial, theta, ...outcome })}\n`;
}

/** One CSV line. Null is empty; no field holds a comma, a quote or a line break. */
export function csvLine(row: TrialRow): string {
  const fields = [row.row, row.cell, row.trial, ...AXES.map((axis) => row.theta[axis]), ...OUTCOMES.map((name) => row[name] ?? '')];
  return `${fields.join(',')}\n`;
}

/** What every line of row `row` begins with, and ends with before its line break; enough to tell a whole line from a torn one. */
export function isJsonLine(line: string, row: number): boolean {
  return line.startsWith(`{"row":${row},`) && line.endsWith('}') && !line.includes('\0');
}

/** The same for CSV. */
export function isCsvLine(line: string, row: number): boolean {
  return line.startsWith(`${row},`) && line.split(',').length === 3 + AXES.length + OUTCOMES.length && !line.includes('\0');
}

/** Reads a JSON line back. */
export function parseLine(path: string, line: string): TrialRow {
  try {
    return JSON.parse(line) as TrialRow;
  } catch (error) {
    throw new InputError('BTM_TYPE', `holds a line that is not JSON: ${(error as Error).message}`, {
      argument: path,
      value: line.slice(0, 80),
    });
  }
}
