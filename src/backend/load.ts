/**
 * Finds and loads the native addon. Order: INTERMODEL_NATIVE (relative to the working directory), this checkout's build, the platform package, prebuilds/.
 * Every candidate that does not load leaves its reason; nothing falls back to anything else.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Attempt, EnvironmentError } from '../core/errors.js';
import { packageRoot } from '../core/package.js';
import { requireHere } from '../core/require.js';
import { packageVersion } from '../core/version.js';
import type { Kernels } from './types.js';

/** An engine: every kernel, and what was chosen. */
export interface NativeEngine extends Kernels {
  readonly isa: string;
  readonly lanes: number;
  readonly threads: number;
}

/** A device as the CUDA module describes it; versions as CUDA counts them, 13000 for 13.0. */
export interface CudaDevice {
  readonly name: string;
  readonly major: number;
  readonly minor: number;
  readonly driver: number;
  readonly memory: number;
  /** With what the module was built. */
  readonly built: string;
  /** 'cuda', or 'host' for the host form of the tests. */
  readonly form: string;
}

/** An engine whose kernels run on a device where the device has them. */
export interface CudaEngine extends NativeEngine {
  readonly device: CudaDevice;
  upload(array: Float64Array | Float32Array | Uint32Array): void;
  forget(array: Float64Array | Float32Array | Uint32Array): void;
  heldBytes(): number;
  copyRate(bytes: number): number;
  dispose(): void;
}

/** What the addon exports. */
export interface NativeAddon {
  /** `isas` maps each instruction set the package knows to 'available' or to the reason why not. */
  describe(): { version: string; bestIsa: string; isas: Record<string, string>; hardwareThreads: number };
  createEngine(isa: string | undefined, threads: number | undefined): NativeEngine;
  /** Throws an error with `what` was tried and the `reason` it failed; see createCudaBackend for the arguments. */
  createCudaEngine(driver: string, module: string, device: number, memory: number, schedule: number, fault: number): CudaEngine;
}

/** A loaded addon, and where it came from. */
export interface LoadedAddon {
  readonly addon: NativeAddon;
  readonly path: string;
  /** Candidates tried before it. */
  readonly attempts: readonly Attempt[];
}

const CURES = [
  'in a clone: npm run build:native (needs cmake and g++ 10 or later)',
  'in an installed package: install again without --omit=optional, so that npm brings the binary for this platform',
  'or compile it there: npx intermodel build (needs cmake and g++ 10 or later)',
  'or set INTERMODEL_NATIVE to the path of an intermodel.node built for this version',
  "or ask for the slow TypeScript oracle by name: createBackend({ kind: 'reference' })",
];

let loaded: LoadedAddon | undefined;

/** Loads the addon once per thread. */
export function loadAddon(): LoadedAddon {
  loaded ??= load();
  return loaded;
}

/** This platform's name in package and folder names, for instance linux-x64-glibc. */
export function platformTarget(): string {
  const libc = process.platform === 'linux' ? `-${libcFamily()}` : '';
  return `${process.platform}-${process.arch}${libc}`;
}

function load(): LoadedAddon {
  const attempts: Attempt[] = [];
  for (const candidate of candidates()) {
    try {
      const addon = requireHere(candidate.path) as NativeAddon;
      const { version } = addon.describe();
      if (version === packageVersion) return { addon, path: candidate.path, attempts };
      attempts.push({ what: candidate.what, reason: `built for version ${version}, this is ${packageVersion}` });
    } catch (error) {
      attempts.push({ what: candidate.what, reason: reasonOf(error, candidate.path) });
    }
  }
  throw new EnvironmentError(
    'BTM_NO_BINARY',
    `the native addon of intermodel ${packageVersion} did not load on ${platformTarget()}`,
    attempts,
    CURES,
  );
}

function candidates(): { what: string; path: string }[] {
  const forced = process.env['INTERMODEL_NATIVE'];
  if (forced !== undefined && forced !== '') return [{ what: `INTERMODEL_NATIVE=${forced}`, path: resolve(forced) }];
  const target = platformTarget();
  const build = join(packageRoot, 'build', 'Release', 'intermodel.node');
  const prebuilt = join(packageRoot, 'prebuilds', target, 'intermodel.node');
  return [
    { what: 'this checkout (build/Release/intermodel.node)', path: build },
    { what: `the platform package (@intermodel/${target})`, path: `@intermodel/${target}` },
    { what: `a shipped binary (prebuilds/${target}/intermodel.node)`, path: prebuilt },
  ];
}

function reasonOf(error: unknown, path: string): string {
  if (path.endsWith('.node') && !existsSync(path)) return 'no such file';
  if ((error as NodeJS.ErrnoException)?.code === 'MODULE_NOT_FOUND') return 'not installed';
  const message = error instanceof Error ? error.message : String(error);
  return message.split('\n')[0] ?? message;
}

/** The libc this process runs on, from what is mapped into it. */
function libcFamily(): 'glibc' | 'musl' {
  const report = process.report.getReport() as unknown as { header: { glibcVersionRuntime?: string }; sharedObjects: string[] };
  if (report.header.glibcVersionRuntime !== undefined) return 'glibc';
  return report.sharedObjects.some((object) => object.includes('musl')) ? 'musl' : 'glibc';
}
