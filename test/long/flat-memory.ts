/**
 * Memory over many calls of every native method, `node --expose-gc flat-memory.js CALLS`: each method is called CALLS times after a warm-up, and what the
 * process holds must not grow with the calls. One line of JSON. In the suite with few calls, `npm run test:flat` with a million.
 */
import { fileURLToPath } from 'node:url';
import { openEngine } from '../backend/support/engine.js';
import { copyOf } from '../backend/support/hostile.js';
import { nativeCalls } from '../backend/support/native-calls.js';

/** Bytes by which resident memory grew in the second half of the calls, for the worst method. */
export async function growth(calls: number): Promise<{ worst: string; bytes: number; calls: number }> {
  const table = await nativeCalls(openEngine(undefined, 1));
  let worst = '';
  let bytes = 0;
  const half = async (target: (...args: unknown[]) => unknown, args: unknown[]) => {
    for (let k = 0; k < calls / 2; k++) {
      target(...args);
      if (k % 10_000 === 9_999) await new Promise(setImmediate); // finalisers of handles run between turns
    }
    await new Promise(setImmediate);
    globalThis.gc?.();
    await new Promise(setImmediate);
    return process.memoryUsage().rss;
  };
  for (const { name, target, args } of table) {
    const own = args.map(copyOf);
    const before = await half(target, own);
    const grown = (await half(target, own)) - before;
    if (grown > bytes) [worst, bytes] = [name, grown];
  }
  return { worst, bytes, calls: calls * table.length };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (globalThis.gc === undefined) throw new Error('run with --expose-gc');
  console.log(JSON.stringify(await growth(Number(process.argv[2] ?? 20_000))));
}
