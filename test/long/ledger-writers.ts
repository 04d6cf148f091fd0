/**
 * Many writers at once: the sum of what is acknowledged is the balance, each transaction is in the block that was named, and no block is empty.
 *   node lib/test/long/ledger-writers.js [rounds = 100] [processes = 5]
 * Handles in this process on memory, SQLite and etcd (where there is one), 20 and 100 writers; then processes of `intermodel ledger submit` on one
 * file. Control: writers that believe the receipt of the open block.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packageRoot } from '../../src/backend/index.js';
import { etcdStore, memoryStore, openLedger, type Store, sqliteStore } from '../../src/ledger/index.js';
import { EtcdCluster, hasEtcd } from '../ledger/etcd-cluster.js';
import { type Answer, audit, GENESIS, hasty, PAYER, race, SINK, type Writer } from '../ledger/writers.js';

const rounds = Number(process.argv[2] ?? 100);
const processRounds = Number(process.argv[3] ?? 5);
const folder = mkdtempSync(join(tmpdir(), 'intermodel-writers-'));
let ledgers = 0;

async function campaign(name: string, writers: number, open: () => () => Promise<Store>, writer?: Writer): Promise<number> {
  let wrong = 0;
  const began = performance.now();
  for (let round = 0; round < rounds; round++) {
    const problem = await race(open(), writers, writer);
    if (problem === undefined) continue;
    if (wrong++ === 0) console.log(`  ${name}, round ${round}: ${problem}`);
  }
  const took = ((performance.now() - began) / 1000).toFixed(0);
  console.log(`${name}: ${rounds} rounds of ${writers} writers, ${wrong} rounds wrong, ${took} s`);
  return wrong;
}

function submitted(path: string): Promise<Answer> {
  const action = JSON.stringify({ kind: 'transfer', to: SINK, amount: '1' });
  const args = ['ledger', 'submit', path, action, '--key', join(folder, 'payer.key'), '--json'];
  const child = spawn(process.execPath, [join(packageRoot, 'lib/src/cli/main.js'), ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let text = '';
  child.stdout.on('data', (data) => {
    text += data;
  });
  return new Promise((resolve) =>
    child.on('close', (code) => resolve(text === '' ? { code: `exit ${code}`, hash: '', height: 0, blockHash: null } : JSON.parse(text))),
  );
}

async function processes(writers: number): Promise<number> {
  let wrong = 0;
  const began = performance.now();
  for (let round = 0; round < processRounds; round++) {
    const path = join(folder, `processes-${ledgers++}.sqlite`);
    await (await openLedger({ path, genesis: GENESIS })).close();
    const answers = await Promise.all(Array.from({ length: writers }, () => submitted(path)));
    const store = await sqliteStore(path);
    const problem = await audit(store, answers);
    await store.close();
    if (problem !== undefined && wrong++ === 0) console.log(`  processes, round ${round}: ${problem}`);
  }
  const took = ((performance.now() - began) / 1000).toFixed(0);
  console.log(`processes on one file: ${processRounds} rounds of ${writers} writers, ${wrong} rounds wrong, ${took} s`);
  return wrong;
}

const memory = () => {
  const store = memoryStore();
  return async () => store;
};
const sqlite = () => {
  const path = join(folder, `${ledgers++}.sqlite`);
  return () => sqliteStore(path, { busy_ms: 60_000 });
};

writeFileSync(join(folder, 'payer.key'), JSON.stringify(PAYER), { mode: 0o600 });
let wrong = 0;
for (const writers of [20, 100]) wrong += await campaign('memory', writers, memory);
for (const writers of [20, 100]) wrong += await campaign('SQLite', writers, sqlite);
if (hasEtcd()) {
  const cluster = await EtcdCluster.start(1);
  const etcd = () => {
    const prefix = `writers-${ledgers++}`;
    return async () => etcdStore({ endpoints: cluster.endpoints, prefix, total_ms_max: 120_000 });
  };
  for (const writers of [20, 100]) wrong += await campaign('etcd', writers, etcd);
  await cluster.stop();
} else console.log('etcd: not on this machine, not tried');
for (const writers of [20, 100]) wrong += await processes(writers);
const control = await campaign('control, SQLite', 20, sqlite, hasty);
if (control === 0) console.log('CONTROL FAILED: the harness did not see lost transactions');
rmSync(folder, { recursive: true, force: true });
process.exitCode = wrong === 0 && control > 0 ? 0 : 1;
