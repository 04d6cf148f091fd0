/**
 * T1: kill -9 in the middle of appends, the hash chain checked after reopening.
 *   node lib/test/long/ledger-kill.js [rounds = 100]
 * SQLite: the writer is killed. etcd: the writer and its node are killed. Control: a writer that acknowledges before it appends.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RandomStream } from '../../src/core/random.js';
import { etcdStore, type Store, sqliteStore } from '../../src/ledger/index.js';
import { verifyStore } from '../../src/ledger/replay.js';
import { EtcdCluster, hasEtcd } from '../ledger/etcd-cluster.js';
import { lost, reopen, runAndKill } from './crash-round.js';

const rounds = Number(process.argv[2] ?? 100);
const random = new RandomStream(1);
const folder = mkdtempSync(join(tmpdir(), 'intermodel-kill-'));

interface Outcome {
  acknowledged: number;
  missing: number;
  height: number;
}

async function campaign(name: string, count: number, round: (wait_ms: number) => Promise<Outcome>): Promise<Outcome> {
  const total = { acknowledged: 0, missing: 0, height: 0 };
  for (let done = 1; done <= count; done++) {
    const one = await round(random.integer(120));
    total.acknowledged += one.acknowledged;
    total.missing += one.missing;
    total.height = one.height;
    if (done % 10 === 0) process.stderr.write(`${name}: ${done} of ${count} rounds\n`);
  }
  return total;
}

function report(name: string, count: number, outcome: Outcome, verification: string): void {
  console.log(`T1 ${name}: ${count} rounds, ${outcome.acknowledged} blocks acknowledged, ${outcome.missing} lost; ${verification}`);
}

async function sqliteRound(path: string, manner: string, wait_ms: number): Promise<Outcome> {
  const acknowledged = await runAndKill(['sqlite', path, 'FULL', manner], wait_ms);
  const store = await sqliteStore(path);
  const missing = await lost(store, acknowledged);
  const height = await reopen(store);
  await store.close();
  return { acknowledged: acknowledged.size, missing, height };
}

async function whole(store: Store): Promise<string> {
  const verification = await verifyStore(store);
  if (!verification.ok) process.exitCode = 1;
  await store.close();
  return verification.ok
    ? `whole chain of ${verification.height} verifies, 0 gaps`
    : `VERIFY FAILED at ${verification.height}: ${verification.problem}`;
}

const honest = join(folder, 'honest.sqlite');
const sqlite = await campaign('SQLite', rounds, (wait_ms) => sqliteRound(honest, 'honest', wait_ms));
report('SQLite', rounds, sqlite, await whole(await sqliteStore(honest)));
const eager = join(folder, 'eager.sqlite');
const few = Math.min(rounds, 20);
const control = await campaign('control', few, (wait_ms) => sqliteRound(eager, 'eager', wait_ms));
report('control (acknowledges before appending)', few, control, 'must lose some');
if (sqlite.missing > 0 || control.missing === 0) process.exitCode = 1;

if (hasEtcd()) {
  const cluster = await EtcdCluster.start(1);
  const [node] = cluster.nodes;
  const store = etcdStore({ endpoints: cluster.endpoints, prefix: 'kill' });
  const outcome = await campaign('etcd', rounds, async (wait_ms) => {
    const acknowledged = await runAndKill(['etcd', cluster.endpoints.join(','), 'kill', 'honest'], wait_ms, () =>
      node.process.kill('SIGKILL'),
    );
    if (node.process.exitCode === null && node.process.signalCode === null) await cluster.kill(node);
    cluster.restart(node);
    await cluster.ready();
    return { acknowledged: acknowledged.size, missing: await lost(store, acknowledged), height: await reopen(store) };
  });
  report('etcd', rounds, outcome, await whole(store));
  if (outcome.missing > 0) process.exitCode = 1;
  await cluster.stop();
} else console.log('T1 etcd: SKIPPED, no etcd on this machine');
rmSync(folder, { recursive: true });
