/** The ledger of a run as plain data: block by block, and as it stands. */
import { type Ledger, ROW_PARTS, TOKEN } from '../ledger/index.js';
import type { PeerKey } from '../network/index.js';
import type { Refusal } from './open-block.js';
import type { ParticipantResult } from './protocol.js';

/** One block of the ledger. */
export interface BlockRecord {
  readonly height: number;
  /** Training rounds done when the block was closed. */
  readonly round: number;
  /** Ranking (5) by stake and weights, normalised to sum 1. */
  readonly ranking: readonly number[];
  /** Stake after the block, in tokens. */
  readonly stake: readonly number[];
  /** Tokens minted by the block. */
  readonly minted: number;
  readonly accepted: number;
  readonly refused: readonly { readonly participant: string; readonly code: string }[];
}

/** What a run left behind. */
export interface RunRecord<Result extends ParticipantResult = ParticipantResult> {
  /** By participant; null for one that did not finish. */
  readonly results: readonly (Result | null)[];
  readonly blocks: readonly BlockRecord[];
  /** Final rows on the ledger, `[rater][ranked]`, flat. */
  readonly weights: Float64Array;
  /** Tokens. */
  readonly stake: Float64Array;
  /** Ranking (5) of the last block, tokens. */
  readonly ledgerRanking: Float64Array;
  /** Replayed from its genesis, every byte agrees. */
  readonly chainVerified: boolean;
}

/** The block that was closed last; ranking and stake in the order of the names. */
export function describeBlock(
  ledger: Ledger,
  names: ReadonlyMap<PeerKey, string>,
  round: number,
  refused: readonly Refusal[],
): BlockRecord {
  const ranking = ledger.ranking();
  const total = ranking?.ranking.reduce((sum, r) => sum + r, 0) ?? 0;
  const byKey = new Map(ranking?.keys.map((key, at) => [key, ranking.ranking[at]]));
  const state = ledger.state();
  return {
    height: ledger.height,
    round,
    ranking: ranking === undefined ? [] : [...names.keys()].map((key) => (byKey.get(key) ?? 0) / total),
    stake: [...names.keys()].map((key) => Number(state.stake(key)) / Number(TOKEN)),
    minted: Number(ranking?.minted ?? 0n) / Number(TOKEN),
    accepted: state.participants().filter((participant) => participant.lastSet === ledger.height).length,
    refused: refused.map(({ key, code }) => ({ participant: names.get(key) ?? key, code })),
  };
}

/** The ledger as it stands. */
export async function describeLedger(ledger: Ledger): Promise<Pick<RunRecord, 'weights' | 'stake' | 'ledgerRanking' | 'chainVerified'>> {
  const state = ledger.state();
  const { keys, parts } = state.weights();
  return {
    weights: Float64Array.from(parts, (part) => part / ROW_PARTS),
    stake: Float64Array.from(keys, (key) => Number(state.stake(key)) / Number(TOKEN)),
    ledgerRanking: ledger.ranking()?.ranking ?? new Float64Array(keys.length),
    chainVerified: (await ledger.verify()).ok,
  };
}
