// What a machine with a GPU can say of the CUDA module: `npm run test:cuda`.
// Builds it for this GPU, compares it with the processor through its C interface, runs the tests of equal bits on the device, and both
// under compute-sanitizer where that is installed. Without a device it says why and ends with status 3.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { buildCuda, findNvcc, modulePath } from './build-cuda.mjs';
import { root } from './common/run.mjs';

const SUITES = [
  'curvature/bits',
  'curvature/unequal',
  'curvature/nonfinite',
  'curvature/single',
  'ledger/processor',
  'payoff/bits',
  'ranking/extremes',
  'equilibrium/bits',
  'equilibrium/runs',
];

function main() {
  const nvcc = findNvcc();
  if (nvcc !== undefined && devices() > 0) buildCuda(nvcc, { architectures: 'native', targets: ['intermodel_cuda', 'cuda_test'] });
  const found = describe();
  if (found.error !== undefined) {
    console.log(`no device: ${found.error}`);
    return 3;
  }
  console.log(`${found.name}, ${found.isa}, driver for CUDA ${found.driver}`);
  const steps = [
    [join(root, 'build/cuda/test/cuda_test'), [modulePath]],
    ...SUITES.map((suite) => ['node', [join(root, 'lib/test', `${suite}.test.js`)]]),
  ];
  const sanitizer = join('/usr/local/cuda/bin', 'compute-sanitizer');
  const hasSanitizer = spawnSync(sanitizer, ['--version']).status === 0;
  if (!hasSanitizer) console.log('no compute-sanitizer: memory and races are not checked');
  for (const tool of hasSanitizer ? ['memcheck', 'racecheck'] : [])
    steps.push([sanitizer, ['--tool', tool, '--error-exitcode', '1', steps[0][0], modulePath, 'short']]);
  const failed = steps.filter(([command, args]) => !passes(command, args));
  console.log(`${steps.length - failed.length} passed, ${failed.length} failed on ${found.name}`);
  return failed.length === 0 ? 0 : 1;
}

/** Devices that the kernel's driver shows, before anything is built for them. */
function devices() {
  const list = spawnSync('nvidia-smi', ['--list-gpus'], { encoding: 'utf8' });
  return list.status === 0 ? list.stdout.trim().split('\n').length : 0;
}

function describe() {
  const code = `import { createBackend } from ${JSON.stringify(join(root, 'lib/src/index.js'))};
    try { const { device, isa } = createBackend({ kind: 'cuda' }).describe(); console.log(JSON.stringify({ ...device, isa })); }
    catch (error) { console.log(JSON.stringify({ error: error.message.split('\\n')[0] })); }`;
  const asked = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
  return asked.status === 0 ? JSON.parse(asked.stdout) : { error: asked.stderr.trim() };
}

function passes(command, args) {
  const start = performance.now();
  const env = { ...process.env, INTERMODEL_TEST_CUDA: 'device', TAP_TIMEOUT: '300' };
  const { status, stdout } = spawnSync(command, args, { encoding: 'utf8', env, maxBuffer: 1 << 28 });
  console.log(`${status === 0 ? 'ok' : 'not ok'} ${[command, ...args].join(' ')} (${((performance.now() - start) / 1000).toFixed(1)} s)`);
  if (status !== 0) console.log((stdout ?? '').split('\n').slice(-40).join('\n'));
  return status === 0;
}

process.exitCode = main();
