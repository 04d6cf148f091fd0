/** The curvature records of test/vectors/vectors.json. */
import { readFileSync } from 'node:fs';

/** Nested lists of numbers, as JSON has them. */
export type Nested = number | readonly Nested[];

/** One known answer. */
export interface KnownAnswer {
  readonly id: string;
  readonly title: string;
  readonly inputs: Readonly<Record<string, Nested>>;
  readonly expected: Readonly<Record<string, Nested>>;
  readonly tolerance: { readonly mode: 'norm' | 'element'; readonly f64: { readonly rtol: number; readonly atol: number } };
}

const file = new URL('../../../test/vectors/vectors.json', import.meta.url);
const records: KnownAnswer[] = JSON.parse(readFileSync(file, 'utf8')).vectors;

/** The record with this id. */
export function knownAnswer(id: string): KnownAnswer {
  const record = records.find((candidate) => candidate.id === id);
  if (record === undefined) throw new Error(`no known answer ${id}`);
  return record;
}

/** All numbers of a nested list, in order. */
export function flat(values: Nested | undefined): number[] {
  if (values === undefined) throw new Error('no such field');
  return typeof values === 'number' ? [values] : values.flatMap(flat);
}

/** The largest error in units of the record's own tolerance: at most 1 passes. */
export function errorRatio(actual: ArrayLike<number>, expected: readonly number[], tolerance: KnownAnswer['tolerance']): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  const { rtol, atol } = tolerance.f64;
  const norm = Math.max(...expected.map(Math.abs));
  const ratios = expected.map((e, k) => {
    const error = Math.abs(actual[k] - e);
    const allowed = atol + rtol * (tolerance.mode === 'norm' ? norm : Math.abs(e));
    return error === 0 ? 0 : error / allowed;
  });
  return Math.max(...ratios.map((r) => (Number.isNaN(r) ? Number.POSITIVE_INFINITY : r)));
}
