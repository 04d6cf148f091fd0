/** How the ledger of a run begins, and the keys of a run that follow from its seed. */

import { RandomStream } from '../core/random.js';
import { type Genesis, ROW_PARTS, rowToParts, sparseRow, TOKEN } from '../ledger/index.js';
import { createIdentity, type Identity, type PeerKey } from '../network/index.js';
import type { RunSettings } from './settings.js';

const KEY_STREAM = 8;
const COORDINATOR_STREAM = 88;

/** All participants have the same stake and rate all equally. */
export function genesisOf(keys: readonly PeerKey[], settings: RunSettings): Genesis {
  const row = sparseRow(rowToParts(new Float64Array(keys.length).fill(1)));
  return {
    parameters: {
      epsilon: Math.round(settings.stepBound * ROW_PARTS),
      tau: tokens(settings.tau),
      emission: settings.emission,
      ratingShare: Math.round(settings.ratingShare * ROW_PARTS),
      othersOnly: settings.othersOnly,
    },
    participants: keys.map((key) => ({ key, stake: tokens(settings.initialStake), row })),
  };
}

/** Key of a participant. It follows from the seed, so that a run can be repeated: anybody who knows the seed has it, so never use it for more. */
export function identityOf(seed: number, index: number): Identity {
  return identityFrom(seed, KEY_STREAM, index);
}

/** Key of the coordinator of the ledger; as public as the others. */
export function coordinatorIdentity(seed: number): Identity {
  return identityFrom(seed, COORDINATOR_STREAM, 0);
}

function identityFrom(seed: number, stream: number, index: number): Identity {
  const source = new RandomStream(seed, stream, index);
  return createIdentity(Uint8Array.from({ length: 32 }, () => source.integer(256)));
}

function tokens(amount: number): bigint {
  return BigInt(Math.round(amount * Number(TOKEN)));
}
