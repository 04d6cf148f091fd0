/** Runs a map into a folder on every core: resumable, in shards, with flat memory. */
import { closeSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { AbortedError, EnvironmentError, InputError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import { parseShard, type Shard } from '../sweep/layout.js';
import { breakEvensOf, type MapBreakEven } from './break-even.js';
import { checkMap, groupsOf, type MapCell, type MapGroup, type MapSpec, mapHash, type PlayedGroup } from './map.js';

export interface RunMapOptions {
  readonly spec: MapSpec;
  /** Results go here; a folder that the same map left half done is finished. */
  readonly folder: string;
  /** Worker threads. Default: one for each core. */
  readonly jobs?: number;
  readonly shard?: Shard;
  readonly signal?: AbortSignal;
  readonly onProgress?: (groupsDone: number, groupsTotal: number, groupsFound: number) => void;
}

/** What a map holds. */
export interface MapResult {
  readonly cells: readonly MapCell[];
  /** Where each strategy begins to pay; a shard has them for the defences that it holds whole. */
  readonly breakEvens: readonly MapBreakEven[];
}

const MANIFEST = 'map.json';
const LINES = 'groups.jsonl';

/**
 * Runs a map, or a shard of it.
 *
 * @returns its cells in the order of the map, whatever the order in which they were played, and break-even stakes
 * @throws InputError BTM_DOMAIN when the folder holds another map; EnvironmentError BTM_IO when it cannot be written; AbortedError
 * @numerics every cell is the same to the bit for any number of workers, shards and interruptions
 */
export async function runMap(options: RunMapOptions): Promise<MapResult> {
  const spec = checkMap(options.spec);
  const jobs = checkInteger('jobs', options.jobs ?? availableParallelism(), 1, 1024);
  const shard = options.shard ?? parseShard('1/1');
  const groups = groupsOf(spec).filter(({ index }) => index % shard.count === shard.index - 1);
  const { lines, file } = openFolder(options.folder, spec, shard);
  const done = new Map(lines.map((line) => [line.group.index, line]));
  const found = done.size;
  const waiting = groups.filter(({ index }) => !done.has(index));
  options.onProgress?.(done.size, groups.length, found);
  try {
    await playAll(spec, waiting, Math.min(jobs, waiting.length), options.signal, (line) => {
      guarded(options.folder, () => writeSync(file, `${JSON.stringify(line)}\n`));
      done.set(line.group.index, line);
      options.onProgress?.(done.size, groups.length, found);
    });
    guarded(options.folder, () => fsyncSync(file));
  } finally {
    closeSync(file);
  }
  const played = groups.map(({ index }) => done.get(index)!);
  return { cells: played.flatMap(({ cells }) => cells), breakEvens: breakEvensOf(spec, played) };
}

/** Hands groups to workers until none is left. */
async function playAll(
  spec: MapSpec,
  waiting: readonly MapGroup[],
  jobs: number,
  signal: AbortSignal | undefined,
  take: (line: PlayedGroup) => void,
): Promise<void> {
  if (signal?.aborted === true) throw new AbortedError('the map');
  let next = 0;
  const workers: Worker[] = [];
  const one = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const worker = new Worker(new URL('./map-worker.js', import.meta.url));
      workers.push(worker);
      const hand = (): void => {
        if (next === waiting.length) resolve();
        else worker.postMessage({ spec, group: waiting[next++] });
      };
      worker.on('message', (line: PlayedGroup) => {
        try {
          take(line);
          hand();
        } catch (error) {
          reject(error);
        }
      });
      worker.on('error', reject);
      signal?.addEventListener('abort', () => reject(new AbortedError('the map')), { once: true });
      hand();
    });
  try {
    await Promise.all(Array.from({ length: jobs }, one));
  } finally {
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

/** Opens the folder of a map, new or half done; a line that a killed run left torn is cut off. */
function openFolder(folder: string, spec: MapSpec, shard: Shard): { readonly lines: PlayedGroup[]; readonly file: number } {
  return guarded(folder, () => {
    mkdirSync(folder, { recursive: true });
    const manifest = join(folder, MANIFEST);
    const wanted = { kind: 'intermodel-map', formatVersion: 2, hash: mapHash(spec), shard, spec };
    const there = readOrNull(manifest);
    const found = there === null ? wanted : (JSON.parse(there) as typeof wanted);
    if (found.hash !== wanted.hash || found.formatVersion !== wanted.formatVersion) {
      throw new InputError('BTM_DOMAIN', 'holds the results of another map', {
        argument: 'folder',
        value: folder,
        remedy: 'Use a new folder, or the settings that map.json names.',
      });
    }
    if (there === null) writeFileSync(manifest, `${JSON.stringify(wanted, null, 2)}\n`);
    const text = readOrNull(join(folder, LINES)) ?? '';
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const file = openSync(join(folder, LINES), 'a');
    ftruncateSync(file, Buffer.byteLength(whole));
    const lines = whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as PlayedGroup);
    return { lines, file };
  });
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

function guarded<T>(folder: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === undefined || code.startsWith('BTM_')) throw error;
    throw new EnvironmentError(
      'BTM_IO',
      `the folder ${folder} cannot be used`,
      [{ what: folder, reason: message }],
      ['check that it can be written and that the disk has room, then run the same command again'],
    );
  }
}
