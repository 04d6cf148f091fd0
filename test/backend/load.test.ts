import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { loadAddon, packageRoot } from '../../src/backend/index.js';

const entry = pathToFileURL(join(packageRoot, 'lib/src/backend/index.js')).href;

function runWith(native: string, code: string) {
  return spawnSync(process.execPath, ['--input-type=module', '-e', `import * as backend from '${entry}';\n${code}`], {
    encoding: 'utf8',
    env: { ...process.env, INTERMODEL_NATIVE: native },
  });
}

const printError = 'try { backend.loadAddon(); } catch (error) { console.log(error.code + "|" + error.message); }';

t.test('a load that fails lists what was tried, why it failed and the cures', async (t) => {
  const missing = runWith('/nowhere/intermodel.node', printError);
  t.match(missing.stdout, /^BTM_NO_BINARY\|[\s\S]*tried INTERMODEL_NATIVE=\/nowhere\/intermodel\.node: no such file[\s\S]*cure: /);
  const notBinary = runWith(join(packageRoot, 'package.json'), printError);
  t.match(notBinary.stdout, /^BTM_NO_BINARY\|[\s\S]*tried INTERMODEL_NATIVE=/);
  t.equal(missing.status, 0);
});

t.test('a binary named by INTERMODEL_NATIVE is the one that loads', async (t) => {
  const { path } = loadAddon();
  t.equal(runWith(path, 'console.log(backend.loadAddon().path);').stdout.trim(), path);
});

t.test('it loads in six worker threads at once, and they agree', async (t) => {
  const code = `
    const { parentPort } = require('node:worker_threads');
    import('${entry}').then(({ createBackend }) => {
      const out = new Float64Array(1000);
      createBackend({ kind: 'native' }).kernels.exp(out, Float64Array.from(out, (_, k) => (k - 500) / 7));
      parentPort.postMessage(Buffer.from(out.buffer).toString('hex'));
    });`;
  const results = await Promise.all(
    Array.from(
      { length: 6 },
      () =>
        new Promise<string>((resolve, reject) => {
          const worker = new Worker(code, { eval: true });
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    ),
  );
  t.equal(new Set(results).size, 1);
  t.equal(results[0]?.length, 16_000);
});

t.test('importing the package loads nothing native and nothing heavy', async (t) => {
  const started = execFileSync(
    process.execPath,
    [
      '--input-type=module',
      '-e',
      `await import('${pathToFileURL(join(packageRoot, 'lib/src/index.js')).href}');
       const objects = process.report.getReport().sharedObjects.filter((o) => o.endsWith('.node'));
       console.log(objects.length);`,
    ],
    { encoding: 'utf8' },
  );
  t.equal(started.trim(), '0');
});
