/** `intermodel ledger`: start, feed, read, check, prove, move and audit a ledger. */

import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { EnvironmentError, InputError } from '../core/errors.js';
import {
  createKey,
  etcdStore,
  type Ledger,
  openLedger,
  type Proof,
  type Store,
  sqliteStore,
  toJsonLine,
  verifyProof,
  verifyStore,
} from '../ledger/index.js';
import { addBackendOptions, type BackendFlags, backendOf } from './backend-option.js';
import { audit } from './ledger-audit.js';
import { readAction, readGenesis, readKey, toJson, writeKey } from './ledger-files.js';
import type { ServeFlags } from './ledger-serve.js';
import { exportLedger, readExport } from './ledger-transfer.js';
import { textTable } from './text-table.js';

interface Flags {
  readonly json?: boolean;
  readonly prefix: string;
}

export function ledgerCommand(program: Command): void {
  const ledger = program
    .command('ledger')
    .description('a ledger in an SQLite file, or in etcd (http://host:port,...) (docs/concepts/ledger.md)');
  const add = (text: string, description: string): Command =>
    ledger
      .command(text)
      .description(description)
      .option('--json', 'print JSON')
      .option('--prefix <name>', 'where the ledger lives in etcd', 'intermodel');
  add('key <file>', 'make a new key in a file that only you can read').action(makeKey);
  add('init <ledger> <genesis>', 'start a ledger from a genesis file').action(init);
  add('submit <ledger> <action>', 'sign an action (JSON, or @file) and close a block with it')
    .requiredOption('--key <file>', "the sender's key")
    .action(submit);
  add('status <ledger>', 'head, supply and participants').option('--follow', 'then print every new block as a line of JSON').action(status);
  add('block <ledger> [height]', 'one block, or close an empty one when no height is given').action(block);
  add('verify <ledger>', 'replay everything; report the first wrong byte').action(verify);
  add('prove <ledger> <key>', "proof of a key's balance, stake, ranking and row").action(prove);
  add('check <proof> <block-hash>', 'check a proof with nothing but the hash of a block you trust').action(check);
  add('export <ledger> <file>', 'write genesis and blocks to one file').action(exportTo);
  add('import <file> <ledger>', 'read an export into a new ledger, checking every block').action(importFrom);
  add('snapshot <ledger>', 'keep the present state, so that opening is fast')
    .option('--prune', 'forget the blocks before it')
    .action(snapshot);
  ledger
    .command('serve')
    .description('keep the ledger of a network whose participants run elsewhere (docs/concepts/network.md)')
    .requiredOption('--config <file>', 'JSON: who it is, where it listens, how the ledger begins and where it is kept')
    .option('--once', 'end when all participants have delivered their results')
    .option('--json', 'print what happens as lines of JSON')
    .action(async (flags: ServeFlags) => (await import('./ledger-serve.js')).serve(flags)); // libp2p takes long to load
  addBackendOptions(add('audit <ledger> <key> <evidence>', 'recompute a published row from responses, head and data (docs/rank-input.md)'))
    .option('--evidence-hash <sha256>', 'what the evidence must hash to (default: sha256=... in the endpoint)')
    .action(auditKey);
}

async function openStore(place: string, flags: Flags): Promise<Store> {
  return /^https?:/.test(place) ? etcdStore({ endpoints: place.split(','), prefix: flags.prefix }) : sqliteStore(place);
}

/** A mistyped path must not come into being, and then look damaged. */
async function openExisting(place: string, flags: Flags): Promise<Store> {
  if (!/^https?:/.test(place) && !existsSync(place)) {
    throw new EnvironmentError('BTM_IO', `cannot read ${place}`, [{ what: place, reason: 'no such file' }], ['check the path']);
  }
  return openStore(place, flags);
}

async function withLedger<T>(place: string, flags: Flags, work: (ledger: Ledger) => Promise<T>): Promise<T> {
  const store = await openExisting(place, flags);
  try {
    return await work(await openLedger({ store }));
  } finally {
    await store.close();
  }
}

