/** The ledger of a run as plain data: block by block, and as it stands. */
import { type Ledger, ROW_PARTS, TOKEN } from '../../ledger/index.js';
import type { PeerKey } from '../../network/index.js';
import type { DemoBlock } from '../demo/result.js';
import type { Refusal } from './keeper.js';
import type { LifeResult } from './messages.js';

/** What a run left behind. */
export interface Lived<Result extends LifeResult = LifeResult> {
  /** By participant; null for one that did not finish. */
  readonly results: readonly (Result | null)[];
  readonly blocks: readonly DemoBlock[];
  /** Final rows on the ledger, `[rater][ranked]`, flat. */
  readonly weights: Float64Array;
  /** Tokens. */
  readonly stake: Float64Array;
  /** Ranking (5) of the last block, tokens. */
  readonly ledgerRanking: Float64Array;
  /** Replayed from its genesis, every byte agrees. */
  readonly chainVerified: boolean;
}

/** The block that was closed last. */
export function describeBlock(ledger: Ledger, names: ReadonlyMap<PeerKey, string>, round: number, refused: readonly Refusal[]): DemoBlock {
  const ranking = ledger.ranking();
  const total = ranking?.ranking.reduce((sum, r) => sum + r, 0) ?? 0;
  const state = ledger.state();
  return {
    height: ledger.height,
    round,
    ranking: Array.from(ranking?.ranking ?? [], (r) => r / total),
    stake: [...names.keys()].map((key) => Number(state.stake(key)) / Number(TOKEN)),
    minted: Number(ranking?.minted ?? 0n) / Number(TOKEN),
    accepted: state.participants().filter((participant) => participant.lastSet === ledger.height).length,
    refused: refused.map(({ key, code }) => ({ participant: names.get(key) ?? key, code })),
  };
}

/** The ledger as it stands. */
export async function describeLedger(ledger: Ledger): Promise<Pick<Lived, 'weights' | 'stake' | 'ledgerRanking' | 'chainVerified'>> {
  const state = ledger.state();
  const { keys, parts } = state.weights();
  return {
    weights: Float64Array.from(parts, (part) => part / ROW_PARTS),
    stake: Float64Array.from(keys, (key) => Number(state.stake(key)) / Number(TOKEN)),
    ledgerRanking: ledger.ranking()?.ranking ?? new Float64Array(keys.length),
    chainVerified: (await ledger.verify()).ok,
  };
}
