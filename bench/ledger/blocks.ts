/**
 * Durable blocks on SQLite.
 *   node lib/bench/ledger/blocks.js
 * 1. One signed row per block against a bare append + fsync of the same bytes to a file beside it, in the same run and interleaved.
 * 2. A block of 256 signed updates: verify + apply + durable.
 */
import { closeSync, fsyncSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ledger, openLedger, signTransaction, TOKEN, type Transaction } from '../../src/ledger/index.js';
import { median, nativeProcessor, signers } from './scale.js';

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

async function oneRowPerBlock(): Promise<void> {
  const keys = signers(16);
  const ledger = await open('one.sqlite', keys);
  const file = openSync(join(folder, 'bare'), 'a');
  const rounds = 60;
  const blocks = 10;
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const txs = Array.from({ length: blocks }, (_, n) => {
      const count = round * blocks + n;
      return rowChange(ledger, keys, count % 16, 16, Math.floor(count / 16));
    });
    let bytes = new Uint8Array(0);
    let began = performance.now();
    for (const tx of txs) {
      const { code } = ledger.submit(tx);
      if (code !== 'ok') throw new Error(code);
      bytes = Uint8Array.from((await ledger.closeBlock()).bytes);
    }
    ours.push((1000 * blocks) / (performance.now() - began));
    began = performance.now();
    for (let n = 0; n < blocks; n++) {
      writeSync(file, bytes);
      fsyncSync(file);
    }
    bare.push((1000 * blocks) / (performance.now() - began));
  }
  closeSync(file);
  const verification = await ledger.verify();
  if (!verification.ok) throw new Error(verification.problem);
  await ledger.close();
  const ratio = median(ours.map((rate, round) => rate / bare[round]));
  console.log(
    `durable blocks, one signed row of 16 weights each, n = 16, ${rounds} rounds of ${blocks}, interleaved; chain verified afterwards`,
  );
  console.log(
    `  SQLite (WAL, FULL) ${median(ours).toFixed(0)} blocks/s, bare append + fsync ${median(bare).toFixed(0)}/s; ratio ${ratio.toFixed(2)}`,
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
