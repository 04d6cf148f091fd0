/** Files of `intermodel ledger`: keys, genesis, actions and exports. JSON, with amounts as decimal strings of base units. */
import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { EnvironmentError, InputError } from '../core/errors.js';
import { amountField, genesisFile, parametersField } from '../ledger/genesis-file.js';
import { type Action, createKey, type Genesis, type SigningKey } from '../ledger/index.js';

const key = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 hexadecimal digits');
const keyFile = z.object({ seed: key });

async function readJson(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new EnvironmentError('BTM_IO', `${path} cannot be read (${(error as Error).message})`);
  }
  return parse(path, text);
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError('BTM_TYPE', `is not JSON (${(error as Error).message})`, { argument: path });
  }
}

function checked<T>(path: string, schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new InputError('BTM_TYPE', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'does not fit'}`, { argument: path });
}

export async function readGenesis(path: string): Promise<Genesis> {
  return checked(path, genesisFile, await readJson(path));
}

export async function readKey(path: string): Promise<SigningKey> {
  return createKey(Uint8Array.from(Buffer.from(checked(path, keyFile, await readJson(path)).seed, 'hex')));
}

/** Writes a key where only its owner can read it; never over another file. */
export async function writeKey(path: string, signing: SigningKey): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(signing, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    throw new EnvironmentError(
      'BTM_IO',
      `${path} cannot be written (${(error as Error).message})`,
      [],
      ['Choose a path where there is no file yet.'],
    );
  }
}

/** An action given as JSON text, or as `@file`. What is wrong with its fields the ledger itself says, as the code `malformed`. */
export async function readAction(given: string): Promise<Action> {
  const value = given.startsWith('@') ? await readJson(given.slice(1)) : parse('action', given);
  const action = checked('action', z.looseObject({ kind: z.string() }), value) as Record<string, unknown>;
  for (const name of ['stake', 'amount'])
    if (action[name] !== undefined) action[name] = checked(`action.${name}`, amountField, action[name]);
  if (action['parameters'] !== undefined) action['parameters'] = checked('action.parameters', parametersField, action['parameters']);
  return action as Action;
}

/** JSON text with amounts as strings and typed arrays as lists. */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (_, entry) => {
    if (typeof entry === 'bigint') return entry.toString();
    return ArrayBuffer.isView(entry) ? Array.from(entry as Uint32Array) : entry;
  });
}
