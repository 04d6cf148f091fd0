/** The values of a scenario: what a player sees and does (strategy), what the network does about it (defence), and where both meet. */

/** What the answers of one identity are, relative to the honest answers f_0 .. f_{n-1} of the players. */
export interface Answer {
  /** Player whose function is answered with. */
  readonly source: number;
  /** Factor on it: 1 is the whole answer, 1/k a part of it, 0 no answer. */
  readonly share: number;
  /** What is sent where the share is 0, between real participants; the empirical game cannot tell them apart. Default 'zeros'. */
  readonly instead?: 'zeros' | 'constant' | 'random' | 'nan';
}

/** One identity that a player holds in the network. */
export interface Identity {
  /** Part of the player's stake, in [0, 1]; the parts of one player sum to 1. */
  readonly stakeShare: number;
  readonly answer: Answer;
}

/** What a player knows when it comes into the network. */
export interface Entry {
  /** Number of the player, and how many there are. */
  readonly player: number;
  readonly players: number;
  /** Players of the same coalition, this one included. */
  readonly allies: readonly number[];
  /** Mean honest score of every player's function, [players]: what copying it would be worth. */
  readonly worth: Float64Array;
}

/** What an identity sees in one block, before it writes its row. */
export interface Sight {
  readonly block: number;
  /** Number of this identity, and how many there are. */
  readonly self: number;
  readonly identities: number;
  /** Identities of the same coalition, this one included. */
  readonly allies: readonly number[];
  /** [identities]: its own measured scores, normalised to sum 1 (3). An honest row is this. */
  readonly measured: Float64Array;
  /** [identities, identities]: the rows on the ledger `lag` blocks ago; lag 1 is the block before. */
  rows(lag: number): Float64Array;
  /** [identities]: stake at the beginning of the block. */
  readonly stake: Float64Array;
}

/**
 * A way to play. Everything but the name and the row is optional; a strategy without them enters once, answers honestly and keeps its stake.
 *
 * @typeParam M - Memory of one identity, made by `begin` and passed to `row`.
 */
export interface Strategy<M = unknown> {
  readonly name: string;
  /** The identities that the player comes with. Default: one, which answers honestly. */
  enter?(entry: Entry): readonly Identity[];
  begin?(): M;
  /** Its rows, and those that it sways, depend on nothing but what was measured: they are the same in every block. */
  readonly steady?: boolean;
  /** Labels that a real participant trains and measures on, from its true ones; the empirical game has no labels. */
  teach?(labels: Int32Array, classes: number): Int32Array;
  /** The row that this identity asks the ledger to record: non-negative, normalised afterwards. */
  row(sight: Sight, memory: M): ArrayLike<number>;
  /** What becomes of the row of somebody outside the coalition: bribes. `sight` is that identity's, `allies` the coalition's. */
  sway?(row: Float64Array, sight: Sight, allies: readonly number[]): Float64Array;
}

/**
 * Where a defence works: rows as they are recorded, rows as they count, stake as it counts, the shift of the mask, and stake itself. What is a number is applied before the
 * function of the same step.
 */
export interface Defence {
  readonly name: string;
  /** The row that is recorded when `proposed` is asked for and `current` stands, [identities]. */
  record?(current: Float64Array, proposed: Float64Array): Float64Array;
  /** The rows that ranking and mask read, [n, n], from the rows on record. */
  weigh?(rows: Float64Array, rating: Float64Array, n: number): Float64Array;
  /** `weigh` depends on the rows and on who rates at all, not on how much stake anybody has. */
  readonly weighsOnce?: boolean;
  /** Stake beyond this part of all does not rate. */
  readonly ratingShare?: number;
  /** The stake that rates others, [n]. */
  rate?(stake: Float64Array): Float64Array;
  /** What mu of (7) divides by: raters with at least `least` times the mean stake, or their effective number. The paper divides by all identities. */
  readonly shiftOver?: { readonly rule: 'staked'; readonly least: number } | { readonly rule: 'effective' };
  /** mu of (7), [n], with stake in units of a player's mean. */
  shift?(rows: Float64Array, rating: Float64Array, n: number): Float64Array;
  /** Part of all stake that is burnt after every block. */
  readonly burns?: number;
  /** Stake after the block's inflation, [n]. */
  settle?(stake: Float64Array): Float64Array;
  /** Raters score identities that answer the same as one, and share its score out by what each carries. */
  readonly quotient?: boolean;
  /** The largest factor on an answer that others take in; louder answers are scaled down to it. */
  readonly loudest?: number;
  /** What an identity pays to come in, in units of the mean first stake of a player. */
  readonly entryCost?: number;
}
