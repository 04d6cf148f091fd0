/**
 * The CUDA backend: an engine whose kernels run on a GPU, through a module that is opened only after the driver's library. Whatever is
 * missing ends in BTM_NO_CUDA with every attempt and its reason.
 */
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Attempt, EnvironmentError, InputError } from '../core/errors.js';
import { packageRoot } from '../core/package.js';
import { typedArrayKind } from '../core/typed-arrays.js';
import { checkInteger, describe } from '../core/validate.js';
import { packageVersion } from '../core/version.js';
import { type CudaDevice, type CudaEngine, loadAddon, platformTarget } from './load.js';
import type { Backend, BackendDescription } from './types.js';

/** The driver's own library. */
const DRIVER = 'libcuda.so.1';

/** The largest number a device can have; there are machines with 16. */
const MAX_DEVICE = 1023;

/** Families of kernels that the module has; every other runs on the processor, by the same bits. */
const ON_DEVICE = ['curvature', 'equilibrium', 'competition', 'payoff', 'projection', 'ranking', 'ledger'] as const;

const CURES = [
  'a machine with an NVIDIA GPU and driver 580 or later',
  'in a clone: npm run build:cuda (needs nvcc of CUDA 13)',
  'or set INTERMODEL_CUDA_MODULE to the path of an intermodel-cuda.so',
  "or use createBackend({ kind: 'native' }): the same bits",
];

/** What a CUDA backend says of itself. */
export interface CudaDescription extends BackendDescription {
  readonly kind: 'cuda';
  readonly device: {
    readonly index: number;
    readonly name: string;
    /** For instance '9.0'. */
    readonly computeCapability: string;
    /** The newest CUDA that the driver serves, for instance '13.0'. */
    readonly driver: string;
    /** Bytes of memory. */
    readonly memory: number;
  };
  /** Toolkit of the module. */
  readonly module: string;
  /** Families that run on the device; all others run on the processor. */
  readonly families: readonly string[];
}

/** Arrays that kernels read: numbers, or the dense pages of a ledger's rows. */
export type Uploadable = Float64Array | Float32Array | Uint32Array;

/** An array that stays on the device. */
export interface Upload {
  /** Gives the memory back; done by itself when the upload is no longer referred to. */
  dispose(): void;
}

/** A backend on a GPU. */
export interface CudaBackend extends Backend {
  describe(): CudaDescription;
  /**
   * Keeps a copy of an array on the device. Calls that are given this very array, or a part of it, read the copy: the array must not
   * change until the upload is disposed of.
   */
  upload(array: Uploadable): Upload;
  /** Bytes of device memory in use between calls: uploads, heads and games. */
  heldBytes(): number;
  /** Bytes a second that the device reads and writes when it copies an area of so many bytes: what rates are compared with. */
  copyRate(bytes: number): number;
  /** Gives all memory back. Later calls end in BTM_NO_CUDA. Refused while games are being advanced. */
  dispose(): void;
}

/** Where to look, and for what; the last three are for tests of the host form. */
export interface CudaPlace {
  readonly device?: number | undefined;
  /** Empty: no driver is opened, which the host form alone allows. */
  readonly driver?: string;
  readonly module?: string;
  /** Most bytes for the work of one call; 0: a quarter of what is free. */
  readonly memory?: number;
  readonly schedule?: number;
  readonly fault?: number;
}

/** Creates it on a device, the first by default. */
export function createCudaBackend(place: CudaPlace = {}): CudaBackend {
  const index = place.device === undefined ? 0 : checkInteger('device', place.device, 0, MAX_DEVICE);
  if (process.env['INTERMODEL_CUDA'] === 'off') refuse([{ what: 'INTERMODEL_CUDA', reason: 'is set to off' }]);
  const engine = openEngine(place, index);
  const uploads = new FinalizationRegistry<Uploadable>((array) => engine.forget(array));
  return {
    kernels: engine,
    describe: () => describeEngine(engine, index),
    upload(array) {
      checkNumbers(array);
      engine.upload(array);
      let held = true;
      const upload: Upload = {
        dispose() {
          if (held) engine.forget(array);
          held = false;
          uploads.unregister(upload);
        },
      };
      uploads.register(upload, array, upload);
      return upload;
    },
    heldBytes: () => engine.heldBytes(),
    copyRate: (bytes) => engine.copyRate(checkInteger('bytes', bytes, 1, 2 ** 40)),
    dispose: () => engine.dispose(),
  };
}

function openEngine(place: CudaPlace, index: number): CudaEngine {
  const attempts: Attempt[] = [];
  const { addon } = loadAddon();
  const driver = place.driver ?? process.env['INTERMODEL_CUDA_DRIVER'] ?? DRIVER;
  for (const { what, path } of candidates(place.module)) {
    try {
      return addon.createCudaEngine(driver, path, index, place.memory ?? 0, place.schedule ?? 0, place.fault ?? 0);
    } catch (error) {
      const failed = error as Partial<Attempt>;
      if (failed.what === undefined || failed.reason === undefined) throw error;
      const isModule = failed.what === path;
      if (!isModule && attempts.every((attempt) => attempt.what !== failed.what)) {
        attempts.push({ what: failed.what, reason: shortened(failed.reason, failed.what) });
      }
      if (!existsSync(path)) attempts.push({ what, reason: 'no such file' });
      else if (isModule) attempts.push({ what, reason: shortened(failed.reason, path) });
    }
  }
  refuse(attempts);
}

function refuse(attempts: readonly Attempt[]): never {
  const reasons = attempts.map(({ what, reason }) => `${what}: ${reason}`);
  throw new EnvironmentError('BTM_NO_CUDA', `no CUDA device can be used (${reasons.join('; ')})`, attempts, CURES);
}

function checkNumbers(array: unknown): void {
  const kind = typedArrayKind(array);
  if (kind === 'Float64Array' || kind === 'Float32Array' || kind === 'Uint32Array') return;
  throw new InputError('BTM_TYPE', `must be a Float64Array, Float32Array or Uint32Array, got ${describe(array)}`, {
    argument: 'array',
    value: array,
  });
}

/** A loader's reason without the name that stands before it already. */
function shortened(reason: string, what: string): string {
  return reason.startsWith(`${what}: `) ? reason.slice(what.length + 2) : reason;
}

function candidates(named: string | undefined): { what: string; path: string }[] {
  const forced = named ?? process.env['INTERMODEL_CUDA_MODULE'];
  if (forced !== undefined && forced !== '') return [{ what: `INTERMODEL_CUDA_MODULE=${forced}`, path: resolve(forced) }];
  const target = platformTarget();
  return [
    { what: 'this checkout (build/cuda/Release/intermodel-cuda.so)', path: join(packageRoot, 'build/cuda/Release/intermodel-cuda.so') },
    {
      what: `a shipped module (prebuilds/${target}/intermodel-cuda.so)`,
      path: join(packageRoot, 'prebuilds', target, 'intermodel-cuda.so'),
    },
  ];
}

function describeEngine({ device, threads }: CudaEngine, index: number): CudaDescription {
  return {
    kind: 'cuda',
    isa: device.form === 'cuda' ? `sm_${device.major}${device.minor}` : device.form,
    threads,
    version: packageVersion,
    device: {
      index,
      name: device.name,
      computeCapability: `${device.major}.${device.minor}`,
      driver: versionText(device.driver),
      memory: device.memory,
    },
    module: device.built,
    families: ON_DEVICE,
  };
}

/** 13020 is 13.2. */
function versionText(version: CudaDevice['driver']): string {
  return `${Math.floor(version / 1000)}.${Math.floor((version % 1000) / 10)}`;
}
