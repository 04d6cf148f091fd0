/** The addon's boundary: every method against a table of hostile values. Each ends in a result or a coded error, never a crash. */
import t from 'tap';
import { loadAddon } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';

const detached = () => {
  const array = new Float64Array(8);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
};

const hostile: readonly (() => unknown)[] = [
  () => undefined,
  () => null,
  () => Number.NaN,
  () => -1,
  () => 2 ** 53,
  () => Number.POSITIVE_INFINITY,
  () => 0,
  () => 1,
  () => 3,
  () => 'text',
  () => true,
  () => ({}),
  () => [1, 2],
  () => () => 1,
  () => Symbol('s'),
  () => 10n,
  () => new Float64Array(0),
  () => new Float64Array(1).fill(Number.NaN),
  () => new Float64Array(9).subarray(1),
  () => new Float32Array(8),
  () => new Int32Array(8).fill(-7),
  () => new Uint32Array(8).fill(0xffffffff),
  () => new DataView(new ArrayBuffer(8)),
  () => new Float64Array(new SharedArrayBuffer(64)),
  detached,
];

t.test('every method survives hostile arguments', async (t) => {
  const engine = loadAddon().addon.createEngine(undefined, 2) as unknown as Record<string, unknown>;
  const stream = new RandomStream(2026, 1);
  let refused = 0;
  for (const [name, method] of Object.entries(engine)) {
    if (typeof method !== 'function') continue;
    for (let round = 0; round < 300; round++) {
      const values = Array.from({ length: stream.integer(14) }, () => hostile[stream.integer(hostile.length)]?.());
      try {
        method.apply(engine, values);
      } catch (error) {
        const { code } = error as { code?: string };
        if (typeof code !== 'string' || !code.startsWith('BTM_')) t.fail(`${name} threw without a code: ${String(error)}`);
        refused++;
      }
    }
  }
  t.ok(refused > 1000, `${refused} calls were refused with a code`);
});

t.test('createEngine survives hostile arguments', async (t) => {
  const { addon } = loadAddon();
  const create = addon.createEngine as (...values: unknown[]) => unknown;
  for (const isa of hostile) {
    for (const threads of hostile) {
      try {
        create(isa(), threads());
      } catch (error) {
        t.match((error as { code?: string }).code, /^BTM_/);
      }
    }
  }
});
