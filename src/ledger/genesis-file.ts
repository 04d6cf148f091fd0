/** A genesis as JSON. Amounts are decimal strings of base units, since they pass 2^53; small ones may be numbers. */
import { z } from 'zod';
import type { Genesis } from './genesis.js';
import type { Parameters } from './parameters.js';
import { rowToParts, sparseRow } from './rows.js';

const AMOUNTS = ['tau', 'tauGain', 'tauTarget', 'tauMinimum', 'tauMaximum', 'minimumStake', 'ratingCap'] as const;

const key = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits');

/** Base units. */
export const amountField = z
  .union([z.string().regex(/^\d+$/), z.int().min(0)], { error: 'must be a whole number of base units, or its digits as a string' })
  .transform((value) => BigInt(value));

/** Rules that differ from the defaults. What they may be the ledger itself checks. */
export const parametersField = z
  .looseObject(Object.fromEntries(AMOUNTS.map((name) => [name, amountField.optional()])))
  .transform((given) => given as Partial<Parameters>);

const file = z.strictObject({
  note: z.string().default(''),
  parameters: parametersField.default({}),
  participants: z
    .array(z.strictObject({ key, stake: amountField, balance: amountField.default(0n), endpoint: z.string().default('') }))
    .default([]),
  accounts: z.array(z.strictObject({ key, balance: amountField })).default([]),
  /** First rows: every participant wholly on itself, or all rated equally by all. */
  rows: z.enum(['own', 'equal']).default('own'),
});

/** The file of `intermodel ledger init`, as the ledger takes it. */
export const genesisFile = file.transform(({ rows, participants, ...rest }): Genesis => {
  if (rows === 'own' || participants.length === 0) return { ...rest, participants };
  const row = sparseRow(rowToParts(new Float64Array(participants.length).fill(1)));
  return { ...rest, participants: participants.map((participant) => ({ ...participant, row })) };
});
