/** The ledger: signed transactions, exact integers, bounded rows, durable blocks. See docs/concepts/ledger.md. */
export { type Audit, auditRow, type PublishedRow } from './audit.js';
export type { Block } from './block.js';
export { CODES, type Code } from './codes.js';
export { commitmentHash, decodeTransaction, rotationBytes, transactionHash } from './encoding.js';
export { type BlockEvent, type LedgerEvent, type RejectedEvent, toJsonLine } from './events.js';
export {
  type ForkProof,
  forkProof,
  type HeadComparison,
  type HeadVerdict,
  isSignedHead,
  type SignedHead,
  signHead,
  verifyAgainstHead,
  verifyForkProof,
} from './fork.js';
export { decodeGenesis, encodeGenesis, type Genesis, type GenesisParticipant } from './genesis.js';
export { createKey, type SigningKey, signBytes, signTransaction } from './keys.js';
export type { Ledger } from './ledger.js';
export { type KernelPages, kernelPages, kernelProcessor, type LedgerKernels } from './native-processor.js';
export { type OpenLedgerOptions, openLedger } from './open.js';
export { DEFAULT_PARAMETERS, type Emission, type Parameters } from './parameters.js';
export { type Processor, referenceProcessor } from './processor.js';
export { type PageProof, type Proof, type Proven, verifyProof } from './proof.js';
export type { LedgerReader } from './reader.js';
export type { Receipt, Settled } from './receipt.js';
export { type Verification, type VerifyOptions, verifyStore } from './replay.js';
export { boundedStep, type Row, rowToParts, sparseRow } from './rows.js';
export { type EtcdOptions, etcdStore } from './store/etcd.js';
export { memoryStore } from './store/memory.js';
export { sqliteStore } from './store/sqlite.js';
export type { SqliteOptions } from './store/sqlite-file.js';
export type { Appended, Head, Loaded, NewBlock, Store, StoredBlock, StoredSnapshot } from './store/store.js';
export type { Action, DenseWeights, PublicKey, SparseWeights, Transaction, UnsignedTransaction, Weights } from './transaction.js';
export { ROW_PARTS, TOKEN } from './units.js';
export type { LedgerView, ParticipantView, RankingView, RowView, WeightsView } from './view.js';
