/** Results as text, as tables for docs/benchmarks.md, and two runs beside each other. */
import type { Row } from './case.js';
import { type Change, changeOf, exponentOf } from './statistics.js';

/** What a run measured. */
export interface Run {
  readonly heading: Readonly<Record<string, unknown>>;
  readonly rows: readonly Row[];
}

/** Seconds in the unit that suits them. */
export function timeText(seconds: number): string {
  if (seconds >= 1) return `${seconds.toPrecision(3)} s`;
  if (seconds >= 1e-3) return `${(seconds * 1e3).toPrecision(3)} ms`;
  return `${(seconds * 1e6).toPrecision(3)} us`;
}

/** Rows of one case, in order of appearance. */
export function casesOf(rows: readonly Row[]): Row[][] {
  const cases = new Map<string, Row[]>();
  for (const row of rows) {
    const key = `${row.workload} ${row.name}`;
    const found = cases.get(key);
    if (found === undefined) cases.set(key, [row]);
    else found.push(row);
  }
  return [...cases.values()];
}

/** Processor time on one thread; on several the wall, since threads are there to shorten it. */
function timeOf(row: Row): number {
  return row.threads === 1 ? row.cpu.median : row.wall.median;
}

/** A rival's time over ours on as many threads: above 1 this package is faster. Null for our own base. */
export function ratioOf(row: Row, rows: readonly Row[]): number | null {
  const base = rows.find((other) => other.contender === 'intermodel f64' && other.threads === row.threads);
  return base === undefined || base === row ? null : timeOf(row) / timeOf(base);
}

/** One line a contender. */
export function caseText(rows: readonly Row[]): string {
  const [first] = rows;
  const lines = [`\n${first.workload}  ${first.name}  (a ${first.repeat}; hash ${first.hash})`];
  for (const row of rows) {
    const ratio = ratioOf(row, rows);
    const parts = [
      `  ${row.contender.padEnd(28)} x${row.threads}`,
      timeText(row.cpu.median).padStart(9),
      `(${timeText(row.cpu.low)} to ${timeText(row.cpu.high)})`.padEnd(24),
      `wall ${timeText(row.wall.median)}`.padEnd(15),
      (row.gflops === null ? '' : `${row.gflops.toFixed(1)} GFLOP/s`).padStart(14),
      (row.gigabytes === null ? '' : `${row.gigabytes.toFixed(1)} GB/s`).padStart(11),
      (row.share === null || row.threads > 1 ? '' : `${(100 * row.share).toFixed(0)} %`).padStart(6),
      (ratio === null ? '' : `ratio ${ratio.toFixed(2)}`).padStart(12),
      row.error === 0 ? '' : `off by ${row.error.toExponential(0)}`,
    ];
    lines.push(parts.join(' ').trimEnd());
  }
  return `${lines.join('\n')}\n`;
}

export interface Curve {
  readonly name: string;
  readonly contender: string;
  readonly exponent: number;
  readonly sizes: readonly number[];
}

/** Exponents of the growth curves of contenders that have three sizes or more. */
export function curvesOf(rows: readonly Row[]): Curve[] {
  const curves = new Map<string, { name: string; contender: string; points: { size: number; time: number }[] }>();
  for (const row of rows) {
    if (row.curve === null || row.threads > 1) continue;
    const key = `${row.curve.name} ${row.contender}`;
    const curve = curves.get(key) ?? { name: row.curve.name, contender: row.contender, points: [] };
    curve.points.push({ size: row.curve.size, time: row.cpu.median });
    curves.set(key, curve);
  }
  return [...curves.values()]
    .filter(({ points }) => points.length >= 3)
    .map(({ name, contender, points }) => ({ name, contender, exponent: exponentOf(points), sizes: points.map(({ size }) => size) }));
}

export interface Compared extends Change {
  readonly name: string;
  readonly sameAnswer: boolean;
}

/** What two runs have in common, case by case. */
export function compareRuns(before: Run, after: Run): Compared[] {
  const keyOf = (row: Row) => `${row.workload} ${row.name}, ${row.contender} x${row.threads}`;
  const earlier = new Map(before.rows.map((row) => [keyOf(row), row]));
  return after.rows.flatMap((row) => {
    const old = earlier.get(keyOf(row));
    if (old === undefined) return [];
    const change = row.threads === 1 ? changeOf(old.cpu, row.cpu) : changeOf(old.wall, row.wall);
    return [{ name: keyOf(row), sameAnswer: old.hash === row.hash, ...change }];
  });
}

/** The tables of docs/benchmarks.md. */
export function markdownOf({ heading, rows }: Run): string {
  const lines = ['```json', JSON.stringify(heading, null, 1), '```', ''];
  lines.push(
    '| case | ours, 1 thread | share of the limit | best rival, 1 thread | ratio | ours, 2 threads | best rival | ratio | hash |',
    '|---|---|---|---|---|---|---|---|---|',
  );
  for (const group of casesOf(rows)) {
    for (const own of group.filter((row) => row.own && row.threads === 1 && row.contender !== 'intermodel f64 clip')) {
      lines.push(markdownRow(own, group));
    }
  }
  const curves = curvesOf(rows);
  if (curves.length > 0) {
    lines.push('', '| growth | contender | exponent | sizes |', '|---|---|---|---|');
    for (const { name, contender, exponent, sizes } of curves) {
      lines.push(`| ${name} | ${contender} | ${exponent.toFixed(2)} | ${sizes.join(', ')} |`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** An f32 contender is set against the f32 rivals as well, an f64 one against those in f64 alone. */
function markdownRow(own: Row, group: readonly Row[]): string {
  const precision = own.contender.startsWith('intermodel f32') ? 'f32' : 'f64';
  const bestOf = (threads: number) =>
    group
      .filter((row) => !row.own && row.contender.includes(precision) && (row.threads === threads || (threads > 1 && row.threads === 1)))
      .sort((a, b) => (threads === 1 ? a.cpu.median - b.cpu.median : a.wall.median - b.wall.median))[0];
  const [one, two] = [bestOf(1), bestOf(2)];
  const shared = group.find((row) => row.contender === own.contender && row.threads === 2);
  const text = (row: Row | undefined, wall = false) =>
    row === undefined ? '' : `${row.own ? '' : `${row.contender} `}${timeText(wall ? row.wall.median : row.cpu.median)}`;
  const cells = [
    `${own.workload} ${own.name}${own.contender === 'intermodel f64' ? '' : ` (${own.contender.slice(11)})`}`,
    text(own),
    own.share === null ? '' : `${(100 * own.share).toFixed(0)} %`,
    text(one),
    one === undefined ? '' : (one.cpu.median / own.cpu.median).toFixed(2),
    text(shared, true),
    text(shared === undefined ? undefined : two, true),
    shared === undefined || two === undefined ? '' : (two.wall.median / shared.wall.median).toFixed(2),
    own.hash,
  ];
  return `| ${cells.join(' | ')} |`;
}
