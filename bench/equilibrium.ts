/**
 * Steps of the game (W1 and W2) against NumPy and Numba, on the same games with the exact projection on every side. Answers are compared
 * first; then all run in turn, and medians of processor time with their ratios are printed: above 1 this package is faster.
 * `node lib/bench/equilibrium.js [rounds] [python] [case ...]`; a case is `n x games x steps`. Rivals that do not start are left out by name.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createBackend } from '../src/backend/index.js';
import { RandomStream } from '../src/core/random.js';
import { createGame, type GameOptions, solveMany } from '../src/equilibrium/index.js';

const [RATE, TEMPERATURE, ALPHA, SEED] = [0.005, 5, 25, 1];
const CHECKED = 30;
const ROUNDS = Number(process.argv[2] ?? 7);
const PYTHON = process.argv[3] ?? 'python3';
const CASES =
  process.argv.length > 4
    ? process.argv.slice(4)
    : ['10x1x20000', '10x100x2000', '20x100x200', '50x1x500', '50x64x20', '100x1x100', '200x1x20'];

interface Drawn extends GameOptions {
  readonly initialWeights: Float64Array;
  readonly hessian: { readonly kind: 'dense'; readonly data: Float64Array };
}

/** A Wishart Hessian of rank 12 at most for each participant, and uniform initial weights. */
function drawGame(n: number, trial: number): Drawn {
  const stream = new RandomStream(SEED, trial, n);
  const data = new Float64Array(n ** 3);
  const rank = Math.min(n, 12);
  for (let i = 0; i < n; i++) {
    const a = Float64Array.from({ length: n * rank }, () => stream.normal());
    for (let j = 0; j < n; j++) {
      for (let k = j; k < n; k++) {
        let sum = 0;
        for (let r = 0; r < rank; r++) sum += a[j * rank + r] * a[k * rank + r];
        data[(i * n + j) * n + k] = data[(i * n + k) * n + j] = sum / rank;
      }
    }
  }
  const initialWeights = Float64Array.from({ length: n * n }, () => stream.uniform());
  for (let i = 0; i < n; i++) {
    const row = initialWeights.subarray(i * n, (i + 1) * n);
    const sum = row.reduce((a, b) => a + b, 0);
    for (let j = 0; j < n; j++) row[j] /= sum;
  }
  return { n, hessian: { kind: 'dense', data }, initialWeights, temperature: TEMPERATURE, alpha: ALPHA, tau: 1 };
}

/** A process that answers commands with lines of JSON; undefined where it does not start. */
async function openRival(name: string, file: string, n: number, trials: number) {
  const script = join(import.meta.dirname, '../../bench/rivals/equilibrium.py');
  const args = [script, name, file, n, trials, RATE, TEMPERATURE, ALPHA].map(String);
  const child = spawn(PYTHON, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  child.on('error', () => undefined);
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (command: string): Promise<Record<string, unknown> | undefined> => {
    child.stdin.write(`${command}\n`);
    const line = await lines.next();
    return line.done === true ? undefined : JSON.parse(line.value);
  };
  const first = await ask(`check ${CHECKED}`);
  return first && { name, ask, weights: first['weights'] as number[], close: () => child.stdin.end() };
}

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b);
const median = (values: readonly number[]) => sorted(values)[Math.floor(values.length / 2)];

async function runCase(label: string): Promise<void> {
  const [n, trials, steps] = label.split('x').map(Number);
  const drawn = Array.from({ length: trials }, (_, trial) => drawGame(n, trial));
  const folder = mkdtempSync(join(tmpdir(), 'intermodel-bench-'));
  const file = join(folder, 'games.f64');
  writeFileSync(
    file,
    Buffer.concat([...drawn.map((g) => g.initialWeights), ...drawn.map((g) => g.hessian.data)].map((a) => Buffer.from(a.buffer))),
  );
  const games = drawn.map((game) => createGame(game));
  const solve = (threads: number, maxSteps: number) =>
    solveMany({
      games,
      method: { kind: 'projectedGradient', rate: RATE },
      stop: { residual: 0, maxSteps, checkEvery: 1_000_000 },
      failure: { onCycle: 'continue' },
      backend: createBackend({ kind: 'native', threads }),
    });
  const rivals = [];
  for (const name of ['numpy', 'numba']) {
    const rival = await openRival(name, file, n, trials);
    if (rival === undefined) process.stdout.write(`${name} does not start with ${PYTHON}: left out\n`);
    else rivals.push(rival);
  }
  const ours = await solve(2, CHECKED);
  for (const { name, weights } of rivals) {
    const worst = weights.reduce((most, w, k) => Math.max(most, Math.abs(w - ours.weights[k])), 0);
    if (!(worst < 1e-9)) throw new Error(`${name} differs by ${worst} after ${CHECKED} steps`);
  }
  const times = new Map<string, { wall: number[]; cpu: number[] }>();
  const note = (name: string, wall: number, cpu: number) => {
    const entry = times.get(name) ?? { wall: [], cpu: [] };
    times.set(name, entry);
    entry.wall.push(wall);
    entry.cpu.push(cpu);
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const rival of rivals) {
      const found = await rival.ask(`time ${steps}`);
      note(`${rival.name} ${found?.['version']}`, Number(found?.['wall']), Number(found?.['cpu']));
    }
    for (const threads of [1, 2]) {
      const cpu = process.cpuUsage();
      const start = performance.now();
      await solve(threads, steps);
      const used = process.cpuUsage(cpu);
      note(`intermodel, ${threads} thread${threads > 1 ? 's' : ''}`, (performance.now() - start) / 1e3, (used.user + used.system) / 1e6);
    }
  }
  for (const rival of rivals) rival.close();
  rmSync(folder, { recursive: true });
  const hash = createHash('sha256').update(Buffer.from(ours.weights.buffer)).digest('hex').slice(0, 16);
  const { isa } = createBackend({ kind: 'native' }).describe();
  process.stdout.write(
    `\n${label}: n = ${n}, ${trials} games, ${steps} steps; ${isa}, seed ${SEED}, hash after ${CHECKED} steps ${hash}\n`,
  );
  const base = times.get('intermodel, 1 thread');
  const bytes = (8 * n * n * (n + 1) * trials * steps) / 2;
  for (const [name, { wall, cpu }] of times) {
    const perStep = (1e6 * median(cpu)) / steps;
    const [low, high] = [sorted(cpu)[0], sorted(cpu)[cpu.length - 1]];
    const spread = `${((1e6 * low) / steps).toPrecision(3)} to ${((1e6 * high) / steps).toPrecision(3)}`;
    const ratio =
      base === undefined
        ? ''
        : `ratio cpu ${(median(cpu) / median(base.cpu)).toFixed(2)}, wall ${(median(wall) / median(base.wall)).toFixed(2)}`;
    const rate = `${((bytes / median(cpu)) * 1e-9).toFixed(1)} GB/s of half of H`;
    process.stdout.write(`  ${name.padEnd(22)} ${perStep.toPrecision(3).padStart(8)} us a step (${spread}), ${rate}, ${ratio}\n`);
  }
}

for (const label of CASES) await runCase(label);
