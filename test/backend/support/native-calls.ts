/** A valid call of every method of an engine: recorded from the printed examples, and written out where no example reaches. */
import * as root from '../../../src/index.js';
import type { NativeEngine } from './engine.js';
import { type RecordedCall, recordCalls } from './recorded.js';

const f = (...values: number[]) => Float64Array.from(values);
const words = (...values: bigint[]) => BigUint64Array.from(values);

/** Slot 0 rates slot 1 with everything. */
function pages(): unknown[] {
  return [new Uint32Array(65).fill(1, 1), Uint32Array.of(1), Uint32Array.of(1_000_000_000)];
}

const written: Record<string, () => unknown[]> = {
  ...Object.fromEntries(
    ['exp', 'expm1', 'log', 'log1p', 'sigmoid', 'sigmoidDerivative', 'tanh'].map((name) => [name, () => [f(0, 0, 0), f(1, 2, 3)]]),
  ),
  softmax: () => [f(0, 0, 0, 0), f(1, 2, 3, 4), 2, 2],
  logSumExp: () => [f(0, 0), f(1, 2, 3, 4), 2, 2],
  treeSum: () => [f(1, 2, 3)],
  treeDot: () => [f(1, 2, 3), f(1, 2, 3)],
  matMul: () => [f(0, 0, 0, 0), f(1, 2, 3, 4), f(1, 2, 3, 4), f(1, 2), 2, 2, 2, false, true],
  matVec: () => [f(0, 0), f(1, 2, 3, 4), f(1, 2), f(1, 2), 2, 2],
  areSymmetric: () => [f(1, 2, 2, 1), 1, 2],
  areWeights: () => [f(0.5, 0.5, 0.25, 0.75), 1e-9, 2, 2],
  denseForward: () => [
    new Float32Array(2),
    f(1, 2, 3, 4, 0, 0),
    Int32Array.of(2, 2),
    Int32Array.of(2),
    Float32Array.of(1),
    Float32Array.of(2),
    1,
    1,
  ],
  denseGradient: () => [
    ...[f(0, 0, 0, 0, 0, 0), f(1, 2, 3, 4, 0, 0), Int32Array.of(2, 2), Int32Array.of(2), Float32Array.of(1), Float32Array.of(2)],
    ...[Float32Array.of(1, 1), 1, 1],
  ],
  playBlocks: () => [
    ...[f(0, 0, 0, 0), f(0, 0), f(0, 0), f(0, 0), f(0, 0, 0, 0), f(0.5, 0.5, 0.25, 0.75), f(1, 2), f(1, 1), f(0, 0)],
    ...[f(1, 0, 0, 1, 1, 0, 0, 1), f(1, 1), Int32Array.of(0, 1), Int32Array.of(0, 1), 0.1, 0.1, 1, 0.5, 1, 0.1, 0.01, 1, 1, 2, 2],
  ],
  adamStep: () => [f(1, 2), f(0, 0), f(0, 0), f(1, 1), 0.1, 1, 0.1, 0.001],
  sumSamples: () => [f(0, 0), f(1, 2, 3, 4), 2, 2],
  ledgerRank: () => [words(0n, 0n), words(0n, 0n), pages(), words(5n, 6n)],
  ledgerNorms: () => [words(3n, 4n), words(0n, 0n), 0],
  ledgerDistribute: () => [words(0n, 0n), words(3n, 4n), words(0n, 0n), 0, 100n, 7n],
  ledgerProbe: () => [pages(), words(1n, 2n)],
};

/** One valid call per method of the engine; throws for a method that has none. */
export async function nativeCalls(engine: NativeEngine): Promise<RecordedCall[]> {
  const { kernels } = await recordCalls({ intermodel: root });
  const methods = engine as unknown as Record<string, unknown>;
  const prepare = methods['prepareHead'] as (...args: unknown[]) => unknown;
  const head = prepare(f(1, 2, 3, 4, 0, 0), Int32Array.of(2, 2), Int32Array.of(0));
  const peers = Int32Array.of(1, 1);
  const handled: Record<string, unknown[]> = {
    importance: [f(0, 0), head, peers],
    removalScoresSingle: [f(0, 0), Float32Array.of(1, 2), head, peers, f(1), 0, 1],
  };
  return Object.entries(methods)
    .filter((entry): entry is [string, RecordedCall['target']] => typeof entry[1] === 'function')
    .map(([name, target]) => {
      const args = written[name]?.() ?? handled[name] ?? kernels.find((call) => call.name === name)?.args;
      if (args === undefined) throw new Error(`${name} has no valid call: add an example, or a row to native-calls.ts`);
      return { name, target, args };
    });
}
