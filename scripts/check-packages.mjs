// Checks every staged package (build/stage): what a binary asks of the machine, what it shows, its size, and the content of the package.
//   node scripts/check-packages.mjs [--rebuild TARGET]
// With --rebuild, a target is built a second time in another folder, and must come out the same to the byte.
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { binaryOf } from './build-addon.mjs';
import { flag, isMain, root, run } from './common/run.mjs';
import { GLIBC_FLOOR, MAX_BYTES, MAX_UNPACKED, TARGETS } from './common/targets.mjs';
import { toolsFolder } from './common/tools.mjs';
import { stageOf } from './stage-packages.mjs';

/** What the addon may show to the process: the two functions that Node looks for. */
const EXPORTS = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

/** Checks one target's binary; returns what was found and what is wrong with it. */
export function inspectBinary(target, path, { floor = GLIBC_FLOOR, most = MAX_BYTES } = {}) {
  const { os, cpu, libc } = TARGETS[target];
  const bytes = readFileSync(path);
  const wrong = [];
  const found = { bytes: bytes.length };
  if (bytes.length > most) wrong.push(`${bytes.length} bytes, more than ${most}`);
  for (const place of [root, process.env.HOME].filter((text) => text !== undefined && text.length > 2)) {
    if (bytes.includes(place)) wrong.push(`it holds the path ${place}`);
  }
  if (os === 'linux') Object.assign(found, inspectElf(bytes, path, { cpu, libc, floor }, wrong));
  else if (os === 'darwin') inspectMachO(bytes, cpu, wrong);
  else Object.assign(found, inspectPe(bytes, path, wrong));
  return { found, wrong };
}

function inspectElf(bytes, path, { cpu, libc, floor }, wrong) {
  const machine = { x64: 62, arm64: 183 }[cpu];
  if (bytes.readUInt32BE(0) !== 0x7f454c46 || bytes.readUInt16LE(18) !== machine) wrong.push(`not an ELF file for ${cpu}`);
  const symbols = run('objdump', ['-T', path]).split('\n');
  const shown = symbols.filter(
    (line) => /\sg\s|\su\s|\sw\s/.test(line) && !line.includes('*UND*') && /\s\.text\s|\s\.data|\s\.bss|\s\.rodata/.test(line),
  );
  const names = shown.map((line) => line.trim().split(/\s+/).at(-1)).sort();
  if (names.join() !== EXPORTS.join()) wrong.push(`it shows ${names.join(', ')}`);
  const needed = [...run('objdump', ['-p', path]).matchAll(/NEEDED\s+(\S+)/g)].map(([, name]) => name);
  const strange = needed.filter((name) => !/^(ld-linux|libc\.|libm\.|libpthread|libdl|librt)/.test(name));
  if (strange.length > 0) wrong.push(`it needs ${strange.join(', ')}`);
  if (libc !== 'glibc') return { needed };
  const versions = [...symbols.join('\n').matchAll(/GLIBC_(\d+)\.(\d+)/g)].map(([, major, minor]) => [Number(major), Number(minor)]);
  const glibc = versions.reduce((most, one) => (one[0] > most[0] || (one[0] === most[0] && one[1] > most[1]) ? one : most), [0, 0]);
  const [major, minor] = floor.split('.').map(Number);
  if (glibc[0] > major || (glibc[0] === major && glibc[1] > minor)) wrong.push(`it needs glibc ${glibc.join('.')}, above ${floor}`);
  return { needed, glibc: glibc.join('.') };
}

function inspectMachO(bytes, cpu, wrong) {
  const DYLIB = 6;
  const processor = { x64: 0x01000007, arm64: 0x0100000c }[cpu];
  if (bytes.readUInt32LE(0) !== 0xfeedfacf || bytes.readUInt32LE(4) !== processor || bytes.readUInt32LE(12) !== DYLIB)
    wrong.push(`not a Mach-O library for ${cpu}`);
  const { shown, sought } = symbolsOfMachO(bytes);
  // zig's linker leaves its compiler runtime visible there; two-level names keep it to this library. Nothing of the package may be.
  const own = shown.filter((name) => EXPORTS.includes(name) || name.includes('intermodel')).sort();
  if (own.join() !== EXPORTS.join()) wrong.push(`it shows ${own.join(', ')}`);
  const ANY_IMAGE = 0xfe; // looked up in the whole process, where Node is
  for (const { name, library } of sought) {
    if (name.startsWith('napi_') && library !== ANY_IMAGE) wrong.push(`${name} is looked for in one library`);
  }
}

/** External symbols of a Mach-O file: those it defines, and those it seeks with the number of the library they are expected in. */
function symbolsOfMachO(bytes) {
  const [SYMTAB, EXTERNAL, PRIVATE, KIND] = [2, 0x01, 0x10, 0x0e];
  const shown = [];
  const sought = [];
  for (let at = 32, left = bytes.readUInt32LE(16); left > 0; left--, at += bytes.readUInt32LE(at + 4)) {
    if (bytes.readUInt32LE(at) !== SYMTAB) continue;
    const [symbols, count, strings] = [8, 12, 16].map((offset) => bytes.readUInt32LE(at + offset));
    for (let k = 0; k < count; k++) {
      const entry = symbols + 16 * k;
      const type = bytes[entry + 4];
      if ((type & EXTERNAL) === 0 || (type & PRIVATE) !== 0) continue;
      const from = strings + bytes.readUInt32LE(entry);
      const name = bytes.toString('latin1', from, bytes.indexOf(0, from)).replace(/^_/, '');
      if ((type & KIND) === 0) sought.push({ name, library: bytes.readUInt16LE(entry + 6) >> 8 });
      else shown.push(name);
    }
  }
  return { shown, sought };
}