function print(flags: Flags, value: unknown, text: () => string): void {
  process.stdout.write(`${flags.json === true ? toJson(value) : text()}\n`);
}

async function makeKey(file: string, flags: Flags): Promise<void> {
  const key = createKey();
  await writeKey(file, key);
  print(flags, { publicKey: key.publicKey, file }, () => key.publicKey);
}

async function init(place: string, genesisFile: string, flags: Flags): Promise<void> {
  const store = await openStore(place, flags);
  try {
    if ((await store.genesis()) !== undefined) throw new InputError('BTM_DOMAIN', 'has a ledger already', { argument: place });
    const ledger = await openLedger({ store, genesis: await readGenesis(genesisFile) });
    print(
      flags,
      { chain: ledger.chain, supply: ledger.state().supply },
      () => `chain ${ledger.chain}, supply ${tokens(ledger.state().supply)}`,
    );
  } finally {
    await store.close();
  }
}

async function submit(place: string, action: string, flags: Flags & { readonly key: string }): Promise<void> {
  const key = await readKey(flags.key);
  const request = await readAction(action);
  await withLedger(place, flags, async (ledger) => {
    const receipt = ledger.submitAction(key, request);
    const closed = receipt.code === 'ok' ? await ledger.closeBlock() : undefined;
    const answer = { ...receipt, height: closed?.height ?? receipt.height, blockHash: closed?.hash ?? null };
    print(flags, answer, () =>
      closed === undefined ? `refused: ${receipt.code} (${receipt.reason})` : `ok: in block ${closed.height}, ${closed.hash}`,
    );
    if (closed === undefined) process.exitCode = 1;
  });
}

async function status(place: string, flags: Flags & { readonly follow?: boolean }): Promise<void> {
  await withLedger(place, flags, async (ledger) => {
    const state = ledger.state();
    const { height, supply, minted, tau, chain } = state;
    const participants = state.participants();
    const summary = { chain, height, head: ledger.head, stateRoot: state.root(), supply, minted, tau, participants };
    print(flags, summary, () =>
      [
        `height ${height}, head ${ledger.head}`,
        `supply ${tokens(supply)} (minted ${tokens(minted)}), tau ${tokens(tau)} a block`,
        textTable(
          ['participant', 'stake', 'row set', 'endpoint'],
          participants.map((p) => [p.key, tokens(p.stake), p.lastSet === 0 ? 'never' : `block ${p.lastSet}`, p.endpoint]),
          [1],
        ),
      ].join('\n'),
    );
    if (flags.follow === true) await follow(ledger);
  });
}

/** Until Ctrl-C. */
async function follow(ledger: Ledger): Promise<void> {
  ledger.onEvent((event) => process.stdout.write(`${toJsonLine(event)}\n`));
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  while (!stop.signal.aborted) {
    await ledger.refresh();
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, 500);
      stop.signal.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true });
    });
  }
  process.exitCode = 130;
}

async function block(place: string, height: string | undefined, flags: Flags): Promise<void> {
  await withLedger(place, flags, async (ledger) => {
    const found = height === undefined ? await ledger.closeBlock() : await ledger.block(Number(height));
    if (found === undefined) throw new InputError('BTM_DOMAIN', `has no block ${height}`, { argument: place });
    const { hash, previous, stateRoot, minted, supply, transactions } = found;
    const summary = {
      height: found.height,
      hash,
      previous,
      stateRoot,
      minted,
      supply,
      transactions: transactions.map((bytes) => Buffer.from(bytes).toString('hex')),
    };
    print(
      flags,
      summary,
      () =>
        `block ${found.height} ${hash}\nprevious ${previous}\nstate ${stateRoot}\n${transactions.length} transactions, minted ${tokens(minted)}, supply ${tokens(supply)}`,
    );
  });
}

