/** `intermodel build`: compiles the native addon from the sources that ship with the package. Needs cmake and a compiler, nothing from a registry. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import type { Command } from 'commander';
import { packageRoot } from '../backend/index.js';
import { EnvironmentError } from '../core/errors.js';
import { printOut } from './print.js';

export function buildCommand(program: Command): void {
  program
    .command('build')
    .description('compile the native addon (needs cmake 3.19 or later and g++ 10 or later)')
    .action(() => {
      checkWritable();
      const build = join(packageRoot, 'build');
      const { api, cpp } = headers();
      const settings = { CMAKE_BUILD_TYPE: 'Release', CMAKE_JS_INC: api, NODE_ADDON_API_DIR: cpp };
      cmake(['-S', packageRoot, '-B', build, ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)]);
      cmake(['--build', build, '--config', 'Release', '--target', 'intermodel_addon', '--parallel', String(availableParallelism())]);
      printOut(`built ${join(build, 'Release', 'intermodel.node')}`);
    });
}

/** The Node-API headers: beside the sources in a published package, in node_modules in a clone. */
function headers(): { api: string; cpp: string } {
  const vendor = join(packageRoot, 'native', 'vendor');
  if (existsSync(vendor)) return { api: join(vendor, 'node-api-headers'), cpp: join(vendor, 'node-addon-api') };
  const require = createRequire(import.meta.url);
  const folderOf = (name: string) => dirname(require.resolve(`${name}/package.json`));
  return { api: join(folderOf('node-api-headers'), 'include'), cpp: folderOf('node-addon-api') };
}

function checkWritable(): void {
  try {
    accessSync(packageRoot, constants.W_OK);
  } catch (error) {
    throw new EnvironmentError(
      'BTM_IO',
      'the addon is built inside the package, and its folder cannot be written',
      [{ what: packageRoot, reason: (error as Error).message }],
      ['run it as the user who installed the package', "under Yarn Plug'n'Play: yarn unplug intermodel"],
    );
  }
}

function cmake(words: readonly string[]): void {
  const run = spawnSync('cmake', words, { stdio: 'inherit' });
  if (run.status === 0) return;
  const absent = (run.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
  throw new EnvironmentError(
    'BTM_NO_BINARY',
    'the native addon did not compile',
    [
      {
        what: `cmake ${words[0]}`,
        reason: absent ? 'cmake is not installed' : (run.error?.message ?? `exit code ${run.status}; its output is above`),
      },
    ],
    ['install cmake 3.19 or later and g++ 10 or later (on Debian: apt-get install cmake g++ make), then run it again'],
  );
}