function inspectPe(bytes, path, wrong) {
  const at = bytes.readUInt32LE(0x3c);
  if (bytes.toString('latin1', 0, 2) !== 'MZ' || bytes.readUInt16LE(at + 4) !== 0x8664) wrong.push('not a PE library for x64');
  const listed = run('objdump', ['-p', path]);
  const needed = [...listed.matchAll(/DLL Name: (\S+)/g)].map(([, name]) => name);
  const strange = needed.filter(
    (name) => !/^(node\.exe|kernel32\.dll|ntdll\.dll|user32\.dll|advapi32\.dll|msvcrt\.dll|api-ms-win-.*)$/i.test(name),
  );
  if (strange.length > 0) wrong.push(`it needs ${strange.join(', ')}`);
  for (const name of EXPORTS) if (!new RegExp(`\\b${name}\\b`).test(listed)) wrong.push(`it does not show ${name}`);
  return { needed };
}

/** What is wrong with the content of a staged package: maps that point nowhere, tests, links to files that are not in it. */
export function inspectContent(folder) {
  const names = readdirSync(folder, { recursive: true }).filter(
    (name) => !name.startsWith('node_modules/') && statSync(join(folder, name)).isFile(),
  );
  const wrong = [];
  for (const name of names) {
    if (/\.[jt]s\.map$|\.test\.|^native\/(?!sources)|\.tsbuildinfo$/.test(name)) wrong.push(`${name} does not belong in a package`);
    if (name.endsWith('.js') && /^\/\/# sourceMappingURL/m.test(readFileSync(join(folder, name), 'utf8')))
      wrong.push(`${name} names a source map`);
    if (name.endsWith('.md')) wrong.push(...deadLinks(folder, name));
  }
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const entries = Object.values(manifest.exports ?? {}).flatMap((entry) => (typeof entry === 'string' ? [entry] : Object.values(entry)));
  for (const path of [...entries, ...Object.values(manifest.bin ?? {})])
    if (!existsSync(join(folder, path))) wrong.push(`package.json names ${path}, which is not there`);
  return wrong;
}

function bytesUnder(folder) {
  if (!existsSync(folder)) return 0;
  const files = readdirSync(folder, { recursive: true }).map((name) => statSync(join(folder, name)));
  return files.reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0);
}

function deadLinks(folder, name) {
  const text = readFileSync(join(folder, name), 'utf8').replace(/^```[\s\S]*?^```/gm, '');
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target]) => target.split('#')[0])
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target));
  return targets
    .filter((target) => !existsSync(resolve(folder, dirname(name), target)))
    .map((target) => `${name} links to ${target}, which is not there`);
}

/** Builds a target again from a copy of the sources in another folder, and compares the bytes. */
function rebuild(target) {
  const copy = mkdtempSync(join(tmpdir(), 'intermodel-rebuild-'));
  try {
    for (const name of ['package.json', 'CMakeLists.txt', 'native', 'scripts'])
      cpSync(join(root, name), join(copy, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    run(process.execPath, ['scripts/build-addon.mjs', target], { cwd: copy, env: { ...process.env, INTERMODEL_TOOLS: toolsFolder } });
    const [first, second] = [binaryOf(target), join(copy, relative(root, binaryOf(target)))].map((path) =>
      createHash('sha256').update(readFileSync(path)).digest('hex'),
    );
    if (first !== second) throw new Error(`${target} came out differently: ${first} and ${second}`);
    return first;
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
}

/** Checks every staged package; prints a line for each and returns the number of faults. `own` names targets built by this machine's compiler, which are for it alone. */
export function checkStaged({ own = [] } = {}) {
  let faults = 0;
  const say = (name, wrong, note) => {
    faults += wrong.length;
    console.log(`${wrong.length === 0 ? 'ok' : 'NOT OK'}  ${name}  ${note}${wrong.map((line) => `\n        ${line}`).join('')}`);
  };
  for (const target of Object.keys(TARGETS).filter((name) => existsSync(join(stageOf(name), 'package.json')))) {
    const { found, wrong } = inspectBinary(
      target,
      join(stageOf(target), 'intermodel.node'),
      own.includes(target) ? { floor: '99.0', most: 2 * MAX_BYTES } : {},
    );
    const unpacked = bytesUnder(stageOf(target)) + bytesUnder(stageOf('root'));
    if (unpacked > MAX_UNPACKED) wrong.push(`${unpacked} bytes unpacked with the root, more than ${MAX_UNPACKED}`);
    say(
      target,
      [...wrong, ...inspectContent(stageOf(target))],
      Object.entries({ ...found, unpacked })
        .map(([key, value]) => `${key} ${value}`)
        .join(', '),
    );
  }
  if (existsSync(stageOf('root'))) say('intermodel', inspectContent(stageOf('root')), 'content');
  return faults;
}

if (isMain(import.meta.url)) {
  const again = flag('rebuild');
  if (again !== undefined) console.log(`ok  ${again} rebuilt to the same bytes, sha256 ${rebuild(again)}`);
  else process.exitCode = checkStaged() === 0 ? 0 : 1;
}
