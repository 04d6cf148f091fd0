/** W1 and W2: steps of the game, and what a solve costs before its first step. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { createGame, type GameOptions, solveMany } from '../../src/equilibrium/index.js';
import type { BenchCase, Plan } from './case.js';
import { type Contender, inSteps, openRival, type RivalSpec } from './contender.js';
import { plainGame } from './plain.js';

const [RATE, TEMPERATURE, ALPHA, SEED] = [0.005, 5, 25, 1];
const CHECKED = 20;

type StorageKind = 'dense' | 'shared' | 'lowRank';

interface Shape {
  readonly n: number;
  readonly trials: number;
  readonly storage: StorageKind;
  readonly rank: number;
}

interface Drawn extends GameOptions {
  readonly initialWeights: Float64Array;
  readonly hessian: { readonly kind: StorageKind; readonly data: Float64Array; readonly rank?: number };
}

/** A Wishart matrix of rank 12 at most for all, or the factor itself, and uniform initial weights. */
function drawGame({ n, storage, rank }: Shape, trial: number): Drawn {
  const stream = new RandomStream(SEED, trial, n);
  const rows = storage === 'lowRank' ? rank : Math.min(n, 12);
  const participants = storage === 'shared' ? 1 : n;
  const factors = Float64Array.from({ length: participants * rows * n }, () => stream.normal() / Math.sqrt(rows));
  const initialWeights = Float64Array.from({ length: n * n }, () => stream.uniform());
  for (let i = 0; i < n; i++) {
    const row = initialWeights.subarray(i * n, (i + 1) * n);
    const sum = row.reduce((a, b) => a + b, 0);
    for (let j = 0; j < n; j++) row[j] /= sum;
  }
  const common = { n, initialWeights, temperature: TEMPERATURE, alpha: ALPHA, tau: 1 };
  if (storage === 'lowRank') return { ...common, hessian: { kind: storage, data: factors, rank } };
  return { ...common, hessian: { kind: storage, data: squareOf(factors, participants, rows, n) } };
}

/** A^T A of each factor [rows, n]. */
function squareOf(factors: Float64Array, count: number, rows: number, n: number): Float64Array {
  const out = new Float64Array(count * n * n);
  for (let m = 0; m < count; m++) {
    for (let j = 0; j < n; j++) {
      for (let k = j; k < n; k++) {
        let sum = 0;
        for (let r = 0; r < rows; r++) sum += factors[(m * rows + r) * n + j] * factors[(m * rows + r) * n + k];
        out[(m * n + j) * n + k] = out[(m * n + k) * n + j] = sum;
      }
    }
  }
  return out;
}

type Projection = 'exact' | 'clip';

/** Clip and renormalise is another map than the exact projection, with another answer. */
function kindOf(projection: Projection): { kind?: string } {
  return projection === 'clip' ? { kind: 'clip' } : {};
}

function ownSteps(drawn: readonly Drawn[], threads: number, projection: Projection): Contender {
  const games = drawn.map((options) => createGame({ ...options, projection: projection === 'exact' ? 'exact' : 'clipRenormalise' }));
  const backend = createBackend({ kind: 'native', threads });
  const run = async (steps: number) => {
    const { weights } = await solveMany({
      games,
      method: { kind: 'projectedGradient', rate: RATE },
      stop: { residual: 0, maxSteps: steps, checkEvery: 1_000_000 },
      failure: { onCycle: 'continue' },
      backend,
    });
    return weights;
  };
  return inSteps(`intermodel f64${projection === 'clip' ? ' clip' : ''}`, threads, run, CHECKED, kindOf(projection));
}

function writeProblem(plan: Plan, shape: Shape, drawn: readonly Drawn[]): string {
  const file = join(plan.folder, `game-${shape.storage}-${shape.n}-${shape.trials}.f64`);
  const hessians = shape.storage === 'shared' ? [drawn[0].hessian.data] : drawn.map((game) => game.hessian.data);
  const parts = [...drawn.map((game) => game.initialWeights), ...hessians];
  writeFileSync(file, Buffer.concat(parts.map((part) => Buffer.from(part.buffer, part.byteOffset, part.byteLength))));
  return file;
}

function rivalsOf(shape: Shape, file: string, threads: number, projections: readonly Projection[]): RivalSpec[] {
  const specs: RivalSpec[] = [];
  for (const projection of projections) {
    for (const library of ['numpy', 'torch', 'jax', 'numba'] as const) {
      if (library === 'torch' && projection === 'exact') continue; // slower than NumPy's in every case seen
      if (library === 'numba' && shape.storage !== 'dense') continue; // there it is NumPy
      const problem = { ...shape, workload: 'game', file, rate: RATE, temperature: TEMPERATURE, alpha: ALPHA, projection };
      specs.push({
        library,
        precision: 'f64',
        threads,
        form: projection,
        ...kindOf(projection),
        tolerance: 1e-9,
        problem,
        checked: CHECKED,
      });
    }
  }
  return specs;
}

