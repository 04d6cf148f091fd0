// Where the cells of the install matrix work: projects of their own, a PATH with node, npm and sh alone, one program that says what it got.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What every cell must print: the backend, and the ranking of (5) for two participants, known by hand. */
export const PROGRAM = `import { createBackend, networkRanking } from 'intermodel';
const backend = createBackend({ kind: 'native' });
const ranking = networkRanking({ weights: [0.25, 0.75, 0.5, 0.5], stake: [4, 2], n: 2, backend });
console.log(backend.describe().kind + ' ' + [...ranking].join(' '));
`;
export const EXPECTED = 'native 1 2';

/** The same in six worker threads at once. */
export const WORKERS = `import { isMainThread, Worker, parentPort } from 'node:worker_threads';
if (isMainThread) {
  const all = await Promise.all(Array.from({ length: 6 }, () => new Promise((resolve, reject) => {
    new Worker(new URL(import.meta.url)).once('message', resolve).once('error', reject);
  })));
  if (new Set(all).size !== 1) throw new Error(all.join());
  console.log(all[0]);
} else {
  const { createBackend, networkRanking } = await import('intermodel');
  const backend = createBackend({ kind: 'native' });
  parentPort.postMessage(backend.describe().kind + ' ' + [...networkRanking({ weights: [0.25, 0.75, 0.5, 0.5], stake: [4, 2], n: 2, backend })].join(' '));
}
`;

/** A folder of programs that is all a PATH holds. */
export function barePath(home, more = []) {
  const bin = join(home, `bin${more.length > 0 ? `-${more.join('-')}` : ''}`);
  mkdirSync(bin, { recursive: true });
  for (const name of ['node', 'npm', 'npx', 'sh', ...more]) {
    const at =
      name === 'node'
        ? process.execPath
        : process.env.PATH.split(delimiter)
            .map((folder) => join(folder, name))
            .find((path) => existsSync(path));
    if (at === undefined) throw new Error(`there is no ${name} on the PATH`);
    if (!existsSync(join(bin, name))) symlinkSync(at, join(bin, name));
  }
  return bin;
}

/** A new project with the programs in it, and what runs there. */
export function newProject({ home, registry, bin }, name, manifest = {}) {
  const folder = join(home, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify({ private: true, type: 'module', ...manifest })}\n`);
  writeFileSync(join(folder, '.npmrc'), `registry=${registry.url}\nignore-scripts=true\naudit=false\nfund=false\nupdate-notifier=false\n`);
  writeFileSync(join(folder, 'program.mjs'), PROGRAM);
  writeFileSync(join(folder, 'workers.mjs'), WORKERS);
  const kept = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(npm_|INTERMODEL_|NODE_|TAP)/i.test(key)));
  const env = { ...kept, PATH: bin, npm_config_cache: join(home, 'npm-cache') };
  const run = (command, words, more = {}) => {
    const done = spawnSync(command, words, { cwd: folder, env: { ...env, ...more }, encoding: 'utf8', timeout: 900_000 });
    return { status: done.status, stdout: done.stdout ?? '', stderr: `${done.stderr ?? ''}${done.error?.message ?? ''}` };
  };
  /** The same, where a failure ends the cell. */
  const must = (command, words, more) => {
    const done = run(command, words, more);
    if (done.status !== 0)
      throw new Error(`${command} ${words.join(' ')}: exit code ${done.status}\n${`${done.stdout}${done.stderr}`.slice(-1500)}`);
    return done.stdout;
  };
  return { folder, run, must };
}

/** Refuses any answer but the expected one. */
export function expect(answer) {
  if (answer.trim() !== EXPECTED) throw new Error(`expected "${EXPECTED}", got "${answer.trim()}"`);
}

/** Packages and bytes of a node_modules folder. */
export function weigh(folder) {
  let packages = 0;
  let bytes = 0;
  for (const entry of readdirSync(join(folder, 'node_modules'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const place = entry.parentPath ?? entry.path;
    bytes += statSync(join(place, entry.name)).size;
    if (entry.name === 'package.json' && /node_modules\/(@[^/]+\/)?[^/]+$/.test(place)) packages++;
  }
  return { packages, MB: Number((bytes / 1e6).toFixed(2)) };
}
