/** Who may do what in which phase of a run: the one table that every message to the coordinator passes. */
import type { PeerKey, RefusalReason } from '../network/index.js';
import { CALL } from './protocol.js';

/** Before all have arrived for the first time; while rounds are under way; when all that trained have left. */
export type CoordinatorPhase = 'gathering' | 'running' | 'over';

/** A call of the coordinator. */
export type CallName = (typeof CALL)[keyof typeof CALL];

/** What one kind of message is allowed. */
export interface Rule {
  /** `participant`: registered on the ledger. */
  readonly who: 'anyone' | 'participant';
  readonly phases: readonly CoordinatorPhase[];
  /** Largest message. */
  readonly bytes: number;
  /** Messages of one sender between two blocks; each that is kept costs memory until then. */
  readonly perBlock: number;
}

const ALWAYS: readonly CoordinatorPhase[] = ['gathering', 'running', 'over'];
const READING: Rule = { who: 'anyone', phases: ALWAYS, bytes: 16, perBlock: Number.POSITIVE_INFINITY };

/** Every call, in the order in which a participant makes them. */
export const RULES: Readonly<Record<CallName, Rule>> = {
  [CALL.genesis]: READING,
  [CALL.head]: READING,
  [CALL.block]: READING,
  [CALL.hello]: { who: 'participant', phases: ALWAYS, bytes: 512, perBlock: 1024 },
  [CALL.submit]: { who: 'participant', phases: ['gathering', 'running'], bytes: 64 * 1024, perBlock: 64 },
  [CALL.barrier]: { who: 'participant', phases: ['gathering', 'running'], bytes: 256, perBlock: Number.POSITIVE_INFINITY },
  [CALL.rejoin]: { who: 'participant', phases: ALWAYS, bytes: 128, perBlock: Number.POSITIVE_INFINITY },
  [CALL.progress]: { who: 'participant', phases: ALWAYS, bytes: 512, perBlock: 4096 },
  [CALL.result]: { who: 'participant', phases: ['running', 'over'], bytes: 8 * 1024 * 1024, perBlock: 4 },
};

/** What a rule is applied to. */
export interface Sender {
  readonly key: PeerKey;
  readonly participant: boolean;
  /** Messages of this kind since the last block, this one not counted. */
  readonly sent: number;
}

/** Why a message is not acted on, or null. The order is the contract: who, when, how large, how often. */
export function refusedByRule(call: CallName, phase: CoordinatorPhase, bytes: number, sender: Sender): RefusalReason | null {
  const rule = RULES[call];
  if (rule.who === 'participant' && !sender.participant) return 'noStake';
  if (!rule.phases.includes(phase)) return 'phase';
  if (bytes > rule.bytes) return 'oversize';
  if (sender.sent >= rule.perBlock) return 'quota';
  return null;
}
