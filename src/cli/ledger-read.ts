/** The commands of `intermodel ledger` that only read: status, block, verify, prove, check, audit. */
import { InputError } from '../core/errors.js';
import { readUserJson } from '../core/user-files.js';
import { type Block, type Ledger, type Proof, toJsonLine, type VerifyOptions, verifyProof, verifyStore } from '../ledger/index.js';
import { type BackendFlags, backendOf } from './backend-option.js';
import { type Flags, print, tokens, withLedger, withStore } from './ledger-place.js';
import { jsonLine } from './output.js';
import { printNote, printOut } from './print.js';
import { textTable } from './text-table.js';

export async function status(place: string, flags: Flags & { readonly follow?: boolean }): Promise<void> {
  await withLedger(place, flags, 'read', async (ledger) => {
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

const POLL_MS = 500;

/** Until Ctrl-C. */
async function follow(ledger: Ledger): Promise<void> {
  ledger.onEvent((event) => printOut(toJsonLine(event)));
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  while (!stop.signal.aborted) {
    await ledger.refresh();
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, POLL_MS);
      stop.signal.addEventListener('abort', () => resolve(clearTimeout(timer)), { once: true });
    });
  }
  process.exitCode = 130;
}

export async function showBlock(place: string, height: number, flags: Flags): Promise<void> {
  await withLedger(place, flags, 'read', async (ledger) => {
    const found = await ledger.block(height);
    if (found !== undefined) return printBlock(found, flags);
    const remedy = height > ledger.height ? `The last block is ${ledger.height}.` : 'It was pruned: look for it in an export.';
    throw new InputError('BTM_DOMAIN', `has no block ${height}`, { argument: place, value: height, remedy });
  });
}

export function printBlock({ height, hash, previous, stateRoot, minted, supply, transactions }: Block, flags: Flags): void {
  const encoded = transactions.map((bytes) => Buffer.from(bytes).toString('hex'));
  print(flags, { height, hash, previous, stateRoot, minted, supply, transactions: encoded }, () =>
    [
      `block ${height} ${hash}`,
      `previous ${previous}`,
      `state ${stateRoot}`,
      `${transactions.length} transactions, minted ${tokens(minted)}, supply ${tokens(supply)}`,
    ].join('\n'),
  );
}

export interface VerifyFlags extends Flags {
  readonly head?: string;
  readonly minHeight?: number;
}

const PROGRESS_EVERY = 100;

export async function verify(place: string, flags: VerifyFlags): Promise<void> {
  const { head, minHeight } = flags;
  if (head !== undefined && !/^[0-9a-f]{64}$/.test(head))
    throw new InputError('BTM_TYPE', 'must be 64 lower-case hexadecimal digits', { argument: '--head', value: head });
  const options: VerifyOptions = {
    ...(head === undefined ? {} : { contains: head }),
    ...(minHeight === undefined ? {} : { minHeight }),
    onProgress: (height, of) => {
      if (height % PROGRESS_EVERY === 0) printNote(`verified ${height} of ${of} blocks`);
    },
  };
  await withStore(place, flags, async (store) => {
    const result = await verifyStore(store, options);
    print(flags, result, () => {
      if (!result.ok) return `WRONG at block ${result.height}: ${result.problem}`;
      const blocks = result.height === result.from ? 'no blocks' : `blocks ${result.from + 1} to ${result.height}`;
      return `ok: ${blocks} replay to the byte, head ${result.head}, state ${result.stateRoot}`;
    });
    if (!result.ok) process.exitCode = 1;
  });
}

export async function prove(place: string, key: string, flags: Flags): Promise<void> {
  await withLedger(place, flags, 'read', async (ledger) => {
    const proof = await ledger.prove(key);
    if (proof === undefined) throw new InputError('BTM_DOMAIN', `has no account ${key}`, { argument: place });
    printOut(jsonLine(proof));
    printNote(`against block ${ledger.height}, ${ledger.head}`);
  });
}

export async function check(proofFile: string, blockHash: string, flags: Flags): Promise<void> {
  const proven = verifyProof((await readUserJson(proofFile)) as Proof, blockHash);
  const answer = typeof proven === 'string' ? { ok: false, problem: proven } : { ok: true, ...proven };
  print(flags, answer, () => (typeof proven === 'string' ? `not proven: ${proven}` : jsonLine(proven)));
  if (typeof proven === 'string') process.exitCode = 1;
}

export async function auditKey(
  place: string,
  key: string,
  evidence: string,
  flags: Flags & BackendFlags & { readonly evidenceHash?: string },
): Promise<void> {
  await withLedger(place, flags, 'read', async (ledger) => {
    const { audit } = await import('./ledger-audit.js'); // the estimators, for this command alone
    const report = await audit(ledger, key, evidence, backendOf(flags), flags.evidenceHash);
    const declared = { true: 'as declared', false: 'NOT the declared one', null: 'none was declared' }[
      String(report.evidenceDeclared) as 'null'
    ];
    print(flags, report, () => `row of ${key}: ${report.verdict}\nevidence ${report.evidence} (${declared})`);
    if (report.verdict === 'different' || report.evidenceDeclared === false) process.exitCode = 1;
  });
}
