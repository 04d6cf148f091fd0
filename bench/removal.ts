/**
 * W3: Gauss-Newton removal scores of a linear head, softmax cross-entropy, summed over the batch, against NumPy, PyTorch and JAX.
 * `node lib/bench/removal.js [--rounds 7] [--threads 1] [--python /usr/bin/python3] [--only 256:8:64:10,...] [--json] [--smoke]`; what the
 * Python has not installed is left out. Rivals hold their arrays ready; ours get theirs as a caller passes them and check every number.
 * Answers are compared first. Then all run in turn, and the least processor time of each is printed, with its share of the multiply-add
 * rate that this machine showed.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { createBackend } from '../src/backend/index.js';
import { RandomStream } from '../src/core/random.js';
import { type Head, removalScores } from '../src/index.js';

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '7' },
    threads: { type: 'string', default: '1' },
    python: { type: 'string', default: '/usr/bin/python3' },
    json: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
  },
});
const SEED = 20261128;
const ROUNDS = options.smoke ? 1 : Number(options.rounds);
const THREADS = Number(options.threads);

/** batch, peers, width, outputs. */
const CASES: readonly (readonly [number, number, number, number])[] = options.smoke
  ? [
      [256, 8, 64, 10],
      [16, 8, 64, 1000],
    ]
  : [
      [256, 8, 64, 10],
      [4096, 8, 64, 10],
      [4096, 64, 64, 10],
      [1024, 8, 64, 1000],
      [512, 64, 64, 1000],
      [1024, 64, 512, 100],
      [64, 8, 64, 32_000],
    ];

interface Problem {
  readonly head: Head;
  readonly single: Head;
  readonly responses: Float64Array;
  readonly rounded: Float32Array;
}

function drawProblem([batch, peers, width, outputs]: (typeof CASES)[number]): Problem {
  const stream = new RandomStream(SEED, batch, outputs);
  const scale = 1 / Math.sqrt(peers * width);
  const numbers = (length: number, by: number) => Float32Array.from({ length }, () => by * (2 * stream.uniform() - 1));
  const weights = numbers(outputs * peers * width, 3 * scale);
  const bias = numbers(outputs, 0.3);
  const rounded = numbers(batch * peers * width, 2);
  // the same numbers in both precisions, so that answers can be compared
  const layer = { weights: Float64Array.from(weights), bias: Float64Array.from(bias), activation: 'identity' as const };
  const single = { layers: [{ weights, bias, activation: 'identity' as const }] };
  return { head: { layers: [layer] }, single, responses: Float64Array.from(rounded), rounded };
}

interface Timing {
  readonly wall: number;
  readonly cpu: number;
}

/** Something that computes the scores of the loaded problem. */
interface Contender {
  readonly name: string;
  load(problem: Problem, size: (typeof CASES)[number], file: string): Promise<void>;
  scores(): Promise<ArrayLike<number>>;
  time(repeats: number): Promise<Timing>;
  close(): void;
}

function ours(name: string, pick: (problem: Problem) => { head: Head; responses: Float64Array | Float32Array }): Contender {
  const backend = createBackend({ kind: 'native', threads: THREADS });
  let call = (): Float64Array => new Float64Array(0);
  return {
    name,
    async load(problem, [batch, peers, width]) {
      const given = pick(problem);
      call = () => removalScores({ ...given, batch, peers, width, estimator: 'gaussNewton', backend }).scores;
      call();
    },
    scores: async () => call(),
    async time(repeats) {
      let best = { wall: Number.POSITIVE_INFINITY, cpu: Number.POSITIVE_INFINITY };
      for (let k = 0; k < repeats; k++) {
        const cpu = process.cpuUsage();
        const start = performance.now();
        call();
        const used = process.cpuUsage(cpu);
        best = {
          wall: Math.min(best.wall, (performance.now() - start) / 1e3),
          cpu: Math.min(best.cpu, (used.user + used.system) / 1e6),
        };
      }
      return best;
    },
    close: () => {},
  };
}

