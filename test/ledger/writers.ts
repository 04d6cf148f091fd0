/** Many writers of one ledger at once: whatever is acknowledged is in the chain once, in the block that was named. */
import { decodeTransaction, type Ledger, openLedger, type SigningKey, type Store, TOKEN, transactionHash } from '../../src/ledger/index.js';
import { testKey } from './workload.js';

export const PAYER = testKey(0);
export const SINK = testKey(1).publicKey;
const RATER = testKey(2);

/** A payer whose transfers all writers sign, a sink that counts them, and a participant so that blocks mint. */
export const GENESIS = {
  parameters: { emission: 'l1' as const, tau: 7n },
  participants: [{ key: RATER.publicKey, stake: TOKEN }],
  accounts: [{ key: PAYER.publicKey, balance: TOKEN }],
};

/** What a writer was told. */
export interface Answer {
  readonly code: string;
  readonly hash: string;
  readonly height: number;
  readonly blockHash: string | null;
}

export type Writer = (ledger: Ledger, key: SigningKey) => Promise<Answer>;

/** The writer that is tested. */
export const durable: Writer = (ledger, key) => ledger.submitAndClose(key, { kind: 'transfer', to: SINK, amount: 1n });

/** The negative control: it believes the receipt of the open block, and closes some block. */
export const hasty: Writer = async (ledger, key) => {
  const receipt = ledger.submitAction(key, { kind: 'transfer', to: SINK, amount: 1n });
  const block = await ledger.closeBlock();
  return { ...receipt, height: block.height, blockHash: block.hash };
};

/** Every writer with a handle of its own submits once, all at the same time. Returns what is wrong afterwards, if anything. */
export async function race(open: () => Promise<Store>, writers: number, writer: Writer = durable): Promise<string | undefined> {
  const first = await open();
  await openLedger({ store: first, genesis: GENESIS });
  const stores = await Promise.all(Array.from({ length: writers }, open));
  const ledgers = await Promise.all(stores.map((store) => openLedger({ store })));
  const answers = await Promise.all(ledgers.map((ledger) => writer(ledger, PAYER)));
  const problem = await audit(first, answers);
  for (const store of stores) await store.close();
  await first.close();
  return problem;
}

/** Compares what the writers were told with what the chain holds. */
export async function audit(store: Store, answers: readonly Answer[]): Promise<string | undefined> {
  const ledger = await openLedger({ store });
  const acknowledged = answers.filter(({ code }) => code === 'ok');
  const balance = ledger.state().balance(SINK);
  if (balance !== BigInt(acknowledged.length)) return `${acknowledged.length} of ${answers.length} acknowledged, ${balance} arrived`;
  if (acknowledged.length !== answers.length) return `${answers.length - acknowledged.length} refused`;
  const inBlocks = new Set<string>();
  for (let height = 1; height <= ledger.height; height++) {
    const block = await ledger.block(height);
    if (block === undefined || block.transactions.length === 0) return `block ${height} is empty: a lost race minted`;
    for (const bytes of block.transactions) inBlocks.add(`${height} ${block.hash} ${hashOf(bytes)}`);
  }
  if (inBlocks.size !== acknowledged.length) return `${inBlocks.size} transactions in the chain`;
  const lost = acknowledged.find(({ hash, height, blockHash }) => !inBlocks.has(`${height} ${blockHash} ${hash}`));
  if (lost !== undefined) return `transaction ${lost.hash} is not in block ${lost.height}, which was named`;
  const verified = await ledger.verify();
  return verified.ok ? undefined : verified.problem;
}

function hashOf(bytes: Uint8Array): string {
  const tx = decodeTransaction(bytes);
  return tx === undefined ? 'malformed' : transactionHash(tx);
}
