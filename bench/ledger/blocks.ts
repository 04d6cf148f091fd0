/**
 * Durable blocks on SQLite.
 *   node lib/bench/ledger/blocks.js [rounds = 300]
 * 1. One signed row per block against a bare append + fsync of the same bytes to a file beside it, and against SQLite's own smallest durable
 *    insert (WAL, FULL, one autocommit INSERT of the same bytes), which is the most that this store can reach. Interleaved in one run.
 * 2. A block of 256 signed updates: verify + apply + durable.
 */
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ledger, openLedger, signTransaction, TOKEN, type Transaction } from '../../src/ledger/index.js';
import { openDatabase } from '../../src/ledger/store/sqlite-driver.js';
import { median, nativeProcessor, signers } from './scale.js';

const [rounds = 300] = process.argv.slice(2).map(Number);
const folder = mkdtempSync(join(process.env['LEDGER_BENCH_DIR'] ?? tmpdir(), 'intermodel-bench-'));

function rowChange(ledger: Ledger, keys: ReturnType<typeof signers>, rater: number, each: number, nonce: number): Transaction {
  const targets = [rater, ...Array.from({ length: each - 1 }, (_, k) => (rater + 1 + k) % keys.length)];
  const part = 2_000_000;
  const weights = targets.map((_, k) => (k === 0 ? 1_000_000_000 - (each - 1) * part - nonce : k === 1 ? part + nonce : part));
  const action = { kind: 'setWeights', row: { targets: targets.map((t) => keys[t].publicKey), weights } } as const;
  return signTransaction({ ...action, chain: ledger.chain, from: keys[rater].publicKey, nonce }, keys[rater]);
}

function open(name: string, keys: ReturnType<typeof signers>): Promise<Ledger> {
  const participants = keys.map((key) => ({ key: key.publicKey, stake: 10n * TOKEN }));
  return openLedger({ path: join(folder, name), genesis: { participants }, processor: nativeProcessor, history: 1 });
}

const BLOCKS = 10;
/** Rounds before the timed ones: the compiler of the engine needs some hundred blocks, and so does the first checkpoint. Printed apart. */
const WARM_ROUNDS = 60;

/** Rate of ten calls in a row, per second. */
async function rate(one: (n: number) => unknown): Promise<number> {
  const began = performance.now();
  for (let n = 0; n < BLOCKS; n++) await one(n);
  return (1000 * BLOCKS) / (performance.now() - began);
}

async function smallestInsert(): Promise<{ insert: (bytes: Uint8Array) => void; close: () => void }> {
  const database = await openDatabase(join(folder, 'smallest.sqlite'), {});
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('PRAGMA synchronous = FULL');
  database.exec('CREATE TABLE blocks (height INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT');
  const statement = database.prepare('INSERT INTO blocks (bytes) VALUES (?)');
  return { insert: (bytes) => statement.run(bytes), close: () => database.close() };
}

async function oneRowPerBlock(): Promise<void> {
  const keys = signers(16);
  const ledger = await open('one.sqlite', keys);
  const smallest = await smallestInsert();
  const file = openSync(join(folder, 'bare'), 'a');
  const rates: { ours: number; sqlite: number; bare: number }[] = [];
  let bytes = new Uint8Array(0);
  for (let round = 0; round < WARM_ROUNDS + rounds; round++) {
    const txs = Array.from({ length: BLOCKS }, (_, n) => {
      const count = round * BLOCKS + n;
      return rowChange(ledger, keys, count % 16, 16, Math.floor(count / 16));
    });
    const ours = await rate(async (n) => {
      const { code } = ledger.submit(txs[n]);
      if (code !== 'ok') throw new Error(code);
      bytes = (await ledger.closeBlock()).bytes as typeof bytes;
    });
    const sqlite = await rate(() => smallest.insert(bytes));
    const bare = await rate(() => {
      writeSync(file, bytes);
      fsyncSync(file);
    });
    rates.push({ ours, sqlite, bare });
  }
  closeSync(file);
  smallest.close();
  const verification = await ledger.verify();
  if (!verification.ok) throw new Error(verification.problem);
  await ledger.close();
  console.log(`durable blocks, one signed row of 16 weights each, n = 16, rounds of ${BLOCKS}, interleaved; chain verified afterwards`);
  report(`first ${WARM_ROUNDS * BLOCKS} blocks of the process`, rates.slice(0, WARM_ROUNDS));
  report(`next ${rounds * BLOCKS} blocks`, rates.slice(WARM_ROUNDS));
}

/** Medians, with the quartiles of each ratio in one round. */
function report(title: string, rates: readonly { ours: number; sqlite: number; bare: number }[]): void {
  const middle = (values: readonly number[]): string => {
    const sorted = [...values].sort((a, b) => a - b);
    const at = (share: number): string => sorted[Math.floor(share * sorted.length)].toFixed(2);
    return `${at(0.5)} (${at(0.25)} to ${at(0.75)})`;
  };
  const per_s = (name: 'ours' | 'sqlite' | 'bare'): string => median(rates.map((round) => round[name])).toFixed(0);
  console.log(
    `  ${title}: ${per_s('ours')} blocks/s, SQLite's smallest insert ${per_s('sqlite')}/s, bare append + fsync ${per_s('bare')}/s`,
  );
  console.log(`    blocks / bare ${middle(rates.map(({ ours, bare }) => ours / bare))}`);
  console.log(
    `    smallest insert / bare ${middle(rates.map(({ sqlite, bare }) => sqlite / bare))}, median and quartiles of ${rates.length} rounds`,
  );
}

async function manyRowsPerBlock(participants: number): Promise<void> {
  const keys = signers(participants);
  const ledger = await open(`many-${participants}.sqlite`, keys);
  const times: number[] = [];
  for (let round = 0; round < 9; round++) {
    const txs = Array.from({ length: 256 }, (_, rater) => rowChange(ledger, keys, rater, 64, round));
    const began = performance.now();
    for (const tx of txs) {
      const { code } = ledger.submit(tx);
      if (code !== 'ok') throw new Error(code);
    }
    await ledger.closeBlock();
    times.push(performance.now() - began);
  }
  await ledger.close();
  console.log(
    `block of 256 signed updates of 64 weights each, n = ${participants}: median ${median(times).toFixed(0)} ms, fastest ${Math.min(...times).toFixed(0)} ms (settle + verify + apply + Merkle root + durable)`,
  );
}

await oneRowPerBlock();
await manyRowsPerBlock(256);
await manyRowsPerBlock(4096);
rmSync(folder, { recursive: true });
