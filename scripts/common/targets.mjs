// The platforms that get a package of their own, and how zig builds each of them from one Linux machine.
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

/** Highest glibc a Linux binary may ask for. */
export const GLIBC_FLOOR = '2.28';

/** Largest binary that ships, in bytes. */
export const MAX_BYTES = 1_500_000;

/** Most that the package and one platform's package may take, unpacked, in bytes. */
export const MAX_UNPACKED = 4_000_000;

/** What zig calls the platform, what CMake calls it, and what npm reads to decide whether it fits. `runsHere` names an emulator. */
export const TARGETS = {
  'linux-x64-glibc': {
    zig: `x86_64-linux-gnu.${GLIBC_FLOOR}`,
    system: 'Linux',
    processor: 'x86_64',
    os: 'linux',
    cpu: 'x64',
    libc: 'glibc',
  },
  'linux-arm64-glibc': {
    zig: `aarch64-linux-gnu.${GLIBC_FLOOR}`,
    system: 'Linux',
    processor: 'aarch64',
    os: 'linux',
    cpu: 'arm64',
    libc: 'glibc',
  },
  'linux-x64-musl': { zig: 'x86_64-linux-musl', system: 'Linux', processor: 'x86_64', os: 'linux', cpu: 'x64', libc: 'musl' },
  'linux-arm64-musl': { zig: 'aarch64-linux-musl', system: 'Linux', processor: 'aarch64', os: 'linux', cpu: 'arm64', libc: 'musl' },
  'darwin-x64': { zig: 'x86_64-macos.11.0', system: 'Darwin', processor: 'x86_64', os: 'darwin', cpu: 'x64' },
  'darwin-arm64': { zig: 'aarch64-macos.11.0', system: 'Darwin', processor: 'arm64', os: 'darwin', cpu: 'arm64' },
  'win32-x64': { zig: 'x86_64-windows-gnu', system: 'Windows', processor: 'AMD64', os: 'win32', cpu: 'x64' },
};

/** The package that holds a target's binary. */
export const packageNameOf = (target) => `@intermodel/${target}`;

/** This machine's target, by the same rule as the loader's. */
export function hostTarget() {
  if (process.platform !== 'linux') return `${process.platform}-${process.arch}`;
  const glibc = process.report.getReport().header.glibcVersionRuntime !== undefined;
  return `linux-${process.arch}-${glibc ? 'glibc' : 'musl'}`;
}

/** Folders of the Node-API headers, and the definition files of their symbols. */
export function headers() {
  const require = createRequire(import.meta.url);
  const api = require('node-api-headers');
  const definitions = [api.def_paths.js_native_api_def, api.def_paths.node_api_def];
  return { api: api.include_dir, definitions, cpp: dirname(require.resolve('node-addon-api/package.json')) };
}