/** A library in a Python process; null where it is not installed. */
async function rival(library: string, precision: string): Promise<Contender | null> {
  const script = join(import.meta.dirname, '../../bench/rivals/removal.py');
  const child = spawn(options.python, [script, String(THREADS), library, precision], { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const started = await new Promise<boolean>((resolve) => child.once('spawn', () => resolve(true)).once('error', () => resolve(false)));
  if (!started) return null;
  child.stdin.on('error', () => {}); // it ended because the library is missing: ask() then finds no line
  const ask = async (command: string): Promise<Record<string, unknown> | null> => {
    child.stdin.write(`${command}\n`);
    const line = await lines.next();
    return line.done === true ? null : JSON.parse(line.value);
  };
  const answer = async (command: string) => {
    const reply = await ask(command);
    if (reply === null) throw new Error(`${library} ended at '${command.slice(0, 40)}'`);
    return reply;
  };
  const contender: Contender = {
    name: `${library} ${precision}`,
    async load(_problem, size, file) {
      await answer(`load ${file} ${size.join(' ')}`);
    },
    scores: async () => (await answer('check'))['scores'] as number[],
    time: async (repeats) => (await answer(`time ${repeats}`)) as unknown as Timing,
    close: () => child.stdin.end(),
  };
  const probe = join(folder, 'probe.f64');
  writeFileSync(probe, new Float64Array(3));
  if ((await ask(`load ${probe} 1 1 1 1`)) !== null) return contender;
  return null;
}

/** Multiply-adds a second, times two, in a product that suits the kernels: what the cases are a share of. */
function measurePeak(): number {
  const [m, k, n] = [192, 640, 480];
  const { kernels } = createBackend({ kind: 'native', threads: 1 });
  const a = new Float64Array(m * k).fill(0.5);
  const b = new Float64Array(k * n).fill(0.5);
  const c = new Float64Array(m * n);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 30; round++) {
    const cpu = process.cpuUsage();
    for (let repeat = 0; repeat < 4; repeat++) kernels.matMul(c, a, b, new Float64Array(0), m, k, n, false, false);
    const used = process.cpuUsage(cpu);
    best = Math.min(best, (used.user + used.system) / 4e6);
  }
  return (2 * m * k * n) / best;
}

const folder = mkdtempSync(join(tmpdir(), 'intermodel-bench-'));
const contenders: Contender[] = [
  ours('intermodel f64', ({ head, responses }) => ({ head, responses })),
  ours('intermodel f64, f32 input', ({ single, rounded }) => ({ head: single, responses: rounded })),
];
for (const library of ['numpy', 'torch', 'jax']) {
  for (const precision of ['f64', 'f32']) {
    const found = await rival(library, precision);
    if (found === null) process.stderr.write(`${library} ${precision}: not installed for ${options.python}\n`);
    else contenders.push(found);
  }
}
const { isa } = createBackend({ kind: 'native' }).describe();
const peak = measurePeak();
const heading = { isa, threads: THREADS, seed: SEED, rounds: ROUNDS, processor: cpus()[0]?.model, productGflops: peak / 1e9 };
process.stdout.write(options.json ? `${JSON.stringify(heading)}\n` : `${JSON.stringify(heading, null, 1)}\n`);

const only = options.only.split(',').filter((text) => text !== '');
for (const size of CASES) {
  if (only.length > 0 && !only.includes(size.join(':'))) continue;
  const [batch, peers, width, outputs] = size;
  const problem = drawProblem(size);
  const file = join(folder, 'problem.f64');
  const [{ weights, bias }] = problem.head.layers as unknown as { weights: Float64Array; bias: Float64Array }[];
  writeFileSync(file, Buffer.concat([weights, bias, problem.responses].map((x) => Buffer.from(x.buffer, x.byteOffset, x.byteLength))));
  for (const contender of contenders) await contender.load(problem, size, file);
  const right = await contenders[0].scores();
  for (const contender of contenders) {
    const scores = await contender.scores();
    const worst = Math.max(...Array.from(right, (x, i) => Math.abs(scores[i] - x) / x));
    const allowed = contender.name.endsWith('f32') ? 1e-4 : 1e-11;
    if (!(worst < allowed)) throw new Error(`${contender.name} differs by ${worst} at ${size.join(':')}`);
  }
  const flops = 2 * batch * peers * width * outputs;
  const repeats = options.smoke ? 1 : Math.max(1, Math.min(50, Math.round(4e9 / flops)));
  const best = new Map<string, Timing>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const contender of contenders) {
      const { wall, cpu } = await contender.time(repeats);
      const before = best.get(contender.name) ?? { wall, cpu };
      best.set(contender.name, { wall: Math.min(wall, before.wall), cpu: Math.min(cpu, before.cpu) });
    }
  }
  const hash = createHash('sha256')
    .update(new Uint8Array(Float64Array.from(right).buffer))
    .digest('hex')
    .slice(0, 16);
  const base = best.get('intermodel f64');
  for (const [name, { wall, cpu }] of best) {
    const row = {
      case: size.join(':'),
      name,
      wall,
      cpu,
      gflops: flops / cpu / 1e9,
      share: flops / cpu / peak,
      ratio: cpu / (base?.cpu ?? cpu),
      hash,
    };
    if (options.json) process.stdout.write(`${JSON.stringify(row)}\n`);
    else {
      const figures = [
        `${(cpu * 1e3).toFixed(3)} ms`,
        `${row.gflops.toFixed(1)} GFLOP/s`,
        `${(100 * row.share).toFixed(0)} %`,
        `x ${row.ratio.toFixed(2)}`,
      ];
      process.stdout.write(`${row.case.padEnd(16)} ${name.padEnd(26)} ${figures.map((x) => x.padStart(14)).join('')}  ${hash}\n`);
    }
  }
}
for (const contender of contenders) contender.close();
rmSync(folder, { recursive: true });
