/** The configuration file of `intermodel peer`: one participant of a network of processes. */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { BACKEND_KINDS, ISAS, WIRE_TYPES } from '../core/closed-lists.js';
import { InputError } from '../core/errors.js';
import { readUserJson } from '../core/user-files.js';
import { placeOfData } from '../run/named-data.js';
import { checkSettingName, resolveSettings } from '../run/settings.js';

const key = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hexadecimal digits');
const multiaddrs = z.array(z.string().startsWith('/', 'must be a multiaddr, for instance /ip4/127.0.0.1/tcp/4001')).max(16);

/** What every process of a network says of itself. */
export const processFields = {
  formatVersion: z.literal(1),
  /** The 32-byte private seed of its key, hexadecimal. Keep the file to yourself. */
  identity: key,
  /** How others are found beside the addresses that are written down; nothing by default. */
  discovery: z.strictObject({ bootstrap: multiaddrs.optional(), mdns: z.boolean().optional(), dht: z.boolean().optional() }).default({}),
};

/** Longest patience: about eleven days, well within what a timer can wait. */
const PATIENCE_MAX_S = 1_000_000;

/** Seconds. */
export const patienceField = z.number().positive().max(PATIENCE_MAX_S);

/** Multiaddrs to listen on. */
export const listenField = (standard: string) => multiaddrs.min(1).default([standard]);

const schema = z.strictObject({
  ...processFields,
  /** Seed of the run: shards, initial weights and the order of samples follow from it. */
  seed: z.int().min(0),
  listen: listenField('/ip4/127.0.0.1/tcp/0'),
  /** Where the others reach it, written on the ledger. Left out: where it listens, on this machine's addresses. */
  announce: multiaddrs.min(1).optional(),
  /** Who keeps the ledger, and where it can be reached; no address where it is to be discovered. */
  coordinator: z.strictObject({
    key,
    addresses: multiaddrs,
    /** Seconds that it is waited for while it does not answer: it may be being started, again. */
    patience_s: patienceField.default(60),
  }),
  /** How numbers travel. */
  wire: z.enum(WIRE_TYPES).default('f32'),
  backend: z.strictObject({ kind: z.enum(BACKEND_KINDS), isa: z.enum(ISAS).optional() }).default({ kind: 'native' }),
  /** Data of the roster: 'mnist', 'text', 'table', FILE.csv#COLUMN, or a folder of IDX files. Its position on the ledger says which part it plays. */
  data: z.string().min(1).default('mnist'),
  /** A module that exports a participant of your own, in place of the roster; see plugin.ts. */
  participant: z.string().min(1).optional(),
  /** Numbers per sample that all participants ask with; a participant of your own is checked against it. */
  inputWidth: z.int().min(1).optional(),
  /** Whether it distils itself for its peers, and keeps their students for when they are gone. */
  students: z.boolean().default(true),
  /** A file that keeps what it has learnt, so that it can be started again. */
  state: z.string().min(1).optional(),
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
  const parsed = checkConfig(schema, value);
  for (const name of Object.keys(parsed.settings)) checkSettingName(name, `config.settings.${name}`);
  return { ...parsed, settings: resolveSettings(parsed.settings) };
}

/** Reads and checks a configuration file; paths in it are relative to it. */
export async function readPeerConfig(path: string): Promise<PeerConfig> {
  const config = parsePeerConfig(await readUserJson(path));
  const { participant, state, data } = config;
  const here = dirname(path);
  return {
    ...config,
    data: placeOfData(data, here),
    ...(participant === undefined ? {} : { participant: resolve(here, participant) }),
    ...(state === undefined ? {} : { state: resolve(here, state) }),
  };
}

/** The value as the schema describes it. @throws InputError BTM_DOMAIN naming the field */
export function checkConfig<T extends z.ZodType>(kind: T, value: unknown, argument = 'config'): z.infer<T> {
  const parsed = kind.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new InputError('BTM_DOMAIN', `is not a valid configuration: ${issue.message}`, {
    argument: [argument, ...issue.path].join('.'),
    remedy: 'See docs/concepts/network.md for a whole example.',
  });
}
