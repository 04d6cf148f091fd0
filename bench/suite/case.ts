/** A case: its answer is checked first, then all contenders take turns. */
import { createHash } from 'node:crypto';
import type { Contender, Timing } from './contender.js';
import { bandwidthFor, type Limits } from './limits.js';
import { type Spread, spreadOf } from './statistics.js';

/** How a case is run. */
export interface Plan {
  readonly rounds: number;
  /** Seconds of processor time that a contender's turn should take. */
  readonly turn: number;
  readonly threads: readonly number[];
  /** Python with the rivals; empty for none. */
  readonly python: string;
  readonly smoke: boolean;
  /** Where problems are written for the rivals. */
  readonly folder: string;
}

export interface BenchCase {
  /** W1, W2, W3, W4 or calls. */
  readonly workload: string;
  readonly name: string;
  /** What one repeat is: 'step', 'call'. */
  readonly repeat: string;
  /** Floating-point operations, and bytes that have to be read, of one repeat. */
  readonly flops?: number;
  readonly bytes?: number;
  /** Bytes that a repeat works on, which decide what memory they come from; default: `bytes`. */
  readonly resident?: number;
  /** A curve along which cases lie, and where on it this one is. */
  readonly curve?: { readonly name: string; readonly size: number };
  /** Least repeats in a turn of this package, where a solve's own cost would count for too much. */
  readonly least?: number;
  open(plan: Plan): Promise<readonly Contender[]>;
}

/** Everything measured of one contender in one case. */
export interface Row {
  readonly workload: string;
  readonly name: string;
  readonly repeat: string;
  readonly contender: string;
  readonly own: boolean;
  readonly threads: number;
  /** Seconds of one repeat. */
  readonly cpu: Spread;
  readonly wall: Spread;
  readonly gflops: number | null;
  readonly gigabytes: number | null;
  /** Of what the machine's measured limits allow on one thread. */
  readonly share: number | null;
  /** Largest difference from the case's answer over its largest entry. */
  readonly error: number;
  /** Of this package's f64 answer. */
  readonly hash: string;
  readonly curve: NonNullable<BenchCase['curve']> | null;
}

/** Runs one case. */
export async function runCase(bench: BenchCase, plan: Plan, limits: Limits | null): Promise<Row[]> {
  const contenders = await bench.open(plan);
  try {
    const answers = await checkAnswers(bench, contenders);
    const repeats = new Map<Contender, number>();
    for (const contender of contenders) {
      const least = contender.own && !plan.smoke ? (bench.least ?? 1) : 1;
      repeats.set(contender, Math.max(least, await calibrate(contender, plan)));
    }
    const times = new Map<Contender, Timing[]>(contenders.map((contender) => [contender, []]));
    for (let round = 0; round < plan.rounds; round++) {
      for (const contender of contenders) times.get(contender)?.push(await contender.time(repeats.get(contender) ?? 1));
    }
    return contenders.map((contender) => rowOf(bench, contender, times.get(contender) ?? [], answers, limits));
  } finally {
    for (const contender of contenders) contender.close();
  }
}

interface Answers {
  readonly hash: string;
  readonly errors: ReadonlyMap<Contender, number>;
}

async function checkAnswers(bench: BenchCase, contenders: readonly Contender[]): Promise<Answers> {
  const first = Float64Array.from(await contenders[0].answer());
  const answers = new Map<string | undefined, Float64Array>([[contenders[0].kind, first]]);
  const errors = new Map<Contender, number>();
  for (const contender of contenders) {
    const answer = await contender.answer();
    const right = answers.get(contender.kind) ?? Float64Array.from(answer);
    answers.set(contender.kind, right);
    const largest = right.reduce((most, value) => Math.max(most, Math.abs(value)), Number.MIN_VALUE);
    let worst = answer.length === right.length ? 0 : Number.POSITIVE_INFINITY;
    for (let k = 0; k < right.length; k++) {
      const error = Math.abs(answer[k] - right[k]) / largest;
      if (!(error <= worst) && !Number.isNaN(worst)) worst = error; // a NaN counts, and stays
    }
    if (!(worst <= contender.tolerance)) {
      throw new Error(`${bench.workload} ${bench.name}: ${contender.name} differs by ${worst} of the largest entry; nothing was timed`);
    }
    errors.set(contender, worst);
  }
  return { hash: createHash('sha256').update(new Uint8Array(first.buffer)).digest('hex').slice(0, 16), errors };
}

/** Repeats that take about a turn. */
async function calibrate(contender: Contender, plan: Plan): Promise<number> {
  let repeats = 1;
  for (;;) {
    const { cpu } = await contender.time(repeats);
    const wanted = Math.ceil(plan.turn / Math.max(cpu, 1e-8));
    if (cpu * repeats >= plan.turn / 4 || repeats >= 1e7) return Math.min(Math.max(1, wanted), 1e7);
    repeats = Math.min(Math.max(2 * repeats, Math.min(wanted, 50 * repeats)), 1e7);
  }
}

function rowOf(bench: BenchCase, contender: Contender, times: readonly Timing[], answers: Answers, limits: Limits | null): Row {
  const cpu = spreadOf(times.map((time) => time.cpu));
  const gflops = bench.flops === undefined ? null : bench.flops / cpu.median / 1e9;
  const gigabytes = bench.bytes === undefined ? null : bench.bytes / cpu.median / 1e9;
  let share: number | null = null;
  if (limits !== null && (bench.flops !== undefined || bench.bytes !== undefined)) {
    const single = contender.name.includes('f32') && !contender.name.includes('f32 input');
    const products = (bench.flops ?? 0) / (single ? limits.f32 : limits.f64);
    const reading = ((single ? 0.5 : 1) * (bench.bytes ?? 0)) / bandwidthFor(limits, bench.resident ?? bench.bytes ?? 0);
    share = Math.max(products, reading) / cpu.median;
  }
  return {
    workload: bench.workload,
    name: bench.name,
    repeat: bench.repeat,
    contender: contender.name,
    own: contender.own,
    threads: contender.threads,
    cpu,
    wall: spreadOf(times.map((time) => time.wall)),
    gflops,
    gigabytes,
    share,
    error: answers.errors.get(contender) ?? Number.NaN,
    hash: answers.hash,
    curve: bench.curve ?? null,
  };
}
