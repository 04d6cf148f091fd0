// Without a GPU, a driver, the right module or memory: a typed reason, no crash, nothing on stderr. Simulated with libraries of our own.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { createBackend, packageRoot } from '../../src/backend/index.js';
import { hostForm, hostFormPath } from '../support/cuda.js';

const built = dirname(hostFormPath ?? '');
const driver = join(built, 'fake-cuda-driver.so');
const module = join(built, 'fake-cuda-module.so');
const real = join(packageRoot, 'build/cuda/Release/intermodel-cuda.so');
const entry = pathToFileURL(join(packageRoot, 'lib/src/backend/index.js')).href;

/** What createBackend ends in with this environment: the code and its attempts. */
function refusal(env: Record<string, string>): { code: string; attempts: { what: string; reason: string }[] } {
  const code = `import { createBackend } from '${entry}';
    try { createBackend({ kind: 'cuda', device: Number(process.env.DEVICE ?? 0) }); console.log('{}'); }
    catch (error) { console.log(JSON.stringify({ code: error.code, attempts: error.attempts })); }`;
  const run = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    env: { ...process.env, INTERMODEL_CUDA_DRIVER: driver, INTERMODEL_CUDA_MODULE: module, ...env },
  });
  if (run.status !== 0 || run.stderr !== '') throw new Error(`status ${run.status}, signal ${run.signal}: ${run.stderr}`);
  return JSON.parse(run.stdout);
}

const CASES: readonly [string, Record<string, string>, RegExp][] = [
  ['no driver', { INTERMODEL_CUDA_DRIVER: '/nowhere/libcuda.so.1' }, /cannot open shared object file/],
  ['a library that is no driver', { INTERMODEL_CUDA_DRIVER: module }, /is not a CUDA driver/],
  ['a driver that does not start', { FAKE_CU_INIT: '999' }, /cuInit returned 999/],
  ['a driver without a device', { FAKE_CU_INIT: '100' }, /the driver finds no device/],
  ['a driver that counts none', { FAKE_CU_COUNT: '0' }, /the driver finds no device/],
  ['too old a driver', { FAKE_CU_VERSION: '12040' }, /serves CUDA 12\.4, the module needs 13\.0/],
  ['no module', { INTERMODEL_CUDA_MODULE: '/nowhere/module.so' }, /no such file/],
  ['a module that is no library', { INTERMODEL_CUDA_MODULE: join(packageRoot, 'package.json') }, /invalid ELF header|file too short/],
  ['a library that is no module', { INTERMODEL_CUDA_MODULE: driver }, /is not a module of intermodel/],
  ['a module that does not know the version', { FAKE_MODULE: 'unknown' }, /does not offer version 2 of the interface/],
  ['a module of another version', { FAKE_MODULE: 'version' }, /does not offer version 2 of the interface/],
  ['a module of another size', { FAKE_MODULE: 'size' }, /does not offer version 2 of the interface/],
  ['a module that finds no device', { FAKE_MODULE: 'none' }, /there are 0/],
  ['a device that fails', { FAKE_MODULE: 'failing' }, /a fault of the device/],
  ['a device without memory', {}, /out of memory/],
  ['a device that is not there', { DEVICE: '3' }, /there are 1/],
  ['switched off', { INTERMODEL_CUDA: 'off' }, /is set to off/],
];

for (const [name, env, reason] of CASES) {
  t.test(name, async (test) => {
    const { code, attempts } = refusal(env);
    test.equal(code, 'BTM_NO_CUDA');
    test.ok(
      attempts.some((attempt) => reason.test(attempt.reason)),
      JSON.stringify(attempts),
    );
  });
}

t.test('the real module under a driver that is not real', { skip: !existsSync(real) && 'the CUDA module is not built' }, async (test) => {
  const { code, attempts } = refusal({ INTERMODEL_CUDA_MODULE: real });
  test.equal(code, 'BTM_NO_CUDA');
  test.match(attempts[0]?.reason, /CUDA|device|driver/);
});

t.test('a driver that is missing for every place of the module is told once, and each place with its own reason', async (test) => {
  const { attempts } = refusal({ INTERMODEL_CUDA_MODULE: '', INTERMODEL_CUDA_DRIVER: '/nowhere/libcuda.so.1' });
  const told = attempts.map(({ what }) => what);
  test.equal(new Set(told).size, told.length, told.join(', '));
  test.equal(told.filter((what) => what === '/nowhere/libcuda.so.1').length, 1);
  test.ok(told.length <= 3);
});

t.test('options that make no sense', async (test) => {
  test.throws(() => createBackend({ kind: 'native', device: 0 }), { code: 'BTM_DOMAIN' });
  test.throws(() => createBackend({ kind: 'cuda', device: -1 }), { code: 'BTM_DOMAIN', argument: 'device' });
  test.throws(() => createBackend({ kind: 'cuda', device: 0.5 }), { code: 'BTM_TYPE', argument: 'device' });
  test.throws(() => createBackend({ kind: 'cuda', threads: 2 }), { code: 'BTM_DOMAIN' });
});

t.test('memory that runs out during a call is an error of that call alone', async (test) => {
  const small = hostForm({ memory: 4096 });
  const n = 40;
  const big = new Float64Array(n * n).fill(1 / n);
  test.throws(() => small.kernels.projectSimplex(new Float64Array(n * n), big, 0, n, n), {
    code: 'BTM_SHAPE',
    message: /not enough memory/,
  });
  small.kernels.projectSimplex(new Float64Array(4), Float64Array.of(1, 2, 3, 4), 0, 1, 4);
  const none = hostForm({ fault: 2 });
  test.throws(() => none.kernels.projectSimplex(new Float64Array(4), Float64Array.of(1, 2, 3, 4), 0, 1, 4), { code: 'BTM_SHAPE' });
  test.end();
});
