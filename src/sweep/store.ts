/**
 * Results on disk: `results.jsonl`, `results.csv`, `manifest.json`, and once everything is there `summary.json` and `summary.csv`.
 * A process that is killed leaves at most one torn line at the end of a file; opening the folder again cuts both files back to the last
 * whole unit that both hold, and the run goes on from there, so that the bytes are those of an unbroken run.
 */
import {
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { EnvironmentError, InputError } from '../core/errors.js';
import { fileError, parseJson } from '../core/user-files.js';
import { type Layout, rowOfShard, type Shard } from './layout.js';
import { CSV_HEADER, csvLine, isCsvLine, isJsonLine, jsonLine, type TrialRow } from './rows.js';
import { canonical, type SweepTask } from './spec.js';

/** What a folder says it holds. */
export interface Manifest {
  readonly kind: 'intermodel-sweep';
  readonly formatVersion: 1;
  readonly task: SweepTask;
  readonly shard: Shard;
}

/** Names of the files of a folder. */
export const FILES = {
  manifest: 'manifest.json',
  lines: 'results.jsonl',
  table: 'results.csv',
  summary: 'summary.json',
  summaryTable: 'summary.csv',
  lock: 'lock',
} as const;

/** An open folder that takes rows. */
export interface ResultStore {
  /** Whole units that were there when the folder was opened. */
  readonly unitsDone: number;
  append(rows: readonly TrialRow[]): void;
  close(): void;
}

/**
 * Opens a folder for a task, new or half done.
 *
 * @throws InputError BTM_DOMAIN when the folder holds another task or shard; EnvironmentError BTM_IO when it cannot be written or another process writes to it.
 */
export function openStore(folder: string, task: SweepTask, shard: Shard, layout: Layout): ResultStore {
  return guarded(folder, () => {
    mkdirSync(folder, { recursive: true });
    takeLock(folder);
    try {
      claim(folder, { kind: 'intermodel-sweep', formatVersion: 1, task, shard });
      return open(folder, shard, layout);
    } catch (error) {
      releaseLock(folder);
      throw error;
    }
  });
}

/** Reads the manifest of a folder. */
export function readManifest(folder: string): Manifest {
  const path = join(folder, FILES.manifest);
  const manifest = parseJson(
    path,
    guarded(path, () => readFileSync(path, 'utf8')),
  ) as Manifest;
  if (manifest?.kind !== 'intermodel-sweep' || manifest.formatVersion !== 1) {
    throw new InputError('BTM_TYPE', 'is not the manifest of a sweep that this version reads', { argument: path });
  }
  return manifest;
}

/** Writes a file so that it is there whole or not at all. */
export function writeWhole(path: string, text: string): void {
  guarded(path, () => {
    writeFileSync(`${path}.part`, text);
    renameSync(`${path}.part`, path);
  });
}

function open(folder: string, shard: Shard, layout: Layout): ResultStore {
  const lines = openSync(join(folder, FILES.lines), 'a+');
  const table = openSync(join(folder, FILES.table), 'a+');
  const rowAt = (k: number): number => rowOfShard(layout, shard, k);
  const isJson = (line: string, k: number): boolean => isJsonLine(line, rowAt(k));
  const isCsv = (line: string, k: number): boolean => (k === 0 ? `${line}\n` === CSV_HEADER : isCsvLine(line, rowAt(k - 1)));
  const whole = Math.min(scan(lines, isJson).lines, Math.max(0, scan(table, isCsv).lines - 1));
  const unitsDone = Math.floor(whole / layout.unitRows);
  const rows = unitsDone * layout.unitRows;
  ftruncateSync(lines, scan(lines, isJson, rows).bytes);
  ftruncateSync(table, scan(table, isCsv, rows + 1).bytes);
  if (scan(table, isCsv, 1).lines === 0) writeAll(table, CSV_HEADER);
  return {
    unitsDone,
    append: (added) =>
      guarded(folder, () => {
        writeAll(lines, added.map(jsonLine).join(''));
        writeAll(table, added.map(csvLine).join(''));
      }),
    close: () => {
      closeSync(lines);
      closeSync(table);
      releaseLock(folder);
    },
  };
}

/** Counts the lines from the beginning that are what they should be, up to a limit, and their bytes. */
function scan(
  file: number,
  isRight: (line: string, k: number) => boolean,
  limit = Number.POSITIVE_INFINITY,
): { lines: number; bytes: number } {
  const block = Buffer.allocUnsafe(1 << 16);
  let rest = Buffer.alloc(0);
  let lines = 0;
  let bytes = 0;
  for (let position = 0; lines < limit; ) {
    const read = readSync(file, block, 0, block.length, position);
    if (read === 0) break;
    position += read;
    const data = Buffer.concat([rest, block.subarray(0, read)]);
    let start = 0;
    for (let end = data.indexOf(10); end >= 0 && lines < limit; end = data.indexOf(10, start)) {
      if (!isRight(data.toString('utf8', start, end), lines)) return { lines, bytes };
      lines += 1;
      bytes += end + 1 - start;
      start = end + 1;
    }
    rest = data.subarray(start);
  }
  return { lines, bytes };
}

function writeAll(file: number, text: string): void {
  const data = Buffer.from(text);
  for (let at = 0; at < data.length; ) at += writeSync(file, data, at);
}

/** Writes the manifest, or finds that the one there says the same. */
function claim(folder: string, manifest: Manifest): void {
  const path = join(folder, FILES.manifest);
  let found: string;
  try {
    found = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    writeWhole(path, `${JSON.stringify(manifest, null, 1)}\n`);
    return;
  }
  const there = JSON.parse(found) as Manifest;
  if (there.task?.hash === manifest.task.hash && canonical(there.shard) === canonical(manifest.shard)) return;
  throw new InputError(
    'BTM_DOMAIN',
    `holds another sweep (${String(there.task?.hash).slice(0, 16)}, shard ${there.shard?.index}/${there.shard?.count})`,
    {
      argument: folder,
      remedy: 'Choose another folder, or remove this one.',
    },
  );
}

/** Locks this process holds, by path. */
const held = new Set<string>();

/** One writer a folder. The lock appears with its content or not at all. A lock whose process is gone is taken over; one of another machine cannot be judged and is respected. */
function takeLock(folder: string): void {
  const path = join(folder, FILES.lock);
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, `${process.pid} ${hostname()}\n`);
  try {
    linkLock(folder, path, mine);
  } finally {
    rmSync(mine, { force: true });
  }
  held.add(resolve(path));
  sweepUp(folder);
}

