/**
 * T8: the same transactions into memory, SQLite and etcd, and into the reference and the native settlement on every instruction set.
 *   node lib/test/long/ledger-same.js [blocks = 1000]
 * Control: one base unit more in one transfer must give another hash.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadAddon } from '../../src/backend/load.js';
import {
  etcdStore,
  kernelProcessor,
  type LedgerKernels,
  memoryStore,
  openLedger,
  type Processor,
  referenceProcessor,
  type Store,
  sqliteStore,
} from '../../src/ledger/index.js';
import { EtcdCluster, hasEtcd } from '../ledger/etcd-cluster.js';
import { testKey, Workload } from '../ledger/workload.js';

const blocks = Number(process.argv[2] ?? 1000);
const SEED = 21;

async function run(store: Store, processor: Processor, extra = 0n): Promise<string> {
  const work = new Workload(SEED, 12, { rows: 'open', epsilon: 250_000_000 });
  const ledger = await openLedger({ store, genesis: work.genesis, processor, history: 1 });
  for (let block = 0; block < blocks; block++) {
    for (let count = work.blockSize(); count > 0; count--) {
      const { key, action } = work.next(ledger.pending());
      ledger.submitAction(key, action);
    }
    if (block === 0) {
      const { code } = ledger.submitAction(testKey(13), { kind: 'transfer', to: testKey(14).publicKey, amount: 1n + extra });
      if (code !== 'ok') throw new Error(`the transfer that the control changes was refused: ${code}`);
    }
    await ledger.closeBlock();
  }
  const result = `head ${ledger.head} state ${ledger.state().root()}`;
  await store.close();
  return result;
}

const folder = mkdtempSync(join(tmpdir(), 'intermodel-same-'));
const { addon } = loadAddon();
const results = new Map<string, string>();
const record = async (name: string, outcome: Promise<string>): Promise<void> => {
  results.set(name, await outcome);
  console.log(`T8 ${name}: ${results.get(name)}`);
};
await record('memory, reference', run(memoryStore(), referenceProcessor));
for (const [isa, status] of Object.entries(addon.describe().isas)) {
  if (status !== 'available') continue;
  await record(`memory, native ${isa}`, run(memoryStore(), kernelProcessor(addon.createEngine(isa, 2) as unknown as LedgerKernels, isa)));
}
await record('SQLite, reference', run(await sqliteStore(join(folder, 'a.sqlite')), referenceProcessor));
if (hasEtcd()) {
  const cluster = await EtcdCluster.start(1);
  await record('etcd, reference', run(etcdStore({ endpoints: cluster.endpoints, prefix: 'same' }), referenceProcessor));
  await cluster.stop();
} else console.log('T8 etcd: SKIPPED, no etcd on this machine');
const different = new Set(results.values()).size;
const control = await run(memoryStore(), referenceProcessor, 1n);
const caught = !new Set(results.values()).has(control);
console.log(
  `T8 ${blocks} blocks, seed ${SEED}: ${results.size} ways, ${different} different result; control with one base unit more ${caught ? 'differs' : 'IS THE SAME'}`,
);
rmSync(folder, { recursive: true });
if (different !== 1 || !caught) process.exitCode = 1;
