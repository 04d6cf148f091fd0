/** The configuration file of `intermodel peer`: one participant of a network of processes. */
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { EnvironmentError, InputError } from '../../core/errors.js';
import { resolveSettings } from '../settings.js';

const key = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits');
const multiaddrs = z.array(z.string().startsWith('/')).max(16);

const schema = z.strictObject({
  formatVersion: z.literal(1),
  /** Which part of the cast this process plays: its position in the genesis of the ledger. */
  index: z.int().min(0).max(255),
  /** Seed of the run: shards, initial weights and the order of samples follow from it. */
  seed: z.int().min(0),
  /** The 32-byte private seed of its key, hexadecimal. Keep the file to yourself. */
  identity: key,
  /** Multiaddrs to listen on. */
  listen: multiaddrs.default(['/ip4/127.0.0.1/tcp/0']),
  /** Who keeps the ledger, and where it can be reached. */
  sequencer: z.strictObject({ key, addresses: multiaddrs.min(1) }),
  /** How numbers travel. */
  wire: z.enum(['f32', 'f16', 'int8']).default('f32'),
  tensorflow: z.enum(['auto', 'tfjs-node', 'tfjs-wasm']).default('auto'),
  backend: z
    .strictObject({ kind: z.enum(['native', 'reference']), isa: z.enum(['scalar', 'avx2', 'avx512', 'neon']).optional() })
    .default({ kind: 'native' }),
  /** Settings of the demonstration, as `intermodel demo` prints them; all participants of a run need the same. */
  settings: z.record(z.string(), z.union([z.number(), z.string()])).default({}),
});

/** A configuration that was checked. */
export type PeerConfig = Omit<z.infer<typeof schema>, 'settings'> & { readonly settings: ReturnType<typeof resolveSettings> };

/**
 * Checks a configuration.
 *
 * @throws InputError BTM_DOMAIN naming the field
 */
export function parsePeerConfig(value: unknown): PeerConfig {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new InputError('BTM_DOMAIN', `is not a valid configuration: ${issue.message}`, {
      argument: ['config', ...issue.path].join('.'),
      remedy: 'See docs/concepts/network.md for a whole example.',
    });
  }
  const settings = resolveSettings(parsed.data.settings);
  if (parsed.data.index >= settings.participants) {
    throw new InputError('BTM_DOMAIN', `must be below the number of participants, ${settings.participants}`, {
      argument: 'config.index',
      value: parsed.data.index,
    });
  }
  return { ...parsed.data, settings };
}

/** Reads and checks a configuration file. */
export async function readPeerConfig(path: string): Promise<PeerConfig> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw new EnvironmentError('BTM_IO', `cannot read ${path}`, [{ what: path, reason: (error as Error).message }], ['check the path']);
  }
  try {
    return parsePeerConfig(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError) throw new InputError('BTM_TYPE', `is not JSON: ${error.message}`, { argument: path });
    throw error;
  }
}
