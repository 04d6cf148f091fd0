/** One round of the crash tests: run the writer, kill it at some moment, compare what it acknowledged with what is there. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openLedger, type Store } from '../../src/ledger/index.js';

export type Acknowledged = Map<number, string>;

/** Starts the writer, waits for its first acknowledgement and then `after_ms`, kills it with SIGKILL, and returns all it acknowledged. */
export function runAndKill(args: readonly string[], after_ms: number, atKill?: () => void): Promise<Acknowledged> {
  const writer = spawn(process.execPath, [fileURLToPath(new URL('ledger-writer.js', import.meta.url)), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  let started = false;
  writer.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    if (started) return;
    started = true;
    setTimeout(() => {
      writer.kill('SIGKILL');
      atKill?.();
    }, after_ms);
  });
  return new Promise((resolve, reject) => {
    writer.once('error', reject);
    writer.once('close', (code) => {
      if (code !== null) return reject(new Error(`the writer ended by itself with code ${code}`));
      const lines = text.split('\n').slice(0, -1);
      resolve(new Map(lines.map((line) => [Number(line.split(' ')[1]), line.split(' ')[2]])));
    });
  });
}

/** Acknowledged blocks that are not there, or are other blocks. */
export async function lost(store: Store, acknowledged: Acknowledged): Promise<number> {
  let missing = 0;
  for (const [height, hash] of acknowledged) if ((await store.read(height))?.hash !== hash) missing++;
  return missing;
}

/** Opens the ledger, which checks the chain since the last snapshot, and takes a new snapshot so that the next opening is short. */
export async function reopen(store: Store): Promise<number> {
  const ledger = await openLedger({ store, history: 1 });
  if (ledger.height > 0) await ledger.snapshot();
  return ledger.height;
}
