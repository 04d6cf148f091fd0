/** Loads libp2p when it is asked for; a process without it does not load it. */
import { type Attempt, EnvironmentError } from '../../core/errors.js';
import { installCommand } from '../../core/optional-packages.js';

/** The packages, by the name they are installed under. All are optional peer dependencies. */
const PACKAGES = {
  libp2p: () => import('libp2p'),
  '@libp2p/tcp': () => import('@libp2p/tcp'),
  '@libp2p/noise': () => import('@libp2p/noise'),
  '@libp2p/yamux': () => import('@libp2p/yamux'),
  '@libp2p/identify': () => import('@libp2p/identify'),
  '@libp2p/ping': () => import('@libp2p/ping'),
  '@libp2p/gossipsub': () => import('@libp2p/gossipsub'),
  '@libp2p/kad-dht': () => import('@libp2p/kad-dht'),
  '@libp2p/mdns': () => import('@libp2p/mdns'),
  '@libp2p/bootstrap': () => import('@libp2p/bootstrap'),
  '@libp2p/crypto': () => import('@libp2p/crypto/keys'),
  '@libp2p/peer-id': () => import('@libp2p/peer-id'),
  '@multiformats/multiaddr': () => import('@multiformats/multiaddr'),
};

type Packages = typeof PACKAGES;

/** Every package's exports, by package name. */
export type Loaded = { [Name in keyof Packages]: Awaited<ReturnType<Packages[Name]>> };

/** Loads all packages. Throws an EnvironmentError that lists the missing ones. */
export async function loadPackages(): Promise<Loaded> {
  supplyWithResolvers();
  const attempts: Attempt[] = [];
  const loaded: Record<string, unknown> = {};
  for (const [name, load] of Object.entries(PACKAGES)) {
    try {
      loaded[name] = await load();
    } catch (error) {
      attempts.push({ what: name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  if (attempts.length > 0) {
    throw new EnvironmentError('BTM_NO_PACKAGE', 'the libp2p transport needs packages that are not there', attempts, [
      installCommand(attempts.map((attempt) => attempt.what)),
      'or use the in-process transport: createHub()',
    ]);
  }
  return loaded as Loaded;
}

interface WithResolvers {
  withResolvers?: <T>() => { promise: Promise<T>; resolve: (value: T | PromiseLike<T>) => void; reject: (reason?: unknown) => void };
}

/** libp2p 3 calls Promise.withResolvers, which Node 20 lacks. Added as the standard defines it, and only where it is missing. */
function supplyWithResolvers(): void {
  const target = Promise as unknown as WithResolvers;
  if (target.withResolvers !== undefined) return;
  const withResolvers = <T>() => {
    let resolve!: (value: T | PromiseLike<T>) => void;
    let reject!: (reason?: unknown) => void;
    const promise = new Promise<T>((accept, refuse) => {
      resolve = accept;
      reject = refuse;
    });
    return { promise, resolve, reject };
  };
  Object.defineProperty(target, 'withResolvers', { value: withResolvers, writable: true, configurable: true });
}
