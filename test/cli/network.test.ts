/** A network as somebody starts it by hand: a coordinator of the ledger and six participants, each a command of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';
import type { Served, ServeEvent } from '../../src/process/ledger-service.js';
import { tableOnDisk } from '../support/table-file.js';
import { intermodel } from './run.js';

t.setTimeout(280_000);

const folder = mkdtempSync(join(tmpdir(), 'intermodel-network-'));
const children: ChildProcess[] = [];
t.teardown(() => {
  for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});

/** Seconds of training: enough for every step to run. */
const SMALL = [
  'rounds=8',
  'batch=8',
  'width=4',
  'head-hidden=6',
  'largest-shard=60',
  'refit-steps=20',
  'refit-batch=16',
  'refit-samples=60',
];
const BLOCKS = ['blocks=4', 'closing-blocks=2', 'validation=40', 'block-validation=20'];
const settings = [...SMALL, ...BLOCKS].map((setting) => `--${setting}`);

/** A command that runs beside others. */
interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  /** What it printed so far. */
  readonly lines: string[];
  error: string;
  onLine: () => void;
}

function start(args: readonly string[]): Running {
  const child = spawn(process.execPath, [join(packageRoot, 'lib/src/cli/main.js'), ...args]);
  children.push(child);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const running: Running = { child, ended, lines: [], error: '', onLine: () => {} };
  let rest = '';
  child.stdout!.on('data', (data) => {
    const lines = (rest + String(data)).split('\n');
    rest = lines.pop()!;
    running.lines.push(...lines);
    running.onLine();
  });
  child.stderr!.on('data', (data) => {
    running.error += String(data);
  });
  return running;
}

/** Waits until what was printed so far satisfies; fails when the command ends before. */
async function until(running: Running, satisfied: (events: ServeEvent[]) => boolean): Promise<ServeEvent[]> {
  const events = () => running.lines.map((line) => JSON.parse(line) as ServeEvent);
  const seen = new Promise<ServeEvent[]>((resolve) => {
    running.onLine = () => satisfied(events()) && resolve(events());
    running.onLine();
  });
  const early = running.ended.then((code) => {
    if (!satisfied(events())) throw new Error(`ended with ${code}: ${running.error}`);
    return events();
  });
  return Promise.race([seen, early]);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The example, which in its fifth round waits until the file `go` is there: so that something can be done in the middle of a run. */
function ownModule(out: string): string {
  const example = pathToFileURL(join(packageRoot, 'lib/examples/own-participant.js')).href;
  const path = join(out, 'mine.mjs');
  writeFileSync(
    path,
    `import { existsSync } from 'node:fs';
     import { setTimeout as sleep } from 'node:timers/promises';
     import create from '${example}';
     let rounds = 0;
     export default (context) => {
       const own = create(context);
       const train = async () => {
         if (++rounds === 5) while (!existsSync(${JSON.stringify(join(out, 'go'))})) await sleep(20);
       };
       return { ...own, encoder: { ...own.encoder, train } };
     };`,
  );
  return path;
}

function change(path: string, more: object): void {
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), ...more }));
}

t.test('init, serve and six peers: one of its own kind, one killed, one stopped by Ctrl-C, both take their places back', async (t) => {
  const out = join(folder, 'net');
  const at = (name: string) => join(out, name);
  const port = await freePort();
  const options = ['--participants', '6', '--out', out, '--port', String(port), '--seed', '5', ...settings];
  const planned = intermodel(['peer', 'init', ...options, '--json']);
  t.equal(planned.code, 0, planned.stderr);
  const keys: string[] = JSON.parse(planned.stdout).peers.map(({ key }: { key: string }) => key);
  for (const name of ['coordinator.json', 'peer-0.json', 'peer-5.json'])
    t.equal(statSync(at(name)).mode & 0o777, 0o600, 'for its owner only');
  ownModule(out);
  change(at('peer-3.json'), { participant: 'mine.mjs' });

  const coordinator = start(['ledger', 'serve', '--config', at('coordinator.json'), '--once', '--json']);
  const peer = (index: number) => start(['peer', '--config', at(`peer-${index}.json`)]);
  const [listening] = await until(coordinator, (events) => events.length > 0);
  t.match(listening, { type: 'listening', height: 0, key: JSON.parse(planned.stdout).coordinator.key });
  const peers = keys.map((_, index) => peer(index));
  await until(coordinator, (events) => events.some((event) => event.type === 'block' && event.round === 4));

  peers[1]!.child.kill('SIGKILL');
  peers[2]!.child.kill('SIGINT');
  t.equal(await peers[1]!.ended, null);
  t.equal(await peers[2]!.ended, 130, peers[2]!.error);
  t.match(peers[2]!.error, /kept in .*peer-2\.state; start it again/);
  for (const index of [1, 2]) {
    t.ok(existsSync(at(`peer-${index}.state`)));
    peers[index] = peer(index);
  }
  const changed = (events: ServeEvent[], what: string) =>
    [1, 2].every((index) => events.some((event) => event.type === 'member' && event.key === keys[index] && event.change === what));
  await until(coordinator, (events) => changed(events, 'waiting'));
  writeFileSync(at('go'), '');

  for (const [index, running] of peers.entries()) {
    t.equal(await running.ended, 0, `peer ${index}: ${running.error}`);
    t.match(running.lines.at(-1), /^done: .*loss/);
  }
  t.equal(await coordinator.ended, 0, coordinator.error);
  const events = coordinator.lines.map((line) => JSON.parse(line) as ServeEvent);
  t.ok(changed(events, 'out') && changed(events, 'in'), 'both were missed, and let in again');
  t.same(
    events.filter(({ type }) => type === 'refused'),
    [],
  );
  const finished = events.at(-1) as { type: 'finished' } & Served;
  t.match(finished, { type: 'finished', verified: true, height: 8 });
  t.same(
    finished.participants.map(({ key }) => key),
    keys,
  );
  const results = finished.participants.map(
    ({ result }) => result as { encoder: string; evaluation: { head: { loss: number; accuracy: number | null } } },
  );
  t.ok(results.every(({ evaluation }) => Number.isFinite(evaluation.head.loss)));
  t.equal(results[3]!.encoder, 'plain function: brightness from top to bottom');
  t.equal(results[3]!.evaluation.head.accuracy, null, 'its loss is the squared error: there are no classes');
  t.ok(
    finished.participants.every(({ stake }) => stake > 100),
    'every participant was paid',
  );
  const verified = intermodel(['ledger', 'verify', at('ledger.sqlite')]);
  t.match(verified.stdout, /ok: blocks 1 to 8 replay to the byte/);

  t.equal(intermodel(['peer', 'init', ...options]).code, 3, 'a configuration is never overwritten');
  t.equal(JSON.parse(readFileSync(at('coordinator.json'), 'utf8')).identity.length, 64);
});

