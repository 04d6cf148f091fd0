/** The world of a scenario: what every player's loss is, and so what an honest row says. Drawn by counter from named laws. */
import { InputError } from '../core/errors.js';
import { checkVector, type NumericArray } from '../core/validate.js';
import { type DrawName, drawHessian, type HessianLaw } from '../sweep/laws.js';
import { normalised } from './strategies.js';
import type { Identity } from './types.js';

export interface World {
  readonly players: number;
  /** [players, players, players]: H_p over the players' answers; undefined in a world of given rows, where no player has a loss. */
  readonly hessian: Float64Array | undefined;
  /** [players, players]: what removing player j costs player p, (H_p)_jj. */
  readonly scores: Float64Array;
  /** How the world was made, for figures. */
  readonly law: string;
}

/**
 * A world whose Hessians are drawn.
 *
 * @param law - law of the Hessians
 * @param name - seed, trial and number of players (n)
 */
export function drawWorld(law: HessianLaw, name: DrawName): World {
  const n = name.n;
  const drawn = drawHessian(law, name);
  const hessian = new Float64Array(n * n * n);
  const given = Float64Array.from(drawn.data);
  if (drawn.kind === 'diagonal') for (let p = 0; p < n; p++) for (let j = 0; j < n; j++) hessian[(p * n + j) * n + j] = given[p * n + j]!;
  else hessian.set(given);
  const scores = Float64Array.from({ length: n * n }, (_, at) => hessian[at * n + (at % n)]!);
  return { players: n, hessian, scores, law };
}

/** A world in which player p measures the given scores [players, players] and has no loss: for facts about the ledger alone. */
export function worldOfRows(scores: NumericArray, players: number): World {
  const checked = checkVector('scores', scores, players * players);
  const negative = checked.findIndex((score) => score < 0);
  if (negative >= 0) throw new InputError('BTM_NEGATIVE', 'must not be negative', { argument: 'scores', index: negative });
  return { players, hessian: undefined, scores: checked, law: 'given rows' };
}

/** One identity of the network, with the player that holds it. */
export interface Member extends Identity {
  readonly player: number;
}

/**
 * How much of its source's answer each identity carries after heads have adapted: identities that answer with the same source share
 * it, so that original and copy count half each (fact 4), and parts that sum to one stay parts.
 */
export function carriedShares(members: readonly Member[]): Float64Array {
  const total = new Map<number, number>();
  const count = new Map<number, number>();
  for (const { answer } of members) {
    if (answer.share === 0) continue;
    total.set(answer.source, (total.get(answer.source) ?? 0) + answer.share);
    count.set(answer.source, (count.get(answer.source) ?? 0) + 1);
  }
  return Float64Array.from(members, ({ answer }) => {
    const sum = total.get(answer.source) ?? 0;
    return (count.get(answer.source) ?? 0) > 1 && sum > 1 ? answer.share / sum : answer.share;
  });
}

/**
 * The honest row of every identity over all identities, [identities, identities]: scores of carried answers, normalised (3).
 *
 * @param quotient - score identities that answer with the same source as one answer, and share its score out by what each carries
 */
export function measuredRows(world: World, members: readonly Member[], quotient = false): Float64Array {
  const carried = carriedShares(members);
  const together = new Float64Array(world.players);
  for (const [j, { answer }] of members.entries()) together[answer.source]! += carried[j]!;
  const n = members.length;
  const rows = new Float64Array(n * n);
  for (const [i, rater] of members.entries()) {
    const row = Float64Array.from(members, ({ answer }, j) => {
      const beside = quotient ? together[answer.source]! : carried[j]!;
      return carried[j]! * beside * world.scores[rater.player * world.players + answer.source]!;
    });
    rows.set(normalised(row), i * n);
  }
  return rows;
}

/**
 * The loss of player p where identity i's inputs are open by mask[j], against the honest network with every input open:
 * u^T H_p u with u_s = sum of carried_j mask_j over the identities that answer with s, minus 1.
 */
export function lossOf(
  world: World,
  members: readonly Member[],
  carried: Float64Array,
  player: number,
  mask: Float64Array,
  at: number,
): number {
  return lossInto(new Float64Array(world.players), world, members, carried, player, mask, at);
}

/** {@link lossOf} that needs no memory: u [players] is overwritten. */
export function lossInto(
  u: Float64Array,
  world: World,
  members: readonly Member[],
  carried: Float64Array,
  player: number,
  mask: Float64Array,
  at: number,
): number {
  const { hessian, players: n } = world;
  if (hessian === undefined) return 0;
  u.fill(-1);
  for (let j = 0; j < members.length; j++) u[members[j]!.answer.source]! += carried[j]! * mask[at + j]!;
  let form = 0;
  for (let a = 0; a < n; a++) {
    const row = (player * n + a) * n;
    let inner = 0;
    for (let b = 0; b < n; b++) inner += hessian[row + b]! * u[b]!;
    form += u[a]! * inner;
  }
  return form;
}
