// The tests of equal bits, over the host form of the CUDA kernels in random schedules of blocks and threads, and again in small parts.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';

const SUITES: readonly [string, Record<string, string>][] = [
  ['curvature/bits', {}],
  ['curvature/bits', { INTERMODEL_TEST_MEMORY: String(1 << 20) }],
  ['curvature/unequal', {}],
  ['curvature/nonfinite', {}],
  ['curvature/single', {}],
  ['ledger/processor', {}],
  ['payoff/bits', {}],
  ['ranking/extremes', {}],
  ['equilibrium/bits', { INTERMODEL_TEST_SCHEDULES: '1' }],
  ['equilibrium/resume', {}],
  ['equilibrium/runs', {}],
];

for (const [suite, settings] of SUITES) {
  t.test(`${suite} ${JSON.stringify(settings)}`, { timeout: 280_000 }, async (test) => {
    const run = spawnSync(process.execPath, [join(packageRoot, 'lib/test', `${suite}.test.js`)], {
      encoding: 'utf8',
      env: { ...process.env, TAP_TIMEOUT: '270', INTERMODEL_TEST_CUDA: 'host', INTERMODEL_TEST_SCHEDULES: '2', ...settings },
    });
    const failures = run.stdout.split('\n').filter((line) => /^ *not ok/.test(line));
    test.equal(run.status, 0, failures.slice(0, 5).join('\n'));
  });
}
