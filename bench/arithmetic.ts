/**
 * Speed of the arithmetic: the software fma and the elementwise functions in TypeScript, then the native kernels of every
 * instruction set this machine has. Answers are compared to the bit before anything is timed.
 */
import Benchmark from 'benchmark';
import { createBackend, loadAddon } from '../src/backend/index.js';
import { exp, expm1, fma, log, log1p, sigmoid, sigmoidDerivative, tanh } from '../src/core/arithmetic/index.js';
import { RandomStream } from '../src/core/random.js';
import { arithmeticReference } from '../src/reference/arithmetic.js';

const SEED = 2026;
const COUNT = 4096;
const random = new RandomStream(SEED);
const positive = Float64Array.from({ length: COUNT }, () => 0.01 + 20 * random.uniform());
const mixed = Float64Array.from({ length: COUNT }, () => 4 * random.normal());
const functions = { exp, expm1, log, log1p, sigmoid, sigmoidDerivative, tanh };
type Name = keyof typeof functions;
const argumentsOf = (name: Name) => (name.startsWith('log') ? positive : mixed);

/** Runs one measurement and prints the best and the median of its samples, per item. */
function measure(name: string, items: number, body: () => void, unit: 'ns' | 'GFLOP/s' = 'ns'): void {
  const bench = new Benchmark(name, body, { maxTime: 0.4, minSamples: 7 });
  bench.run();
  const samples = [...bench.stats.sample].sort((a, b) => a - b);
  const shown = (seconds: number) => (unit === 'ns' ? (seconds / items) * 1e9 : (2e-9 * items) / seconds).toFixed(2).padStart(8);
  const [best, median] = [samples[0] ?? 0, samples[samples.length >> 1] ?? 0];
  process.stdout.write(`${name.padEnd(44)} ${shown(best)} ${shown(median)} ${unit}\n`);
}

function mustBeEqual(name: string, a: Float64Array, b: Float64Array): void {
  const at = a.findIndex((value, i) => !Object.is(value, b[i]));
  if (at >= 0) throw new Error(`${name}: ${a[at]} is not ${b[at]} at ${at}; nothing was timed`);
}

let sink = 0;

function typescript(): void {
  if (fma(1 + 2 ** -30, 1 + 2 ** -30, -1 - 2 ** -29) !== 2 ** -60) throw new Error('fma is wrong');
  measure('typescript fma, independent', COUNT, () => {
    let sum = 0;
    for (let i = 0; i < COUNT; i++) sum += fma(mixed[i], positive[i], mixed[COUNT - 1 - i]);
    sink += sum;
  });
  measure('typescript fma, one chain', COUNT, () => {
    let sum = 0;
    for (let i = 0; i < COUNT; i++) sum = fma(mixed[i], positive[i], sum);
    sink += sum;
  });
  for (const [name, f] of Object.entries(functions)) {
    const x = argumentsOf(name as Name);
    measure(`typescript ${name}`, COUNT, () => {
      let sum = 0;
      for (let i = 0; i < COUNT; i++) sum += f(x[i]);
      sink += sum;
    });
  }
}

function elementwise(isa: string): void {
  const { kernels } = createBackend({ kind: 'native', isa, threads: 1 });
  const out = new Float64Array(COUNT);
  const expected = new Float64Array(COUNT);
  for (const name of Object.keys(functions) as Name[]) {
    const x = argumentsOf(name);
    kernels[name](out, x);
    arithmeticReference[name](expected, x);
    mustBeEqual(`${isa} ${name}`, out, expected);
    measure(`${isa} ${name}, an element of ${COUNT}`, COUNT, () => kernels[name](out, x));
  }
}

function products(isa: string): void {
  const { kernels } = createBackend({ kind: 'native', isa, threads: 1 });
  const none = new Float64Array(0);
  for (const n of isa === 'scalar' ? [64] : [64, 200, 400]) {
    const a = Float64Array.from({ length: n * n }, () => random.normal());
    const b = Float64Array.from({ length: n * n }, () => random.normal());
    const out = new Float64Array(n * n);
    kernels.matMul(out, a, b, none, n, n, n, false, false);
    const row = new Float64Array(n);
    arithmeticReference.matMul(row, a.subarray(0, n), b, none, 1, n, n, false, false);
    mustBeEqual(`${isa} matMul`, row, out.subarray(0, n));
    measure(`${isa} matMul ${n} x ${n} x ${n}`, n ** 3, () => kernels.matMul(out, a, b, none, n, n, n, false, false), 'GFLOP/s');
  }
}

process.stdout.write(`seed ${SEED}, one thread, ${process.arch}, node ${process.version}; bits compared before timing; best, median\n`);
typescript();
for (const [isa, status] of Object.entries(loadAddon().addon.describe().isas)) {
  if (status !== 'available') {
    process.stdout.write(`${isa}: not measured, ${status}\n`);
    continue;
  }
  elementwise(isa);
  products(isa);
}
if (Number.isNaN(sink)) process.exitCode = 1;
