/**
 * What the ledger answers to a transaction: `ok`, or the first guard that refused it.
 * The list is closed and its codes never change meaning. The order of the guards of each kind is the
 * contract (guards.ts) and is tested pair by pair.
 */
export const CODES = {
  ok: 'accepted',
  malformed: 'a field is missing, has the wrong type or is out of its range',
  wrong_chain: 'made for another ledger: the chain id differs',
  bad_signature: 'the signature does not cover this transaction under the sender key',
  unknown_sender: 'the sender key has no account',
  replayed: 'the nonce was used before',
  nonce_gap: 'the nonce is ahead of the next one of this account',
  not_authority: 'only the declared authority may do this',
  not_registered: 'the sender is not a participant',
  already_registered: 'the sender is a participant already',
  commit_required: 'this ledger takes rows by commit and reveal',
  commit_disabled: 'this ledger takes rows openly',
  below_minimum_stake: 'the bonded stake is below the minimum',
  rate_limited: 'the row was changed too few blocks ago',
  commit_pending: 'a commitment is open and has not expired',
  no_commitment: 'there is nothing to reveal',
  reveal_early: 'the reveal comes before its delay has passed',
  reveal_late: 'the reveal comes after its window has closed',
  reveal_mismatch: 'the row and salt do not hash to the commitment',
  stale_members: 'the dense row was made for another list of participants',
  too_many_targets: 'the row names more participants than allowed',
  duplicate_target: 'the row names a participant twice',
  unknown_target: 'the row names a key that is not a participant',
  row_sum: 'the row does not sum to exactly 1,000,000,000',
  weight_above_maximum: 'one weight is above the maximum',
  step_too_large: 'the row moves further than epsilon in the l2 norm',
  self_transfer: 'sender and receiver are the same',
  insufficient_balance: 'the liquid balance is too small',
  insufficient_stake: 'the bonded stake is too small',
  full: 'all places are taken and no participant may be pruned yet',
  key_in_use: 'the new key has an account already',
  bad_new_signature: 'the new key did not sign the rotation',
  parameter_out_of_range: 'the parameters that would result are not allowed',
} as const;

/** `ok` or the name of the guard that refused. */
export type Code = keyof typeof CODES;
