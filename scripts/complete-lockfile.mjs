// Adds to package-lock.json the optional packages of other platforms that the registry in use does not list.
// `npm ci` refuses a lock file that lacks them, although it would never install them here. Run after `npm install`.
// Then asks the registry for the integrity of every entry that has none, and fails when one stays without.
import { spawnSync } from 'node:child_process';
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

const bare = Object.entries(lock.packages).filter(([path, entry]) => path !== '' && entry.link !== true && entry.integrity === undefined);
const without = [];
for (const [path, entry] of bare) {
  const name = path.split('node_modules/').at(-1);
  const { stdout } = spawnSync('npm', ['view', `${name}@${entry.version}`, 'dist.integrity'], { encoding: 'utf8' });
  if (stdout?.startsWith('sha512-')) entry.integrity = stdout.trim();
  else without.push(`${name}@${entry.version}`);
}

lock.packages = Object.fromEntries(Object.entries(lock.packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync('package-lock.json', `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${added} entries added, ${bare.length - without.length} given their integrity`);
if (without.length > 0) {
  console.error(`no integrity for ${without.join(', ')}: run it again where the registry answers`);
  process.exitCode = 1;
}
