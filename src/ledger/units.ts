/** The ledger's integer units. No floating point enters a state transition (docs/concepts/ledger.md). */

/** Parts in a whole row of weights: a row sums to exactly this. */
export const ROW_PARTS = 1_000_000_000;

/** Base units of stake in one token. */
export const TOKEN = 1_000_000_000n;

/** The supply never passes this, so that every amount fits in 63 bits and every share in 128. */
export const MAXIMUM_SUPPLY = (1n << 63n) - 1n;

/** Rows, stakes and accounts are kept, copied and hashed in pages of this many slots. */
export const PAGE = 64;

/** Marks "no slot" and "no account" in 32-bit columns. */
export const NONE = 0xffff_ffff;
