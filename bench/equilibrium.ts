/**
 * Figure 4 at the paper's step budget: 100 games of n = 10, 10,000 steps of projected gradient, exact projection, against batched NumPy.
 * Answers are compared first; then both run in turn, and the ratio of medians is printed, of wall and of processor time.
 * `node lib/bench/equilibrium.js [rounds] [python]`; needs Debian's python3-numpy for the rival.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createBackend } from '../src/backend/index.js';
import { RandomStream } from '../src/core/random.js';
import { type GameOptions, solveMany } from '../src/equilibrium/index.js';

const [N, TRIALS, STEPS, CHECKED] = [10, 100, 10_000, 300];
const [RATE, TEMPERATURE, ALPHA, SEED] = [0.005, 5, 25, 1];
const ROUNDS = Number(process.argv[2] ?? 7);
const PYTHON = process.argv[3] ?? '/usr/bin/python3';

/** A Wishart Hessian for each participant and uniform initial weights. */
function drawGame(trial: number): GameOptions & { initialWeights: Float64Array; hessian: { kind: 'dense'; data: Float64Array } } {
  const stream = new RandomStream(SEED, trial);
  const data = new Float64Array(N ** 3);
  for (let i = 0; i < N; i++) {
    const a = Float64Array.from({ length: N * N }, () => stream.normal());
    for (let j = 0; j < N; j++) {
      for (let k = j; k < N; k++) {
        let sum = 0;
        for (let r = 0; r < N; r++) sum += a[j * N + r] * a[k * N + r];
        data[(i * N + j) * N + k] = data[(i * N + k) * N + j] = sum / N;
      }
    }
  }
  const initialWeights = Float64Array.from({ length: N * N }, () => stream.uniform());
  for (let i = 0; i < N; i++) {
    const row = initialWeights.subarray(i * N, (i + 1) * N);
    const sum = row.reduce((a, b) => a + b, 0);
    row.forEach((w, j) => {
      row[j] = w / sum;
    });
  }
  return { n: N, hessian: { kind: 'dense', data }, initialWeights, temperature: TEMPERATURE, alpha: ALPHA, tau: 1 };
}

/** A rival process that answers commands with lines of JSON. */
function openRival(games: ReturnType<typeof drawGame>[]) {
  const folder = mkdtempSync(join(tmpdir(), 'intermodel-bench-'));
  const file = join(folder, 'games.f64');
  const parts = [...games.map((game) => game.initialWeights), ...games.map((game) => game.hessian.data)];
  writeFileSync(file, Buffer.concat(parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))));
  const script = join(import.meta.dirname, '../../bench/rivals/equilibrium.py');
  const args = [script, file, N, TRIALS, RATE, TEMPERATURE, ALPHA].map(String);
  const child = spawn(PYTHON, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async ask(command: string): Promise<Record<string, unknown>> {
      child.stdin.write(`${command}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error('the rival ended; is python3-numpy installed?');
      return JSON.parse(line.value);
    },
    close() {
      child.stdin.end();
      rmSync(folder, { recursive: true });
    },
  };
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const games = Array.from({ length: TRIALS }, (_, trial) => drawGame(trial));
const rival = openRival(games);
const solve = (threads: number, maxSteps: number) =>
  solveMany({
    games,
    method: { kind: 'projectedGradient', rate: RATE },
    stop: { residual: 0, maxSteps },
    failure: { onCycle: 'continue' },
    backend: createBackend({ kind: 'native', threads }),
  });

const expected = (await rival.ask(`check ${CHECKED}`))['weights'] as number[];
const ours = await solve(2, CHECKED);
const worst = expected.reduce((most, w, k) => Math.max(most, Math.abs(w - ours.weights[k])), 0);
if (!(worst < 1e-9)) throw new Error(`answers differ by ${worst} after ${CHECKED} steps`);
process.stdout.write(`answers agree to ${worst.toExponential(1)} after ${CHECKED} steps\n`);

const times: Record<string, { wall: number[]; cpu: number[] }> = {};
const note = (name: string, wall: number, cpu: number) => {
  times[name] ??= { wall: [], cpu: [] };
  times[name].wall.push(wall);
  times[name].cpu.push(cpu);
};
let numpy = '';
for (let round = 0; round < ROUNDS; round++) {
  const theirs = await rival.ask(`time ${STEPS}`);
  numpy = String(theirs['numpy']);
  note('NumPy', Number(theirs['wall']), Number(theirs['cpu']));
  for (const threads of [1, 2]) {
    const cpu = process.cpuUsage();
    const start = performance.now();
    await solve(threads, STEPS);
    const used = process.cpuUsage(cpu);
    note(`native, ${threads} thread${threads > 1 ? 's' : ''}`, (performance.now() - start) / 1e3, (used.user + used.system) / 1e6);
  }
  process.stderr.write(`round ${round + 1} of ${ROUNDS}\n`);
}
rival.close();
const { isa } = createBackend({ kind: 'native' }).describe();
const base = times['NumPy'];
process.stdout.write(
  `${TRIALS} games of n = ${N}, ${STEPS} steps, T = ${TEMPERATURE}, alpha/tau = ${ALPHA}, seed ${SEED}; NumPy ${numpy}, ${isa}\n`,
);
for (const [name, { wall, cpu }] of Object.entries(times)) {
  const ratio = `${(median(base.wall) / median(wall)).toFixed(1)} x wall, ${(median(base.cpu) / median(cpu)).toFixed(1)} x processor`;
  process.stdout.write(`${name.padEnd(18)} wall ${median(wall).toFixed(3)} s, processor ${median(cpu).toFixed(3)} s, ${ratio}\n`);
}
