/** Whole ledgers in one file of JSON lines: the genesis first, then every block; bytes in base64. */
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { EnvironmentError, InputError } from '../core/errors.js';
import type { Store } from '../ledger/index.js';

const FORMAT = 'intermodel-ledger-export';

/** Writes genesis and blocks; returns the height of the last. */
export async function exportLedger(store: Store, path: string): Promise<number> {
  const genesis = await store.genesis();
  if (genesis === undefined)
    throw new InputError('BTM_DOMAIN', 'has no genesis', { argument: 'ledger', remedy: 'Start it with `intermodel ledger init`.' });
  const head = await store.head();
  const file = createWriteStream(path, { flags: 'wx' });
  const failed = once(file, 'error').then(([error]) => {
    throw new EnvironmentError('BTM_IO', `${path} cannot be written (${(error as Error).message})`);
  });
  const write = async (line: object): Promise<void> => {
    if (!file.write(`${JSON.stringify(line)}\n`)) await Promise.race([once(file, 'drain'), failed]);
  };
  await write({ format: FORMAT, formatVersion: 1, height: head.height, head: head.hash, genesis: Buffer.from(genesis).toString('base64') });
  for (let height = 1; height <= head.height; height++) {
    const block = await store.read(height);
    if (block === undefined) {
      throw new InputError('BTM_DOMAIN', `has no block ${height}: it was pruned`, {
        argument: 'ledger',
        remedy: 'Export before pruning, or from a replica.',
      });
    }
    await write({ height, hash: block.hash, bytes: Buffer.from(block.bytes).toString('base64') });
  }
  file.end();
  await Promise.race([once(file, 'finish'), failed]);
  failed.catch(() => undefined); // the stream is closed: nothing can fail any more
  return head.height;
}

interface Line {
  readonly format?: string;
  readonly formatVersion?: number;
  readonly genesis?: string;
  readonly height?: number;
  readonly hash?: string;
  readonly bytes?: string;
}

/** Blocks of an export in order, with the genesis first. */
export async function* readExport(
  path: string,
): AsyncGenerator<{ genesis: Uint8Array } | { height: number; hash: string; bytes: Uint8Array }> {
  const input = createReadStream(path);
  let number = 0;
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      number++;
      const line = parseLine(path, number, text);
      const bytes = (encoded: string | undefined): Uint8Array => Uint8Array.from(Buffer.from(encoded ?? '', 'base64'));
      if (number === 1) {
        if (line.format !== FORMAT || line.formatVersion !== 1) {
          throw new InputError('BTM_DOMAIN', 'is no export of this version', { argument: path, value: line.format });
        }
        yield { genesis: bytes(line.genesis) };
      } else yield { height: Number(line.height), hash: String(line.hash), bytes: bytes(line.bytes) };
    }
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new EnvironmentError('BTM_IO', `${path} cannot be read (${(error as Error).message})`);
  }
}

function parseLine(path: string, number: number, text: string): Line {
  try {
    return JSON.parse(text) as Line;
  } catch {
    throw new InputError('BTM_TYPE', `line ${number} is not JSON`, { argument: path });
  }
}
