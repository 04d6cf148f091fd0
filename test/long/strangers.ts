/**
 * A whole network of processes over libp2p on loopback under attack by strangers, against the same run left alone:
 *   node lib/test/long/strangers.js [--strangers 200] [--participants 8] [--rounds 120] [--seed 7] [--port 4600] [--pause 2000] [--nice 0]
 *     [--data mnist]
 * Compares what all measured and the ledger to the bit, time, processor time, peak memory of each process, and how they ended. Strangers stand for
 * other machines: `--nice` gives them a lower priority; each sends some of everything, see strangers-crowd.ts.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setPriority, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    strangers: { type: 'string', default: '200' },
    participants: { type: 'string', default: '8' },
    rounds: { type: 'string', default: '120' },
    seed: { type: 'string', default: '7' },
    port: { type: 'string', default: '4600' },
    pause: { type: 'string', default: '2000' },
    nice: { type: 'string', default: '0' },
    data: { type: 'string', default: 'mnist' },
  },
});
const [participants, port] = [Number(values.participants), Number(values.port)];
const cli = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const crowdScript = fileURLToPath(new URL('./strangers-crowd.js', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'intermodel-strangers-'));
const net = join(folder, 'net');
const addresses = Array.from({ length: participants + 1 }, (_, at) => `/ip4/127.0.0.1/tcp/${port + at}`);

interface Watched {
  readonly name: string;
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  peak_mb: number;
  processor_s: number;
}

function watched(name: string, args: readonly string[]): Watched {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stderr?.on('data', (data) => {
    if (process.env['VERBOSE'] !== undefined) process.stderr.write(`${name}: ${data}`);
  });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  return { name, child, ended, peak_mb: 0, processor_s: 0 };
}

/** Peak memory and processor time so far, from the kernel; what it said last stays when the process has ended. */
function look(one: Watched): void {
  try {
    const status = readFileSync(`/proc/${one.child.pid}/status`, 'utf8');
    one.peak_mb = Math.max(one.peak_mb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
    const fields = readFileSync(`/proc/${one.child.pid}/stat`, 'utf8').split(') ')[1].split(' ');
    one.processor_s = (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    // it has ended
  }
}

interface Outcome {
  readonly seconds: number;
  readonly digest: string;
  readonly exits: readonly (number | null)[];
  readonly peaks_mb: readonly number[];
  readonly processor_s: number;
  readonly refusals: Readonly<Record<string, number>>;
  readonly crowd: string;
}

async function play(strangers: number): Promise<Outcome> {
  for (const name of ['ledger.sqlite', 'ledger.sqlite-wal', 'ledger.sqlite-shm', ...addresses.map((_, at) => `peer-${at}.state`)])
    rmSync(join(net, name), { force: true });
  let told = '';
  let crowd: ChildProcess | undefined;
  if (strangers > 0) {
    const task = { addresses, strangers, seed: Number(values.seed), pause_ms: Number(values.pause) };
    crowd = spawn(process.execPath, [crowdScript, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] });
    setPriority(crowd.pid as number, Number(values.nice));
    await new Promise((resolve) => crowd?.stdout?.once('data', resolve)); // it has loaded what it needs
    crowd.stdout?.on('data', (data) => {
      told += data;
    });
  }
  const began = performance.now();
  const coordinator = watched('coordinator', [cli, 'ledger', 'serve', '--config', join(net, 'coordinator.json'), '--once', '--json']);
  let feed = '';
  coordinator.child.stdout?.on('data', (data) => {
    feed += data;
  });
  const peers = Array.from({ length: participants }, (_, at) =>
    watched(`peer ${at}`, [cli, 'peer', '--config', join(net, `peer-${at}.json`)]),
  );
  for (const { child } of peers) child.stdout?.resume();
  const all = [coordinator, ...peers];
  const timer = setInterval(() => all.forEach(look), 250);
  const exits = await Promise.all(all.map(({ ended }) => ended));
  const seconds = (performance.now() - began) / 1000;
  clearInterval(timer);
  if (crowd !== undefined) {
    const gone = new Promise((resolve) => crowd.once('close', resolve));
    crowd.kill('SIGTERM');
    await gone;
  }
  const events = feed.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line)]));
  const finished = events.find(({ type }) => type === 'finished');
  const refusals = events.filter(({ type }) => type === 'refusals').at(-1)?.byReason ?? {};
  return {
    ...{ seconds, exits, refusals, crowd: told.trim(), digest: finished === undefined ? 'not finished' : digestOf(finished) },
    peaks_mb: all.map(({ peak_mb }) => peak_mb),
    processor_s: all.reduce((sum, { processor_s }) => sum + processor_s, 0),
  };
}

/** What all measured, their losses in every round, and the end of the ledger; not the books of the processes, which count milliseconds. */
function digestOf(finished: { readonly participants: readonly Record<string, unknown>[]; readonly verified: boolean }): string {
  const told = finished.participants.map(({ key, ranking, stake, result }) => {
    const { measurement, evaluation, mask, losses } = (result ?? {}) as Record<string, unknown>;
    return { key, ranking, stake, measurement, evaluation, mask, losses };
  });
  return createHash('sha256')
    .update(JSON.stringify([finished.verified, told]))
    .digest('hex')
    .slice(0, 16);
}

const settings = ['--rounds', values.rounds, '--seed', values.seed, '--data', values.data];
execFileSync(process.execPath, [
  cli,
  'peer',
  'init',
  '--participants',
  values.participants,
  '--port',
  values.port,
  '--out',
  net,
  ...settings,
]);
for (let at = 0; at < participants; at++) {
  const path = join(net, `peer-${at}.json`);
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), listen: [addresses[at + 1]] }));
}
const control = await play(0);
process.stderr.write(`control: ${control.seconds.toFixed(0)} s\n`);
const attacked = await play(Number(values.strangers));
rmSync(folder, { recursive: true, force: true });
const most = (values: readonly number[]): number => Math.max(...values);
const ratio = (of: number, to: number): string => `${(of / to).toFixed(2)} times`;
const worst = most(attacked.peaks_mb.map((peak, at) => peak / control.peaks_mb[at]));
for (const [name, { seconds, processor_s, peaks_mb, exits, digest }] of Object.entries({ control, attacked }))
  console.log(
    `${name}: ${seconds.toFixed(0)} s, ${processor_s.toFixed(0)} s of processor time, peaks ${peaks_mb.map((mb) => mb.toFixed(0)).join(' ')} MB, exits ${exits.join(' ')}, digest ${digest}`,
  );
console.log(`strangers did ${attacked.crowd}`);
console.log(`the coordinator refused ${JSON.stringify(attacked.refusals)}`);
console.log(
  `time ${ratio(attacked.seconds, control.seconds)}, processor ${ratio(attacked.processor_s, control.processor_s)}, memory at most ${worst.toFixed(2)} times that of the same process, results ${attacked.digest === control.digest ? 'equal to the bit' : 'NOT EQUAL'}`,
);
const clean = [...control.exits, ...attacked.exits].every((code) => code === 0);
process.exitCode = clean && attacked.digest === control.digest && worst <= 1.5 && attacked.seconds <= 2 * control.seconds ? 0 : 1;
