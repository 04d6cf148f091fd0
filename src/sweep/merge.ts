/** Puts the shards of a sweep together: the files are those of an unbroken run, byte for byte. */
import { closeSync, createReadStream, existsSync, mkdirSync, openSync, readdirSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { InputError } from '../core/errors.js';
import { layoutOf, rowOfShard, shardUnits } from './layout.js';
import { CSV_HEADER, isCsvLine, isJsonLine } from './rows.js';
import { FILES, guarded, type Manifest, readManifest, writeWhole } from './store.js';
import { type SweepSummary, writeSummary } from './summary.js';

/** Options of {@link mergeShards}. */
export interface MergeOptions {
  /** Folders of every shard, in any order, or the folder that holds them as `shard-1-of-3` and so on. */
  readonly shards: readonly string[];
  /** Folder of the whole. */
  readonly folder: string;
}

/**
 * Merges complete shards.
 *
 * @returns The summary of the whole.
 * @throws InputError BTM_DOMAIN when a shard is missing, given twice, incomplete or of another sweep.
 * @cost One pass over the files; memory does not grow with them.
 */
export async function mergeShards(options: MergeOptions): Promise<SweepSummary> {
  const found = options.shards.flatMap(shardFoldersIn).map((folder) => ({ folder, manifest: readManifest(folder) }));
  const ordered = checkShards(found);
  const { task } = ordered[0]!.manifest;
  guarded(options.folder, () => mkdirSync(options.folder, { recursive: true }));
  for (const file of [FILES.lines, FILES.table] as const) await interleave(ordered, options.folder, file);
  const manifest: Manifest = { kind: 'intermodel-sweep', formatVersion: 1, task, shard: { index: 1, count: 1 } };
  writeWhole(join(options.folder, FILES.manifest), `${JSON.stringify(manifest, null, 1)}\n`);
  return writeSummary(options.folder);
}

/** The folder itself where it holds results; else the shards in it, named as `--shard` names them. */
function shardFoldersIn(folder: string): string[] {
  if (existsSync(join(folder, FILES.manifest))) return [folder];
  const names = guarded(folder, () => readdirSync(folder)).filter((name) => /^shard-\d+-of-\d+$/.test(name));
  if (names.length > 0) return names.map((name) => join(folder, name));
  throw new InputError('BTM_DOMAIN', `holds neither the results of a sweep (${FILES.manifest}) nor folders such as shard-1-of-3`, {
    argument: folder,
    remedy: 'Name the folder given as --out when the shards ran, or the folder of every shard.',
  });
}

interface FoundShard {
  readonly folder: string;
  readonly manifest: Manifest;
}

/** The shards in the order of their numbers, all of one sweep, each once. */
function checkShards(found: readonly FoundShard[]): FoundShard[] {
  const first = found[0]?.manifest;
  if (first === undefined) throw new InputError('BTM_SHAPE', 'must name at least one shard', { argument: 'shards' });
  for (const { folder, manifest } of found) {
    if (manifest.task.hash !== first.task.hash || manifest.shard.count !== first.shard.count) {
      throw new InputError('BTM_DOMAIN', 'belongs to another sweep', { argument: folder, value: manifest.task.hash });
    }
  }
  return Array.from({ length: first.shard.count }, (_, k) => {
    const matches = found.filter(({ manifest }) => manifest.shard.index === k + 1);
    if (matches.length !== 1) {
      throw new InputError('BTM_DOMAIN', `hold shard ${k + 1}/${first.shard.count} ${matches.length} times`, {
        argument: 'shards',
        remedy: 'Give every shard once.',
      });
    }
    return matches[0]!;
  });
}

/** Takes a unit of lines from each shard in turn. */
async function interleave(shards: readonly FoundShard[], folder: string, file: 'results.jsonl' | 'results.csv'): Promise<void> {
  const layout = layoutOf(shards[0]!.manifest.task);
  const readers = shards.map(({ folder: shard, manifest }) => expectedLines(shard, manifest, file));
  const path = join(folder, file);
  const output = guarded(path, () => openSync(path, 'w'));
  try {
    if (file === FILES.table) writeSync(output, CSV_HEADER);
    for (let unit = 0; unit < layout.units; unit++) {
      const reader = readers[unit % shards.length]!;
      let text = '';
      for (let row = 0; row < layout.unitRows; row++) text += `${(await reader.next()).value as string}\n`;
      guarded(path, () => writeSync(output, text));
    }
    for (const reader of readers) await reader.next(); // each checks that its file ends here
  } finally {
    closeSync(output);
  }
}

/** The lines of a shard's file, each checked to be the row it should be; throws where one is missing or too many. */
async function* expectedLines(folder: string, manifest: Manifest, file: 'results.jsonl' | 'results.csv'): AsyncGenerator<string> {
  const layout = layoutOf(manifest.task);
  const rows = shardUnits(layout, manifest.shard) * layout.unitRows;
  const path = join(folder, file);
  const isRight = file === FILES.lines ? isJsonLine : isCsvLine;
  const input = createReadStream(path, 'utf8');
  let k = file === FILES.table ? -1 : 0;
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (k >= 0) {
        if (k >= rows || !isRight(line, rowOfShard(layout, manifest.shard, k))) throw unfinished(path, k, rows);
        yield line;
      }
      k += 1;
    }
  } finally {
    input.destroy();
  }
  if (k !== rows) throw unfinished(path, k, rows);
}

function unfinished(path: string, k: number, rows: number): InputError {
  return new InputError('BTM_DOMAIN', `does not hold the rows of its shard: row ${k + 1} of ${rows} is missing or wrong`, {
    argument: path,
    remedy: 'Run that shard again; it goes on where it stopped.',
  });
}
