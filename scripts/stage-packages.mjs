// Lays every package out as a folder, ready to be packed: build/stage/root and build/stage/TARGET.
//   node scripts/stage-packages.mjs [TARGET ...]     (every target that has a binary when none is named)
// A target's binary comes from build/packages (scripts/build-addon.mjs).
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { brotliCompressSync, constants as zlib } from 'node:zlib';
import ts from 'typescript';
import { binaryOf } from './build-addon.mjs';
import { isMain, root } from './common/run.mjs';
import { headers, packageNameOf, TARGETS } from './common/targets.mjs';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Where a package is laid out; `root` is the package itself. */
export const stageOf = (name) => join(root, 'build', 'stage', name);

/** This clone's own binary, for this machine alone. */
export const ownBinary = join(root, 'build', 'Release', 'intermodel.node');

/** Lays out one platform's package. */
export function stagePlatform(target, binary = binaryOf(target)) {
  if (!existsSync(binary)) throw new Error(`${target} has no binary: node scripts/build-addon.mjs ${target}`);
  const { os, cpu, libc } = TARGETS[target];
  const folder = emptied(stageOf(target));
  cpSync(binary, join(folder, 'intermodel.node'));
  cpSync(join(root, 'LICENSE'), join(folder, 'LICENSE'));
  const name = packageNameOf(target);
  writeFileSync(
    join(folder, 'README.md'),
    `# ${name}\n\nThe native core of intermodel for ${target}. Install \`intermodel\`; npm chooses this package where it fits.\n`,
  );
  writeJson(join(folder, 'package.json'), {
    name,
    version: manifest.version,
    description: `The native core of intermodel for ${target}.`,
    license: manifest.license,
    main: 'intermodel.node',
    files: ['intermodel.node'],
    engines: manifest.engines,
    os: [os],
    cpu: [cpu],
    ...(libc === undefined ? {} : { libc: [libc] }),
    preferUnplugged: true,
  });
}

