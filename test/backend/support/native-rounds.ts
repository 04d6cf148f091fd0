/**
 * Hostile calls of every native method, `node native-rounds.js CALLS SEED`: at least CALLS of them, then one line of JSON. In the suite through
 * boundary.test.ts; under the address sanitiser through `npm run test:sanitize`.
 */
import { fileURLToPath } from 'node:url';
import { RandomStream } from '../../../src/core/random.js';
import { openEngine } from './engine.js';
import { copyOf, HOSTILE, spoiled } from './hostile.js';
import { nativeCalls } from './native-calls.js';
import type { RecordedCall } from './recorded.js';

/** What the calls came to. */
export interface Tally {
  calls: number;
  refused: number;
  readonly uncoded: string[];
}

const SIZES = [0, 1, 2, 3, 7, 2 ** 16, 2 ** 20, 2 ** 31 - 1, 2 ** 40];

function attempt(call: RecordedCall, args: unknown[], tally: Tally): unknown {
  tally.calls++;
  try {
    return call.target(...args);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code === 'string' && code.startsWith('BTM_')) tally.refused++;
    else tally.uncoded.push(`${call.name}: ${String(error)}`);
    return undefined;
  }
}

/** Every hostile value, and every spoiled array, at every single place. */
function onePlace(call: RecordedCall, tally: Tally): void {
  for (let place = 0; place < call.args.length; place++) {
    for (const value of [...HOSTILE.map((make) => make()), ...spoiled(call.args[place])]) {
      const args = call.args.map(copyOf);
      args[place] = value;
      attempt(call, args, tally);
    }
  }
}

/** Several places at once: hostile values, sizes of zero beside huge ones, empty arrays, arrays that share memory. */
function severalPlaces(call: RecordedCall, stream: RandomStream, tally: Tally): unknown {
  const args = call.args.map(copyOf);
  const shared = new ArrayBuffer(256);
  for (let place = 0; place < args.length; place++) {
    const value = args[place];
    const choice = stream.integer(10);
    const isView = ArrayBuffer.isView(value);
    if (choice === 0) args[place] = HOSTILE[stream.integer(HOSTILE.length)]?.();
    else if (choice <= 3 && typeof value === 'number') args[place] = SIZES[stream.integer(SIZES.length)];
    else if (choice <= 3 && isView) args[place] = new (value.constructor as Float64ArrayConstructor)(choice === 1 ? 0 : stream.integer(5));
    else if (choice === 4 && isView) {
      const { length } = value as Float64Array;
      args[place] = new (value.constructor as Float64ArrayConstructor)(shared, 8 * stream.integer(3), Math.min(length, 20));
    } else if (choice === 5) {
      const worse = spoiled(value);
      if (worse.length > 0) args[place] = worse[stream.integer(worse.length)];
    }
  }
  if (stream.integer(20) === 0) args.length = stream.integer(args.length + 1);
  return attempt(call, args, tally);
}

/** Every size zero while others are huge, and every array empty: nothing may loop for ever. */
function emptySizes(call: RecordedCall, tally: Tally): void {
  const sizes = call.args.flatMap((value, place) => (typeof value === 'number' && Number.isInteger(value) ? [place] : []));
  for (const huge of [2 ** 20, 2 ** 31 - 1, 2 ** 40]) {
    for (let zeros = 0; zeros < 1 << sizes.length; zeros++) {
      const args = call.args.map((value) => (ArrayBuffer.isView(value) ? (value as Float64Array).slice(0, 0) : copyOf(value)));
      sizes.forEach((place, k) => {
        args[place] = (zeros >> k) & 1 ? 0 : huge;
      });
      attempt(call, args, tally);
    }
  }
}

/** The methods of a handle, for those calls that return one. */
function handleCalls(handle: Record<string, unknown>): RecordedCall[] {
  const valid: Record<string, unknown[]> = {
    run: [0],
    runHere: [0],
    read: [new Float64Array(64)],
    write: [new Float64Array(64)],
    setFactors: [new Float64Array(1), new Float64Array(1)],
    setOrders: [Int32Array.of(0, 1)],
  };
  return Object.entries(valid).map(([name, args]) => ({ name, target: handle[name] as RecordedCall['target'], args }));
}

export async function hostileRounds(calls: number, seed: number, isa?: string): Promise<Tally> {
  const engine = openEngine(isa);
  const table = await nativeCalls(engine);
  const stream = new RandomStream(seed, 1);
  const tally: Tally = { calls: 0, refused: 0, uncoded: [] };
  const creating = table.find(({ name }) => name === 'createGameBatch');
  const handle = creating?.target(...creating.args.map(copyOf)) as Record<string, unknown>;
  const all = [...table, ...handleCalls(handle)];
  for (const call of all) {
    onePlace(call, tally);
    emptySizes(call, tally);
  }
  for (let k = 0; tally.calls < calls; k++) {
    severalPlaces(all[k % all.length] as RecordedCall, stream, tally);
    // Jobs of handles, and what is to be collected, get their turn.
    if (k % 1000 === 0) await new Promise(setImmediate);
  }
  return tally;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [calls = '20000', seed = '1', isa] = process.argv.slice(2);
  const tally = await hostileRounds(Number(calls), Number(seed), isa);
  console.log(JSON.stringify({ ...tally, uncoded: tally.uncoded.slice(0, 10) }));
  process.exitCode = tally.uncoded.length > 0 ? 1 : 0;
}
