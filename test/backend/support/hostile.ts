/** Values that no function asked for, and ways to put them into a valid call. */

type Make = () => unknown;

function detached(): Float64Array {
  const array = new Float64Array(8);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
}

/** A view on a buffer that shrank under it. */
function shrunk(): Float64Array {
  const buffer = new (ArrayBuffer as unknown as new (length: number, options: object) => ArrayBuffer & { resize?(length: number): void })(
    64,
    {
      maxByteLength: 64,
    },
  );
  const array = new Float64Array(buffer);
  buffer.resize?.(8);
  return array;
}

class Liar extends Float64Array {
  override get length(): number {
    return 1e6;
  }
}

function sparse(): unknown[] {
  const array: unknown[] = [];
  array.length = 2 ** 32 - 1;
  return array;
}

/** Made anew for every call: some do not survive one. */
export const HOSTILE: readonly Make[] = [
  () => undefined,
  () => null,
  () => Number.NaN,
  () => Number.POSITIVE_INFINITY,
  () => -1,
  () => -0,
  () => 0,
  () => 1,
  () => 0.5,
  () => 3,
  () => 2 ** 31,
  () => 2 ** 53,
  () => 1e300,
  () => 5e-324,
  () => 'text',
  () => '',
  () => true,
  () => Symbol('s'),
  () => 10n,
  () => ({}),
  () => Object.create(null),
  () => ({ length: 4, kind: 'dense', constructor: { name: Symbol('n') } }),
  () => [],
  () => [1, 2],
  () => [[1], [2]],
  () => [Number.NaN],
  () => ['1'],
  sparse,
  () => () => 1,
  () => new Date(0),
  () => new Map(),
  () => new Proxy([1, 2], {}),
  () => new Float64Array(0),
  () => new Float64Array(1).fill(Number.NaN),
  () => new Float64Array(9).subarray(1),
  () => new Float64Array(4).fill(-1),
  () => new Float64Array(4).fill(1e308),
  () => new Float32Array(8),
  () => new Int32Array(8).fill(-7),
  () => new Int32Array(4).fill(0x7fffffff),
  () => new Uint32Array(8).fill(0xffffffff),
  () => new Uint8Array(8),
  () => new BigInt64Array(8),
  () => new BigUint64Array(8).fill(2n ** 64n - 1n),
  () => new Liar(4),
  () => new DataView(new ArrayBuffer(8)),
  () => new ArrayBuffer(8),
  () => new Float64Array(new SharedArrayBuffer(64)),
  () => new Int32Array(new SharedArrayBuffer(64)),
  detached,
  shrunk,
];

/** The same kind and length with entries that no kernel may trust. */
export function spoiled(value: unknown): unknown[] {
  if (value instanceof Float64Array) {
    return [Number.NaN, Number.POSITIVE_INFINITY, -1, 1e308, 5e-324, 0].map((entry) => new Float64Array(value.length).fill(entry));
  }
  if (value instanceof Int32Array) return [-1, -(2 ** 31), 2 ** 31 - 1, 0].map((entry) => new Int32Array(value.length).fill(entry));
  if (value instanceof Uint32Array) return [2 ** 32 - 1, 0].map((entry) => new Uint32Array(value.length).fill(entry));
  if (value instanceof BigUint64Array) return [2n ** 64n - 1n, 0n].map((entry) => new BigUint64Array(value.length).fill(entry));
  return [];
}

/** A copy that shares no memory with the original; functions and handles stay what they are. */
export function copyOf(value: unknown): unknown {
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return (value as Float64Array).slice();
  if (Array.isArray(value)) return value.map(copyOf);
  // A native handle is an object without entries; a copy of it would be a handle no more.
  if (typeof value === 'object' && value !== null && Object.keys(value).length === 0) return value;
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype && !Object.isFrozen(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, copyOf(entry)]));
  }
  return value;
}

/** Every place in a call's arguments, down to a depth: [0], [0, 'hessian'], [0, 'hessian', 'data'], ... */
export function placesIn(args: readonly unknown[], depth = 4): (string | number)[][] {
  const found: (string | number)[][] = [];
  const walk = (value: unknown, path: (string | number)[]) => {
    if (path.length > 0) found.push(path);
    if (path.length > depth || typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return;
    const entries = Array.isArray(value) ? [...value.slice(0, 2).entries()] : Object.entries(value);
    for (const [key, entry] of entries) walk(entry, [...path, key]);
  };
  walk([...args], []);
  return found;
}

/** A copy of the arguments with another value at one place. */
export function withValue(args: readonly unknown[], path: readonly (string | number)[], value: unknown): unknown[] {
  const out = args.map(copyOf);
  let at: Record<string | number, unknown> = out as never;
  for (const key of path.slice(0, -1)) {
    const inner = at[key];
    at[key] = Array.isArray(inner) ? [...inner] : { ...(inner as object) };
    at = at[key] as never;
  }
  at[path.at(-1) ?? 0] = value;
  return out;
}

/** undefined for a call that gave a result or a coded error, else what it threw. */
export async function outcomeOf(target: (...args: unknown[]) => unknown, args: unknown[]): Promise<'result' | 'refused' | Error> {
  try {
    await target(...args);
    return 'result';
  } catch (error) {
    const code = (error as { code?: unknown } | null)?.code;
    if (typeof code === 'string' && code.startsWith('BTM_')) return 'refused';
    return error instanceof Error ? error : new Error(String(error));
  }
}
