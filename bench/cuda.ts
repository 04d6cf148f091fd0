/**
 * The GPU beside the processor: a large dense game, many small games, removal forms in f64 and f32, the ledger's ranking. Every answer is
 * compared to the bit before it is timed, and rates stand beside the device's own copy bandwidth.
 *
 *   npm run bench -- --cuda            on the first GPU; without one it says why and ends with status 3
 *   npm run bench -- --cuda --host     the host form in small sizes: the checks alone, its times mean nothing
 */
import { type CudaBackend, createCudaBackend } from '../src/backend/cuda.js';
import { type Backend, createBackend } from '../src/backend/index.js';
import { EnvironmentError } from '../src/core/errors.js';
import { RandomStream } from '../src/core/random.js';
import { removalScores } from '../src/curvature.js';
import { solveMany } from '../src/equilibrium/index.js';
import { kernelProcessor, type LedgerKernels } from '../src/ledger/index.js';
import type { RowPage } from '../src/ledger/pages.js';
import { spreadOf } from './suite/statistics.js';

const SEED = 15;
const ROUNDS = 5;
const native = createBackend({ kind: 'native' });
const host = process.argv.includes('--host');

/** One workload: what it computes, and how much a run of it reads and multiplies. */
interface Workload {
  readonly name: string;
  readonly run: (backend: Backend) => Promise<ArrayLike<number | bigint>>;
  /** Arrays that stay on the device. */
  readonly resident: readonly (Float64Array | Float32Array | Uint32Array)[];
  readonly bytes?: number;
  readonly flops?: number;
}

/** Symmetric matrices [n, n, n] by arithmetic on indices: a generator would take longer than the game. */
function denseHessians(n: number): Float64Array {
  const data = new Float64Array(n ** 3);
  for (let m = 0; m < n; m++) {
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) data[(m * n + i) * n + j] = ((((i + j) * 31 + i * j * 17 + m * 7) % 997) / 997 - 0.5) / n;
    }
  }
  return data;
}

function games(count: number, n: number, steps: number): Workload {
  const hessian = { kind: 'dense' as const, data: denseHessians(n) };
  const game = { n, hessian, initialWeights: new Float64Array(n * n).fill(1 / n), temperature: 5, alpha: 25, tau: 1 };
  const stop = { residual: 0, maxSteps: steps };
  return {
    name: `${count} dense game${count > 1 ? 's' : ''} of n = ${n}, ${steps} steps`,
    resident: [],
    bytes: count * steps * n ** 3 * 4, // half of H: what a step must read of symmetric matrices
    run: async (backend) => {
      const all = Array.from({ length: count }, (_, k) => ({ ...game, alpha: 25 + k / count }));
      const options = { method: { kind: 'spectral' as const }, failure: { onCycle: 'continue' as const } };
      return (await solveMany({ games: all, ...options, stop, backend })).weights;
    },
  };
}

function removals(batch: number, peers: number, inputs: number, outputs: number, precision: 'f64' | 'f32'): Workload {
  const stream = new RandomStream(SEED, batch);
  const width = inputs / peers;
  const draw = (length: number, scale: number) => Float64Array.from({ length }, () => scale * (stream.uniform() - 0.5));
  const head = { layers: [{ weights: draw(outputs * inputs, 0.1), bias: draw(outputs, 1), activation: 'identity' as const }] };
  const numbers = draw(batch * inputs, 2);
  const responses = precision === 'f32' ? Float32Array.from(numbers) : numbers;
  return {
    name: `removal forms, ${batch} x ${peers} peers x ${width} wide x ${outputs} classes, ${precision}`,
    resident: [responses],
    flops: 2 * batch * outputs * inputs,
    run: async (backend) => removalScores({ head, responses, batch, peers, width, precision, reduction: 'none', backend }).scores,
  };
}

function epoch(slots: number): Workload {
  const pages: RowPage[] = [];
  for (let first = 0; first < slots; first += 64) {
    const weights = Uint32Array.from({ length: 64 * slots }, (_, k) => ((first + k) * 2_654_435_761) % 1_000_003);
    pages.push({ kind: 'dense', width: slots, weights } as RowPage);
  }
  const stake = BigUint64Array.from({ length: slots }, (_, k) => BigInt(k + 1) * 1_000_003_000n);
  return {
    name: `ranking of the ledger, n = ${slots} dense`,
    resident: pages.map(({ weights }) => weights),
    bytes: slots * slots * 4,
    run: async (backend) => {
      const { low, high } = kernelProcessor(backend.kernels as unknown as LedgerKernels, '').rank(pages, stake);
      return [...low, ...high];
    },
  };
}

async function seconds(work: Workload, backend: Backend): Promise<number> {
  const start = performance.now();
  await work.run(backend);
  return (performance.now() - start) / 1000;
}

async function compare(gpu: CudaBackend, work: Workload): Promise<void> {
  const uploads = work.resident.map((array) => gpu.upload(array));
  try {
    const [expected, found] = [await work.run(native), await work.run(gpu)];
    for (let k = 0; k < expected.length; k++) {
      if (!Object.is(expected[k], found[k])) throw new Error(`${work.name}: entry ${k} is ${found[k]}, on the processor ${expected[k]}`);
    }
    const times: number[] = [];
    for (let round = 0; round < ROUNDS; round++) times.push(await seconds(work, gpu));
    const { median, low, high } = spreadOf(times);
    const rates = [
      ...(work.bytes === undefined ? [] : [`${(work.bytes / median / 1e9).toFixed(0)} GB/s`]),
      ...(work.flops === undefined ? [] : [`${(work.flops / median / 1e9).toFixed(0)} GFLOP/s`]),
    ];
    const text = `${(median * 1e3).toFixed(2)} ms (${(low * 1e3).toFixed(2)} to ${(high * 1e3).toFixed(2)}), ${rates.join(', ')}`;
    const here = await seconds(work, native);
    process.stdout.write(`${work.name}: ${text}; the processor ${(here / median).toFixed(1)} times as long\n`);
  } finally {
    for (const upload of uploads) upload.dispose();
  }
}

function workloads(): (() => Workload)[] {
  if (host) {
    return [
      () => games(1, 12, 5),
      () => games(3, 7, 5),
      ...(['f64', 'f32'] as const).map((p) => () => removals(9, 3, 12, 5, p)),
      () => epoch(130),
    ];
  }
  return [
    () => games(1, 1000, 20),
    () => games(1000, 50, 100),
    ...(['f64', 'f32'] as const).map((precision) => () => removals(4096, 64, 512, 1000, precision)),
    () => epoch(16_384),
  ];
}

async function main(): Promise<number> {
  let gpu: CudaBackend;
  try {
    gpu = host ? await hostForm() : createBackend({ kind: 'cuda' });
  } catch (error) {
    if (!(error instanceof EnvironmentError)) throw error;
    process.stdout.write(`no device: ${error.message.split('\n')[0]}\n`);
    return 3;
  }
  const { device, module, isa } = gpu.describe();
  process.stdout.write(`${device.name} (${isa}), driver for CUDA ${device.driver}, module ${module}, seed ${SEED}, medians of ${ROUNDS}\n`);
  process.stdout.write(`copies ${(gpu.copyRate(host ? 1 << 16 : 1 << 30) / 1e9).toFixed(0)} GB/s\n`);
  for (const make of workloads()) await compare(gpu, make());
  gpu.dispose();
  return 0;
}

async function hostForm(): Promise<CudaBackend> {
  const { hostFormPath } = await import('../test/support/cuda.js');
  return createCudaBackend({ driver: '', module: hostFormPath ?? '' });
}

process.exitCode = await main();