interface GameCase extends Shape {
  readonly workload: 'W1' | 'W2';
  readonly projections: readonly Projection[];
  readonly plain?: boolean;
}

function stepsCase(shape: GameCase): BenchCase {
  const { n, trials, storage, rank, workload } = shape;
  const products = storage === 'lowRank' ? 4 * n * n * rank : 2 * n ** 3;
  const bytes = { dense: 4 * n * n * (n + 1), shared: 8 * n * n, lowRank: 8 * n * n * rank }[storage] * (storage === 'shared' ? 1 : trials);
  const kind = storage === 'dense' ? '' : storage === 'shared' ? ', one H for all' : `, rank ${rank} each`;
  return {
    workload,
    name: `${trials === 1 ? 'one game' : `${trials} games`} of n=${n}${kind}`,
    repeat: 'step',
    least: Math.ceil(4e7 / n ** 3 / Math.sqrt(trials)),
    flops: products * trials,
    bytes,
    ...(storage === 'dense' && trials === 1 ? { curve: { name: 'W1, one dense game, by n', size: n } } : {}),
    async open(plan) {
      const drawn = Array.from({ length: trials }, (_, trial) => drawGame(shape, storage === 'shared' ? 0 : trial));
      const contenders = plan.threads.map((threads) => ownSteps(drawn, threads, 'exact'));
      if (shape.projections.includes('clip')) contenders.push(ownSteps(drawn, 1, 'clip'));
      if (shape.plain === true) contenders.push(plainGame(drawn, { rate: RATE, checked: CHECKED }));
      if (plan.python === '') return contenders;
      const file = writeProblem(plan, shape, drawn);
      for (const threads of plan.threads) {
        for (const spec of rivalsOf(shape, file, threads, shape.projections)) {
          const rival = await openRival(plan.python, spec);
          if (rival !== null) contenders.push(rival);
        }
      }
      return contenders;
    },
  };
}

/** A solve that makes no step. */
function fixedCost(n: number): BenchCase {
  return {
    workload: 'W1',
    name: `a solve of no step, n=${n}`,
    repeat: 'solve',
    curve: { name: 'W1, a solve of no step, by n', size: n },
    async open() {
      const drawn = drawGame({ n, trials: 1, storage: 'dense', rank: 0 }, 0);
      const games = [createGame(drawn)];
      const backend = createBackend({ kind: 'native', threads: 1 });
      const solve = async (repeats: number) => {
        let residual = 0;
        for (let k = 0; k < repeats; k++) {
          const found = await solveMany({ games, method: { kind: 'projectedGradient', rate: RATE }, stop: { maxSteps: 0 }, backend });
          residual = found.residual[0];
        }
        return [residual];
      };
      return [inSteps('intermodel f64', 1, solve, 1)];
    },
  };
}

const dense = (n: number, trials = 1) => ({ n, trials, storage: 'dense', rank: 0 }) as const;

export function gameCases(smoke: boolean): BenchCase[] {
  if (smoke) {
    return [
      stepsCase({ ...dense(10), workload: 'W1', projections: ['clip'], plain: true }),
      stepsCase({ ...dense(30), workload: 'W1', projections: ['clip'] }),
      stepsCase({ ...dense(10, 16), workload: 'W2', projections: ['exact'] }),
      fixedCost(10),
    ];
  }
  const w1 = { workload: 'W1', projections: ['clip', 'exact'] } as const;
  const w2 = { workload: 'W2', projections: ['exact'] } as const;
  return [
    stepsCase({ ...dense(10), ...w1, plain: true }),
    stepsCase({ ...dense(50), ...w1, plain: true }),
    stepsCase({ ...dense(100), ...w1 }),
    stepsCase({ ...dense(200), ...w1, projections: ['clip'] }),
    stepsCase({ ...dense(400), ...w1, projections: ['clip'] }),
    stepsCase({ ...dense(50, 64), ...w1, projections: ['clip'] }),
    stepsCase({ ...dense(10, 1000), ...w1, projections: ['clip'] }),
    stepsCase({ n: 400, trials: 1, storage: 'shared', rank: 0, ...w1, projections: ['clip'] }),
    stepsCase({ n: 400, trials: 1, storage: 'lowRank', rank: 10, ...w1, projections: ['clip'] }),
    stepsCase({ ...dense(10, 100), ...w2 }),
    stepsCase({ ...dense(20, 100), ...w2 }),
    stepsCase({ ...dense(50, 100), ...w2 }),
    ...[10, 50, 100, 200].map(fixedCost),
  ];
}
