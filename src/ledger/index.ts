/** The ledger: signed transactions, exact integers, bounded rows, durable blocks. See docs/concepts/ledger.md. */
export type { Block } from './block.js';
export { CODES, type Code } from './codes.js';
export { commitmentHash, rotationBytes, transactionHash } from './encoding.js';
export type { Genesis, GenesisParticipant } from './genesis.js';
export { createKey, type SigningKey, signBytes, signTransaction } from './keys.js';
export type { Ledger, LedgerEvent, Receipt } from './ledger.js';
export { type OpenLedgerOptions, openLedger } from './open.js';
export { DEFAULT_PARAMETERS, type Emission, type Parameters } from './parameters.js';
export { type Processor, referenceProcessor } from './processor.js';
export type { Verification } from './replay.js';
export { boundedStep, type Row, rowToParts, sparseRow } from './rows.js';
export { memoryStore } from './store/memory.js';
export type { Store, StoredBlock } from './store/store.js';
export type { Action, DenseWeights, PublicKey, SparseWeights, Transaction, UnsignedTransaction, Weights } from './transaction.js';
export { ROW_PARTS, TOKEN } from './units.js';
export type { LedgerView, ParticipantView, RankingView, RowView, WeightsView } from './view.js';
