/**
 * T4: bit flips and truncation anywhere in the stored blocks, and in the pages of an SQLite file.
 *   node lib/test/long/ledger-tampering.js [flips = 10000] [file flips = 1000]
 * A flip in the file may lie in space that nothing uses: then the ledger must read back as it was.
 * Control: a reader that only decodes must miss many.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RandomStream } from '../../src/core/random.js';
import { openLedger, sqliteStore } from '../../src/ledger/index.js';
import { verifyStore } from '../../src/ledger/replay.js';
import { tamper } from '../ledger/tampering.js';
import { Workload } from '../ledger/workload.js';

const [flips = 10_000, fileFlips = 1000] = process.argv.slice(2).map(Number);
const result = await tamper(2, flips, (done) => done % 1000 === 0 && process.stderr.write(`${done} of ${flips}\n`));
console.log(
  `T4 stored blocks: ${result.tried} flips and truncations, ${result.undetected} undetected by verification, ${result.served} served silently`,
);
console.log(`T4 control: a reader that only decodes misses ${result.missedByControl}`);

const folder = mkdtempSync(join(tmpdir(), 'intermodel-tamper-'));
const clean = join(folder, 'clean.sqlite');
const work = new Workload(3);
const first = await sqliteStore(clean);
const ledger = await openLedger({ store: first, genesis: work.genesis });
for (let block = 0; block < 8; block++) {
  for (let count = work.blockSize(); count > 0; count--) {
    const { key, action } = work.next(ledger.pending());
    ledger.submitAction(key, action);
  }
  await ledger.closeBlock();
}
const { head } = ledger;
const checkpoint = (first as unknown as { database: { exec(sql: string): void } }).database;
checkpoint.exec('PRAGMA wal_checkpoint(TRUNCATE)');
const original = join(folder, 'original.sqlite');
copyFileSync(clean, original);
await first.close();

const bytes = readFileSync(original);
const random = new RandomStream(9);
let [detected, harmless, wrong] = [0, 0, 0];
for (let flip = 0; flip < fileFlips; flip++) {
  const path = join(folder, `flip-${flip}.sqlite`);
  const copy = Buffer.from(bytes);
  copy[random.integer(copy.length)] ^= 1 << random.integer(8);
  writeFileSync(path, copy);
  try {
    const store = await sqliteStore(path);
    const verification = await verifyStore(store);
    await store.close();
    if (!verification.ok) detected++;
    else if (verification.head === head && verification.height === 8) harmless++;
    else wrong++;
  } catch (error) {
    if ((error as { code?: string }).code?.startsWith('BTM_') !== true) throw error;
    detected++;
  }
  for (const end of ['', '-wal', '-shm']) rmSync(path + end, { force: true });
}
console.log(
  `T4 SQLite file of ${bytes.length} bytes: ${fileFlips} flips, ${detected} detected, ${harmless} in unused space (reads back the same head), ${wrong} served wrong`,
);
rmSync(folder, { recursive: true });
if (result.undetected > 0 || result.served > 0 || wrong > 0 || result.missedByControl === 0) process.exitCode = 1;
