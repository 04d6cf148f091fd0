/** `intermodel build`: compiles the native addon from the sources that ship with the package. */
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { packageRoot } from '../backend/index.js';
import { EnvironmentError } from '../core/errors.js';

export function buildCommand(program: Command): void {
  program
    .command('build')
    .description('compile the native addon (needs cmake and g++ 10 or later)')
    .action(() => {
      const manifest = createRequire(import.meta.url).resolve('cmake-js/package.json');
      const cmakeJs = join(dirname(manifest), 'bin', 'cmake-js');
      const run = spawnSync(process.execPath, [cmakeJs, 'build', '--out', 'build', '--parallel', '2'], {
        cwd: packageRoot,
        stdio: 'inherit',
      });
      if (run.status !== 0) {
        throw new EnvironmentError(
          'BTM_NO_BINARY',
          'the native addon did not compile',
          [{ what: 'cmake-js build', reason: run.error?.message ?? `exit code ${run.status}` }],
          ['install cmake 3.19 or later and g++ 10 or later, then run it again'],
        );
      }
    });
}
