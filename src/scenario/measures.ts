/** What a strategy brought, against the honest twin on the same seed. */
import { correlations } from '../ranking.js';
import type { Play } from './game-table.js';
import { type PlayOptions, playScenario } from './play.js';
import { honest } from './strategies.js';
import type { World } from './world.js';

/** A scenario beside its honest twin: same world, same stake, same defences, all honest. */
export interface Comparison {
  readonly play: Play;
  readonly twin: Play;
  /** Share of all stake that the coalition holds at the end, and in the twin. */
  readonly share: number;
  readonly twinShare: number;
  /** Payoff of the coalition in tokens, minted - alpha loss over all blocks (10), and in the twin. */
  readonly payoff: number;
  readonly twinPayoff: number;
  /** (payoff - twinPayoff) / tokens minted to the coalition in the twin: what lying adds, as a part of honest income. */
  readonly gain: number;
  /** First block after which the coalition holds more than half of all stake, or null. */
  readonly majorityBlock: number | null;
  /** Loss of the honest players over theirs in the twin, minus 1. */
  readonly harm: number;
  /** Spearman of the last ranking with ablation, and with ablation normalised by row (fact 5); null where undefined. */
  readonly spearman: number | null;
  readonly spearmanByRow: number | null;
  readonly twinSpearmanByRow: number | null;
}

/** Exact ablation as (2) adds it, and normalised by row as (4) adds it, [players] each. */
export function truths(world: World): { readonly ablation: Float64Array; readonly ablationByRow: Float64Array } {
  const { players: n, scores } = world;
  const ablation = new Float64Array(n);
  const ablationByRow = new Float64Array(n);
  for (let p = 0; p < n; p++) {
    const row = scores.subarray(p * n, (p + 1) * n);
    const sum = row.reduce((total, score) => total + score, 0);
    for (const [j, score] of row.entries()) {
      ablation[j]! += score / n;
      ablationByRow[j]! += sum > 0 ? score / sum / n : 0;
    }
  }
  return { ablation, ablationByRow };
}

/** The honest twin of a scenario. Strategies share it, so a map plays it once for each world, stake and defence. */
export function playTwin(options: PlayOptions): Play {
  return playScenario({ ...options, strategy: honest });
}

/** What a play brought to the coalition and to the others, before losses are priced. */
export interface Outcome {
  /** Tokens minted to the coalition, and its loss, over all blocks. */
  readonly minted: number;
  readonly loss: number;
  /** Loss of the others over all blocks. */
  readonly othersLoss: number;
  /** Share of all stake that the coalition holds at the end. */
  readonly share: number;
}

/** Reads a play from the coalition's side. */
export function outcomeOf(play: Play, world: World, coalition: readonly number[]): Outcome {
  const inside = new Set(coalition);
  const of = (values: Float64Array, wanted: boolean): number =>
    values.reduce((sum, value, player) => sum + (inside.has(player) === wanted ? value : 0), 0);
  return {
    minted: of(play.minted, true),
    loss: of(play.loss, true),
    othersLoss: of(play.loss, false),
    share: shareAt(play, world.players, inside, play.stake.length / world.players - 1),
  };
}

/** Payoff of the coalition in tokens, minted - alpha loss (10). */
export const payoffOf = ({ minted, loss }: Pick<Outcome, 'minted' | 'loss'>, alpha: number): number => minted - alpha * loss;

/** What lying adds to the payoff, as a part of honest income; 0 where the twin has none. */
export function gainOf(outcome: Pick<Outcome, 'minted' | 'loss'>, twin: Pick<Outcome, 'minted' | 'loss'>, alpha: number): number {
  return twin.minted > 0 ? (payoffOf(outcome, alpha) - payoffOf(twin, alpha)) / twin.minted : 0;
}

/** Loss of the others over theirs in the twin, minus 1; 0 where they have none. */
export const harmOf = (outcome: Outcome, twin: Outcome): number => (twin.othersLoss > 0 ? outcome.othersLoss / twin.othersLoss - 1 : 0);

/**
 * Plays a scenario and its honest twin, and measures what the strategy brought.
 *
 * @param options - those of {@link playScenario}; `twin` where it was played before.
 */
export function compareWithTwin(options: PlayOptions & { readonly twin?: Play }): Comparison {
  const { world, coalition, alpha } = options;
  const play = playScenario(options);
  const twin = options.twin ?? playTwin(options);
  const [outcome, honestOutcome] = [outcomeOf(play, world, coalition), outcomeOf(twin, world, coalition)];
  const { ablation, ablationByRow } = truths(world);
  return {
    play,
    twin,
    share: outcome.share,
    twinShare: honestOutcome.share,
    payoff: payoffOf(outcome, alpha),
    twinPayoff: payoffOf(honestOutcome, alpha),
    gain: gainOf(outcome, honestOutcome, alpha),
    majorityBlock: firstMajority(play, world.players, new Set(coalition)),
    harm: harmOf(outcome, honestOutcome),
    spearman: correlations(ablation, play.ranking).spearman.value,
    spearmanByRow: correlations(ablationByRow, play.ranking).spearman.value,
    twinSpearmanByRow: correlations(ablationByRow, twin.ranking).spearman.value,
  };
}

function shareAt({ stake }: Play, players: number, inside: ReadonlySet<number>, block: number): number {
  const row = stake.subarray(block * players, (block + 1) * players);
  let own = 0;
  let total = 0;
  for (const [player, value] of row.entries()) {
    total += value;
    if (inside.has(player)) own += value;
  }
  return total > 0 ? own / total : 0;
}

function firstMajority(play: Play, players: number, inside: ReadonlySet<number>): number | null {
  const blocks = play.stake.length / players - 1;
  for (let block = 0; block <= blocks; block++) if (shareAt(play, players, inside, block) > 0.5) return block;
  return null;
}