t.test('Ctrl-C ends a coordinator, and a participant that waits for the others, with 130', async (t) => {
  const out = join(folder, 'small');
  const at = (name: string) => join(out, name);
  const port = await freePort();
  const planned = intermodel([
    'peer',
    'init',
    '--participants',
    '4',
    '--out',
    out,
    '--port',
    String(port),
    '--data',
    tableOnDisk(),
    ...settings,
  ]);
  t.match(planned.stdout, /intermodel ledger serve --config .*coordinator\.json[\s\S]*intermodel peer --config .*peer-3\.json\s*$/);
  const coordinator = start(['ledger', 'serve', '--config', at('coordinator.json')]);
  await new Promise<void>((resolve) => {
    coordinator.onLine = resolve;
  });
  t.match(coordinator.lines[0], new RegExp(`^coordinator [0-9a-f]{64} at /ip4/127\\.0\\.0\\.1/tcp/${port}/p2p/\\w+$`));
  const taken = intermodel(['ledger', 'serve', '--config', at('coordinator.json')]);
  t.equal(taken.code, 3, 'the port is taken');
  const peer = start(['peer', '--config', at('peer-0.json')]);
  const connected = new Promise<void>((resolve) => peer.child.stderr!.on('data', (data) => /joining/.test(data) && resolve()));
  await connected;
  peer.child.kill('SIGINT');
  t.equal(await peer.ended, 130, peer.error);
  coordinator.child.kill('SIGINT');
  t.equal(await coordinator.ended, 130, coordinator.error);
  t.match(coordinator.error, /every closed block is kept in .*ledger\.sqlite/);
  const { coordinator: place } = JSON.parse(readFileSync(at('peer-0.json'), 'utf8'));
  change(at('peer-0.json'), { coordinator: { ...place, patience_s: 0.1 } });
  const alone = intermodel(['peer', '--config', at('peer-0.json')]);
  t.equal(alone.code, 3, 'without a coordinator nothing goes on');
  t.match(alone.stderr, /the coordinator of the ledger \(.*tcp.*\) does not answer \(unreachable.*trying for 0\.1 s/);
  t.notMatch(alone.stderr, /the others have to come/);
  t.match(alone.stderr, /the coordinator of the ledger did not answer/);
});

t.test('a configuration that is missing or wrong is refused with its cause', (t) => {
  const path = join(folder, 'wrong.json');
  const refused = (args: readonly string[], config: object, code: number, message: RegExp) => {
    writeFileSync(path, JSON.stringify(config));
    const run = intermodel([...args, '--config', path]);
    t.equal(run.code, code, run.stderr);
    t.match(run.stderr, message);
  };
  const peer = { formatVersion: 1, seed: 1, identity: '11'.repeat(32), coordinator: { key: '22'.repeat(32), addresses: ['/nonsense'] } };
  refused(['peer'], {}, 2, /config\.formatVersion/);
  refused(['peer'], { ...peer, settings: { round: 1 } }, 2, /config\.settings\.round is not a setting/);
  refused(['peer'], peer, 2, /config\.coordinator cannot be used/);
  refused(['ledger', 'serve'], {}, 2, /config\.formatVersion/);
  refused(['ledger', 'serve'], { formatVersion: 1, identity: '11'.repeat(32) }, 2, /config\.store/);
  t.match(intermodel(['peer']), { code: 2, stderr: /--config must be given/ });
  t.match(intermodel(['ledger', 'serve', '--config', join(folder, 'none.json')]), { code: 3 });
  const init = (...more: string[]) => intermodel(['peer', 'init', '--participants', '6', '--out', join(folder, 'never'), ...more]);
  t.match(init('--round', '3'), { code: 2, stderr: /unknown option '--round'/ });
  t.match(init('--batch', 'x'), { code: 2, stderr: /must be a number/ });
  t.match(init('--host', '127.0.0.1'), { code: 2, stderr: /host must be the start of a multiaddr/ });
  t.match(init('--data', join(folder, 'no-data')), { code: 3 });
  t.notOk(existsSync(join(folder, 'never')), 'nothing was written');
  t.end();
});
