/** Who takes part in the demonstration: roles, classes, shard sizes and encoders, all a function of the number of participants and the seed. */
import { InputError } from '../core/errors.js';
import type { ShardRequest } from '../data/shards.js';
import { permutation } from '../participant/draw.js';
import type { ParticipantRole } from './result.js';

/** One part in the roster. */
export interface RosterEntry extends ShardRequest {
  readonly name: string;
  readonly role: ParticipantRole;
  readonly description: string;
  /** Index of the participant that a copy returns the responses of. */
  readonly copyOf?: number;
  /** Hidden units of its encoder; 0 for free riders, which have none. */
  readonly hidden: number;
  readonly activation: 'relu' | 'tanh';
}

/** Fewest participants: a generalist, a specialist and the one that answers noise. */
export const MINIMUM_ROSTER = 3;

const ROSTER_STREAM = 101;

/** Hidden units of the encoders: participants differ in means, or there would be little to rank. */
const GENERALIST_HIDDEN = [64, 48, 32, 24, 16] as const;
const SPECIALIST_HIDDEN = [16, 12, 10, 8, 6, 5, 4] as const;

/** Sizes of the largest shards. */
export interface RosterOptions {
  readonly participants: number;
  readonly classes: number;
  /** Samples of the best-supplied generalist; the scarce one has a tenth. */
  readonly largestShard: number;
  readonly seed: number;
}

/** Participants that are built to be odd; a small network has the first of these. */
const ODD: readonly ParticipantRole[] = ['noise', 'scarce', 'shuffled', 'copy'];

/**
 * Builds the roster: one scarce, one shuffled, one noise and one copy (of the first generalist); of the rest two fifths generalists and three fifths specialists. Fewer
 * than six participants are a generalist, a specialist, and as many of the odd ones as there are places: noise first, then scarce, then shuffled.
 *
 * @throws InputError BTM_DOMAIN naming `participants`
 */
export function buildRoster({ participants, classes, largestShard, seed }: RosterOptions): RosterEntry[] {
  if (participants < MINIMUM_ROSTER) {
    throw new InputError('BTM_DOMAIN', `must be at least ${MINIMUM_ROSTER}, got ${participants}`, {
      argument: 'participants',
      value: participants,
    });
  }
  const all = Array.from({ length: classes }, (_, c) => c);
  const kept = ODD.slice(0, participants - 2);
  const rest = participants - kept.length;
  const generalists = Math.max(1, Math.round(0.4 * rest));
  return [
    ...generalistsOf(generalists, all, largestShard),
    ...specialistsOf(rest - generalists, classes, largestShard, permutation(seed, [ROSTER_STREAM], classes)),
    ...oddOnes(all, largestShard).filter(({ role }) => kept.includes(role)),
  ];
}

function generalistsOf(count: number, all: readonly number[], largestShard: number): RosterEntry[] {
  return Array.from({ length: count }, (_, k) => {
    const samples = Math.round(largestShard * (1 - (0.5 * k) / count));
    const hidden = GENERALIST_HIDDEN[k % GENERALIST_HIDDEN.length];
    return member('generalist', k, all, samples, hidden, k % 2 === 0 ? 'relu' : 'tanh', `all ${all.length} classes, ${samples} samples`);
  });
}

/** Two and three classes in turn, in an order drawn from the seed. */
function specialistsOf(count: number, classes: number, largestShard: number, order: Uint32Array): RosterEntry[] {
  let next = 0;
  return Array.from({ length: count }, (_, k) => {
    const own = Array.from({ length: Math.min(classes, 2 + (k % 2)) }, () => order[next++ % classes]).sort((a, b) => a - b);
    const samples = Math.round(largestShard * 0.3 * own.length * 0.5);
    const hidden = SPECIALIST_HIDDEN[k % SPECIALIST_HIDDEN.length];
    const text = `classes ${own.join(', ')} only, ${samples} samples`;
    return member('specialist', k, own, samples, hidden, k % 2 === 0 ? 'tanh' : 'relu', text);
  });
}

function oddOnes(all: readonly number[], largestShard: number): RosterEntry[] {
  const [tenth, half, quarter] = [10, 2, 4].map((part) => Math.round(largestShard / part));
  const scarce = `all ${all.length} classes, a tenth of generalist-0's data: ${tenth} samples`;
  return [
    member('scarce', 0, all, tenth, 32, 'relu', scarce),
    member('shuffled', 0, all, half, 32, 'relu', `${half} samples whose labels are shuffled among themselves`),
    member('noise', 0, all, quarter, 0, 'relu', 'free rider: answers fresh noise to every query'),
    { ...member('copy', 0, all, quarter, 0, 'relu', 'free rider: answers exactly what generalist-0 answers'), copyOf: 0 },
  ];
}

function member(
  role: ParticipantRole,
  number: number,
  classes: readonly number[],
  samples: number,
  hidden: number,
  activation: RosterEntry['activation'],
  description: string,
): RosterEntry {
  return { name: `${role}-${number}`, role, classes, samples, hidden, activation, description };
}
