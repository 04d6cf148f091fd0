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

/** Fewest participants that hold every role once. */
export const MINIMUM_ROSTER = 6;

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

/**
 * Builds the roster: one shuffled, one noise, one copy (of the first generalist), one scarce; of the rest two fifths generalists and three fifths specialists.
 */
export function buildRoster(options: RosterOptions): RosterEntry[] {
  const { participants, classes, largestShard, seed } = options;
  if (participants < MINIMUM_ROSTER) {
    throw new InputError('BTM_DOMAIN', `must be at least ${MINIMUM_ROSTER}, so that every role is played, got ${participants}`, {
      argument: 'participants',
      value: participants,
    });
  }
  const all = Array.from({ length: classes }, (_, c) => c);
  const members: RosterEntry[] = [];
  const rest = participants - 4;
  const generalists = Math.max(1, Math.round(0.4 * rest));
  for (let k = 0; k < generalists; k++) {
    const samples = Math.round(largestShard * (1 - (0.5 * k) / generalists));
    const hidden = GENERALIST_HIDDEN[k % GENERALIST_HIDDEN.length];
    members.push(
      member('generalist', k, all, samples, hidden, k % 2 === 0 ? 'relu' : 'tanh', `all ${classes} classes, ${samples} samples`),
    );
  }
  const order = permutation(seed, [ROSTER_STREAM], classes);
  for (let k = 0, next = 0; k < rest - generalists; k++) {
    const own = Array.from({ length: Math.min(classes, 2 + (k % 2)) }, () => order[next++ % classes]).sort((a, b) => a - b);
    const samples = Math.round(largestShard * 0.3 * own.length * 0.5);
    members.push(
      member(
        'specialist',
        k,
        own,
        samples,
        SPECIALIST_HIDDEN[k % SPECIALIST_HIDDEN.length],
        k % 2 === 0 ? 'tanh' : 'relu',
        `classes ${own.join(', ')} only, ${samples} samples`,
      ),
    );
  }
  const tenth = Math.round(largestShard / 10);
  members.push(member('scarce', 0, all, tenth, 32, 'relu', `all ${classes} classes, a tenth of generalist-0's data: ${tenth} samples`));
  const shuffled = Math.round(largestShard / 2);
  members.push(member('shuffled', 0, all, shuffled, 32, 'relu', `${shuffled} samples whose labels are shuffled among themselves`));
  const spare = Math.round(largestShard / 4);
  members.push(member('noise', 0, all, spare, 0, 'relu', 'free rider: answers fresh noise to every query'));
  members.push({ ...member('copy', 0, all, spare, 0, 'relu', 'free rider: answers exactly what generalist-0 answers'), copyOf: 0 });
  return members;
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
