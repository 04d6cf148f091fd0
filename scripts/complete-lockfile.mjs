// Adds to package-lock.json the optional packages of other platforms that the registry in use does not list.
// `npm ci` refuses a lock file that lacks them, although it would never install them here. Run after `npm install`.
import { readFileSync, writeFileSync } from 'node:fs';

const SYSTEMS = { android: 'android', darwin: 'darwin', freebsd: 'freebsd', linux: 'linux', openharmony: 'openharmony', win32: 'win32' };
const PROCESSORS = ['arm64', 'x64', 'ia32', 'riscv64', 'ppc64', 's390x', 'arm', 'wasm32'];

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8'));
let added = 0;

for (const owner of Object.values(lock.packages)) {
  for (const [name, version] of Object.entries(owner.optionalDependencies ?? {})) {
    const path = `node_modules/${name}`;
    if (lock.packages[path] !== undefined) continue;
    const words = name.split('/').pop().split('-');
    const system = words.find((word) => word in SYSTEMS);
    const cpu = PROCESSORS.find((processor) => words.includes(processor));
    if (!/^\d/.test(version)) throw new Error(`${name}: ${version} is not one version, so its lock entry is a guess`);
    lock.packages[path] = {
      version,
      ...(cpu === undefined ? {} : { cpu: [cpu] }),
      ...(owner.dev === true ? { dev: true } : {}),
      ...(system === 'linux' ? { libc: [words.some((word) => word.startsWith('musl')) ? 'musl' : 'glibc'] } : {}),
      optional: true,
      ...(system === undefined ? {} : { os: [system] }),
    };
    added++;
  }
}

lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} entries added`);
