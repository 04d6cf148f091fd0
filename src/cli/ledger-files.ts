/** Files of `intermodel ledger`: keys, genesis and actions. JSON, with amounts as decimal strings of base units. */
import { z } from 'zod';
import { InputError } from '../core/errors.js';
import { parseJson, readUserJson } from '../core/user-files.js';
import { amountField, genesisFile, parametersField } from '../ledger/genesis-file.js';
import { type Action, createKey, type Genesis, type SigningKey } from '../ledger/index.js';

const key = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits');
const keyFile = z.object({ seed: key });

function checked<T>(path: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const field = issue?.path.join('.') ?? '';
  throw new InputError('BTM_TYPE', `does not fit: ${issue?.message ?? 'wrong value'}`, {
    argument: field === '' ? path : `${path}: ${field}`,
  });
}

export async function readGenesis(path: string): Promise<Genesis> {
  return checked(path, genesisFile, await readUserJson(path));
}

export async function readKey(path: string): Promise<SigningKey> {
  return createKey(Uint8Array.from(Buffer.from(checked(path, keyFile, await readUserJson(path)).seed, 'hex')));
}

/** An action given as JSON text, or as `@file`. What is wrong with its fields the ledger itself says, as the code `malformed`. */
export async function readAction(given: string): Promise<Action> {
  const value = given.startsWith('@') ? await readUserJson(given.slice(1)) : parseJson('action', given);
  const action = checked('action', z.looseObject({ kind: z.string() }), value) as Record<string, unknown>;
  for (const name of ['stake', 'amount'])
    if (action[name] !== undefined) action[name] = checked(`action.${name}`, amountField, action[name]);
  if (action['parameters'] !== undefined) action['parameters'] = checked('action.parameters', parametersField, action['parameters']);
  return action as Action;
}
