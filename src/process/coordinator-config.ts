/** The configuration file of `intermodel ledger serve`: a coordinator of the ledger that stands alone. */
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { readUserJson } from '../core/user-files.js';
import { genesisFile } from '../ledger/genesis-file.js';
import type { Genesis } from '../ledger/index.js';
import { type RunSettings, resolveSettings } from '../run/settings.js';
import { checkConfig, listenField, patienceField, processFields } from './peer-config.js';

/** The store that is gone with the process. */
const IN_MEMORY = ':memory:';

const schema = z.strictObject({
  ...processFields,
  /** The participants need to know it beforehand, so the port is fixed. */
  listen: listenField('/ip4/127.0.0.1/tcp/4001'),
  /** An SQLite file that keeps the blocks; ':memory:' keeps them for as long as the process lives. */
  store: z.string().min(1),
  /** How the ledger begins: a genesis file, or what would stand in it. Left out: the store has one. */
  genesis: z.union([z.string().min(1), z.record(z.string(), z.unknown())], { error: 'must be a path or an object' }).optional(),
  /** Seconds that a round waits for those that have not come. */
  patience_s: patienceField.default(120),
  /** The same for the first round: seconds from the first participant that comes to the last that is waited for. */
  joinPatience_s: patienceField.default(600),
  /** The run that it keeps the ledger of: participants with other settings are refused, and blocks close where these say. Left out: it takes whatever all agree on. */
  run: z
    .strictObject({ seed: z.int().min(0), settings: z.record(z.string(), z.unknown()), inputWidth: z.int().min(1).optional() })
    .optional(),
  /** Whether it ends when all participants have delivered their results. */
  once: z.boolean().default(false),
});

/** A configuration that was checked; its genesis was read. */
export type CoordinatorConfig = Omit<z.infer<typeof schema>, 'genesis' | 'run'> & {
  readonly genesis?: Genesis;
  readonly run?: { readonly seed: number; readonly settings: RunSettings; readonly inputWidth?: number };
};

/**
 * Checks a configuration. Paths in it are relative to `folder`.
 *
 * @throws InputError BTM_DOMAIN naming the field, EnvironmentError BTM_IO when its genesis file cannot be read
 */
export async function parseCoordinatorConfig(value: unknown, folder: string): Promise<CoordinatorConfig> {
  const { genesis, run, ...given } = checkConfig(schema, value);
  const settings = run === undefined ? undefined : resolveSettings(run.settings as Partial<RunSettings>, 'config.run.settings');
  const { inputWidth } = run ?? {};
  const described =
    run === undefined || settings === undefined
      ? {}
      : { run: { seed: run.seed, settings, ...(inputWidth === undefined ? {} : { inputWidth }) } };
  const config = { ...given, ...described };
  const store = config.store === IN_MEMORY ? IN_MEMORY : resolve(folder, config.store);
  if (genesis === undefined) return { ...config, store };
  if (typeof genesis !== 'string') return { ...config, store, genesis: checkConfig(genesisFile, genesis, 'config.genesis') };
  const path = resolve(folder, genesis);
  return { ...config, store, genesis: checkConfig(genesisFile, await readUserJson(path), path) };
}

/** Reads and checks a configuration file. */
export async function readCoordinatorConfig(path: string): Promise<CoordinatorConfig> {
  return parseCoordinatorConfig(await readUserJson(path), dirname(path));
}
