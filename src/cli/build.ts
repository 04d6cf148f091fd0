/** `intermodel build`: compiles the native addon from the sources that ship with the package. Needs cmake and a compiler, nothing from a registry. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
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
      const sources = sourcesIn(build);
      const { api, cpp } = headers(sources);
      const settings = { CMAKE_BUILD_TYPE: 'Release', CMAKE_JS_INC: api, NODE_ADDON_API_DIR: cpp };
      cmake(['-S', sources, '-B', build, ...Object.entries(settings).map(([name, value]) => `-D${name}=${value}`)]);
      cmake(['--build', build, '--config', 'Release', '--target', 'intermodel_addon', '--parallel', String(availableParallelism())]);
      printOut(`built ${join(build, 'Release', 'intermodel.node')}`);
    });
}

/** The folder of the sources: the package itself in a clone; a published package holds them as one file, { path: text } under brotli. */
function sourcesIn(build: string): string {
  const packed = join(packageRoot, 'native', 'sources.json.br');
  if (!existsSync(packed)) return packageRoot;
  const folder = join(build, 'sources');
  rmSync(folder, { recursive: true, force: true });
  const texts = JSON.parse(brotliDecompressSync(readFileSync(packed)).toString()) as Record<string, string>;
  for (const [name, text] of Object.entries(texts)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return folder;
}

/** The Node-API headers: beside the sources of a package, in node_modules in a clone. */
function headers(sources: string): { api: string; cpp: string } {
  const vendor = join(sources, 'native', 'vendor');
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