/** Lays out the package itself; it asks for the platform packages of the same version. */
export function stageRoot(targets) {
  const folder = emptied(stageOf('root'));
  for (const name of ['docs', 'examples', 'README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'LICENSE'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  packSources(join(folder, 'native', 'sources.json.br'));
  copyDependencies(folder);
  emitJavaScript(folder);
  emitExamples(folder);
  copyDeclarations(folder);
  nameTargets(targets);
}

/** What `intermodel build` compiles, as one compressed file of { path: text }: a sixth of its size, for those who never look at it. */
function packSources(to) {
  const folder = emptied(stageOf('sources'));
  const left = ['test', 'fuzz', 'cuda', 'vendor'].map((name) => join(root, 'native', name));
  cpSync(join(root, 'native'), join(folder, 'native'), { recursive: true, filter: (path) => !left.some((name) => path.startsWith(name)) });
  // The addon speaks to the CUDA module through this; the module itself is built from a clone.
  mkdirSync(join(folder, 'native', 'cuda'));
  cpSync(join(root, 'native', 'cuda', 'interface.h'), join(folder, 'native', 'cuda', 'interface.h'));
  copyHeaders(join(folder, 'native', 'vendor'));
  cpSync(join(root, 'CMakeLists.txt'), join(folder, 'CMakeLists.txt'));
  writeJson(join(folder, 'package.json'), { version: manifest.version });
  const texts = Object.fromEntries(
    filesUnder(folder, '').map((name) => [name.replaceAll('\\', '/'), readFileSync(join(folder, name), 'utf8')]),
  );
  write(to, brotliCompressSync(JSON.stringify(texts), { params: { [zlib.BROTLI_PARAM_LGWIN]: zlib.BROTLI_MAX_WINDOW_BITS } }));
}

/** Writes the manifest of the package as laid out: it asks for these platform packages. */
export function nameTargets(targets) {
  const { scripts, devDependencies, allowScripts, ...published } = manifest;
  writeJson(join(stageOf('root'), 'package.json'), {
    ...published,
    bundleDependencies: Object.keys(manifest.dependencies),
    optionalDependencies: Object.fromEntries(targets.map((target) => [packageNameOf(target), manifest.version])),
  });
}

/** The headers that `intermodel build` compiles against, so that it needs cmake and a compiler and no further package. */
export function copyHeaders(to) {
  const { api, cpp } = headers();
  for (const [from, name, wanted] of [
    [api, 'node-api-headers', /\.h$/],
    [cpp, 'node-addon-api', /^napi.*\.h$/],
  ]) {
    mkdirSync(join(to, name), { recursive: true });
    for (const file of readdirSync(from)) if (wanted.test(file)) cpSync(join(from, file), join(to, name, file));
    const licence = [from, dirname(from)].flatMap((place) =>
      readdirSync(place)
        .filter((file) => /^LICENSE/.test(file))
        .map((file) => join(place, file)),
    )[0];
    cpSync(licence, join(to, name, 'LICENSE'));
  }
}

const WITHOUT_COMMENTS = { target: ts.ScriptTarget.ESNext, module: ts.ModuleKind.ESNext, allowJs: true, removeComments: true };

/** The two small packages that every command needs travel inside, without their comments, which are half of them: an install from tarballs then asks no registry. */
function copyDependencies(folder) {
  const needed = /(\.m?js|^package\.json|^LICENSE)$/;
  const left = /^(test|bench|example[^/]*)(\/|$)|_test\.js$/;
  for (const name of Object.keys(manifest.dependencies)) {
    const from = join(root, 'node_modules', name);
    const own = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'));
    if (Object.keys(own.dependencies ?? {}).length > 0) throw new Error(`${name} has dependencies of its own, and cannot be bundled alone`);
    const filter = (path) => {
      const inside = path.slice(from.length + 1);
      return statSync(path).isDirectory() ? !left.test(inside) : needed.test(inside) && !left.test(inside);
    };
    const to = join(folder, 'node_modules', name);
    cpSync(from, to, { recursive: true, filter });
    for (const file of filesUnder(to, 'js')) {
      const { outputText } = ts.transpileModule(readFileSync(join(to, file), 'utf8'), {
        fileName: file,
        compilerOptions: WITHOUT_COMMENTS,
      });
      writeFileSync(join(to, file), narrow(outputText));
    }
  }
}

/** src/ as JavaScript, as tsc emits it but without comments: they are in the declarations. */
function emitJavaScript(folder) {
  for (const name of filesUnder(join(root, 'src'), '.ts')) {
    const text = narrow(javaScriptOf(join(root, 'src', name), { removeComments: true }));
    write(join(folder, 'lib', 'src', name.replace(/\.ts$/, '.js')), throughCore(name, text));
  }
}

/** Indents by tabs, which saves a few per cent; a file with a template over several lines stays, as its spaces may be text. */
function narrow(text) {
  const lines = text.split('\n');
  if (lines.some((line) => (line.split('`').length - 1) % 2 === 1)) return text;
  return lines.map((line) => line.replace(/^(?: {4})+/, (spaces) => '\t'.repeat(spaces.length / 4))).join('\n');
}

/** The examples in TypeScript also as JavaScript that imports the package by name. */
function emitExamples(folder) {
  const entries = Object.entries(manifest.exports).filter(([, entry]) => entry.default !== undefined);
  const named = new Map(entries.map(([path, entry]) => [entry.default.replace('./lib/src/', ''), path.replace('.', manifest.name)]));
  named.set('backend/index.js', manifest.name);
  for (const name of filesUnder(join(root, 'examples'), '.ts')) {
    const text = javaScriptOf(join(root, 'examples', name), {});
    const byName = text.replace(/from '\.\.\/src\/([^']+)'/g, (_, path) => `from '${named.get(path) ?? `../lib/src/${path}`}'`);
    write(join(folder, 'examples', name.replace(/\.ts$/, '.js')), byName.replaceAll('node lib/examples/', 'node '));
  }
}

function javaScriptOf(fileName, wanted) {
  const compilerOptions = { ...emitOptions(), sourceMap: false, declaration: false, incremental: false, noEmit: false, ...wanted };
  return ts.transpileModule(readFileSync(fileName, 'utf8'), { fileName, compilerOptions }).outputText;
}

function emitOptions() {
  const { config } = ts.parseConfigFileTextToJson('tsconfig.json', readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  const { options } = ts.convertCompilerOptionsFromJson(config.compilerOptions, root);
  // One file at a time, transpileModule cannot see that package.json says it is a module.
  return { ...options, module: ts.ModuleKind.ES2022, moduleResolution: ts.ModuleResolutionKind.Bundler };
}

/** Leads imports of zod, which is optional, through src/core/zod.ts, which says what is missing. */
function throughCore(name, text) {
  if (name === join('core', 'zod.ts')) return text;
  const path = `${'../'.repeat(name.split(/[\\/]/).length - 1) || './'}core/zod.js`;
  return text.replace(/^import \{ z \} from 'zod';$/m, `import { z } from '${path}';`);
}

/** The declarations that an entry of package.json reaches. */
function copyDeclarations(folder) {
  const wanted = Object.values(manifest.exports).flatMap((entry) => (entry.types === undefined ? [] : [join(root, entry.types)]));
  const seen = new Set();
  for (const path of wanted) {
    if (seen.has(path)) continue;
    seen.add(path);
    const text = readFileSync(path, 'utf8');
    write(join(folder, path.slice(root.length + 1)), narrow(text));
    for (const [, specifier] of text.matchAll(/(?:from |import\()["'](\.[^"']+)\.js["']/g))
      wanted.push(join(dirname(path), `${specifier}.d.ts`));
  }
}

function filesUnder(folder, extension) {
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith(extension) && statSync(join(folder, name)).isFile())
    .sort();
}

function emptied(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

function write(path, text) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

function writeJson(path, value) {
  write(path, `${JSON.stringify(value, null, 2)}\n`);
}

if (isMain(import.meta.url)) {
  const named = process.argv.slice(2);
  const targets = named.length > 0 ? named : Object.keys(TARGETS).filter((target) => existsSync(binaryOf(target)));
  for (const target of targets) stagePlatform(target);
  stageRoot(targets);
  console.log(`staged in build/stage: root, ${targets.join(', ')}`);
}