/** Removes what processes killed while they took the lock have left behind. */
function sweepUp(folder: string): void {
  for (const name of readdirSync(folder)) {
    const pid = /^lock\.(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid), join(folder, name))) rmSync(join(folder, name), { force: true });
  }
}

function linkLock(folder: string, path: string, mine: string): void {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      linkSync(mine, path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const [pid = '', host = ''] = readLock(path).trim().split(' ');
    if (host !== '' && (host !== hostname() || isRunning(Number(pid), path))) {
      throw new EnvironmentError(
        'BTM_IO',
        `${folder} is being written to by process ${pid} on ${host}`,
        [],
        ['wait for it to end', `or remove ${path} if it is gone`],
      );
    }
    rmSync(path, { force: true });
  }
  throw new EnvironmentError('BTM_IO', `the lock of ${folder} could not be taken`, [{ what: path, reason: 'taken again and again' }]);
}

function releaseLock(folder: string): void {
  const path = join(folder, FILES.lock);
  held.delete(resolve(path));
  rmSync(path, { force: true });
}

function readLock(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''; // released meanwhile
    throw error;
  }
}

function isRunning(pid: number, path: string): boolean {
  if (pid === process.pid) return held.has(resolve(path)); // if not held here, an earlier process had this number
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Turns a failure of the file system into the error that names the path and the remedy. Results up to the last whole unit stay. */
export function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).errno === undefined) throw error;
    throw fileError(`cannot use ${path}`, path, error);
  }
}