async function verify(place: string, flags: Flags): Promise<void> {
  const store = await openExisting(place, flags);
  try {
    const onProgress = (height: number, of: number): void => {
      if (height % 100 === 0) process.stderr.write(`verified ${height} of ${of} blocks\n`);
    };
    const result = await verifyStore(store, { onProgress });
    print(flags, result, () =>
      result.ok
        ? `ok: blocks ${result.from + 1} to ${result.height} replay to the byte, state ${result.stateRoot}`
        : `WRONG at block ${result.height}: ${result.problem}`,
    );
    if (!result.ok) process.exitCode = 1;
  } finally {
    await store.close();
  }
}

async function prove(place: string, key: string, flags: Flags): Promise<void> {
  await withLedger(place, flags, async (ledger) => {
    const proof = await ledger.prove(key);
    if (proof === undefined) throw new InputError('BTM_DOMAIN', `has no account ${key}`, { argument: place });
    process.stdout.write(`${toJson(proof)}\n`);
    process.stderr.write(`against block ${ledger.height}, ${ledger.head}\n`);
  });
}

async function check(proofFile: string, blockHash: string, flags: Flags): Promise<void> {
  const proof = JSON.parse(await readFile(proofFile, 'utf8')) as Proof;
  const proven = verifyProof(proof, blockHash);
  const answer = typeof proven === 'string' ? { ok: false, problem: proven } : { ok: true, ...proven };
  print(flags, answer, () => (typeof proven === 'string' ? `not proven: ${proven}` : toJson(proven)));
  if (typeof proven === 'string') process.exitCode = 1;
}

async function exportTo(place: string, file: string, flags: Flags): Promise<void> {
  const store = await openExisting(place, flags);
  try {
    const height = await exportLedger(store, file);
    print(flags, { height, file }, () => `${height} blocks written to ${file}`);
  } finally {
    await store.close();
  }
}

async function importFrom(file: string, place: string, flags: Flags): Promise<void> {
  const store = await openStore(place, flags);
  try {
    const height = await importInto(store, file);
    print(flags, { height }, () => `${height} blocks read and verified`);
  } finally {
    await store.close();
  }
}

/** Every block is replayed against the rules before it goes into the store. */
async function importInto(store: Store, file: string): Promise<number> {
  let ledger: Ledger | undefined;
  for await (const item of readExport(file)) {
    if ('genesis' in item) ledger = await openLedger({ store, genesisBytes: item.genesis });
    else await (ledger as Ledger).adopt(item);
  }
  if (ledger === undefined) throw new InputError('BTM_DOMAIN', 'is empty', { argument: file });
  return ledger.height;
}

async function snapshot(place: string, flags: Flags & { readonly prune?: boolean }): Promise<void> {
  await withLedger(place, flags, async (ledger) => {
    const height = await ledger.snapshot({ prune: flags.prune ?? false });
    print(flags, { height }, () => `state of block ${height} kept${flags.prune === true ? ', earlier blocks forgotten' : ''}`);
  });
}

async function auditKey(
  place: string,
  key: string,
  evidence: string,
  flags: Flags & BackendFlags & { readonly evidenceHash?: string },
): Promise<void> {
  await withLedger(place, flags, async (ledger) => {
    const report = await audit(ledger, key, evidence, backendOf(flags), flags.evidenceHash);
    const declared = { true: 'as declared', false: 'NOT the declared one', null: 'nobody declared one' }[
      String(report.evidenceDeclared) as 'null'
    ];
    print(flags, report, () => `row of ${key}: ${report.verdict}\nevidence ${report.evidence} (${declared})`);
    if (report.verdict === 'different' || report.evidenceDeclared === false) process.exitCode = 1;
  });
}

/** Base units as tokens, exact. */
function tokens(amount: bigint): string {
  const text = amount.toString().padStart(10, '0');
  return `${text.slice(0, -9)}.${text.slice(-9)}`.replace(/\.?0+$/, '');
}
