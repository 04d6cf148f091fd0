/**
 * T5: three etcd nodes, each a host of its own on this machine. While blocks are appended the leader is killed, paused or cut off, in turn.
 *   node lib/test/long/ledger-faults.js [faults = 30]            needs etcd, and root for the hosts; says so and skips elsewhere
 * Control: two writers on a store that appends without comparing must lose acknowledged blocks.
 */
import { etcdStore, openLedger, type Store } from '../../src/ledger/index.js';
import { verifyStore } from '../../src/ledger/replay.js';
import { canCutNetworks, EtcdCluster, type EtcdNode, hasEtcd } from '../ledger/etcd-cluster.js';
import { testKey, Workload } from '../ledger/workload.js';
import { lost } from './crash-round.js';

const faults = Number(process.argv[2] ?? 30);
const KINDS = ['kill', 'pause', 'cut'] as const;
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function fault(cluster: EtcdCluster, node: EtcdNode, kind: (typeof KINDS)[number]): Promise<void> {
  if (kind === 'kill') await cluster.kill(node);
  else if (kind === 'pause') node.process.kill('SIGSTOP');
  else cluster.connect(node, false);
}

function heal(cluster: EtcdCluster, node: EtcdNode, kind: (typeof KINDS)[number]): void {
  if (kind === 'kill') cluster.restart(node);
  else if (kind === 'pause') node.process.kill('SIGCONT');
  else cluster.connect(node, true);
}

async function campaign(cluster: EtcdCluster): Promise<boolean> {
  const store = etcdStore({ endpoints: cluster.endpoints, prefix: 'faults', request_ms_max: 1000, total_ms_max: 60_000 });
  const ledger = await openLedger({ store, genesis: new Workload(5, 4, { rows: 'open' }).genesis, history: 1 });
  const acknowledged = new Map<number, string>();
  let last = performance.now();
  let stop = false;
  const writing = (async () => {
    while (!stop) {
      ledger.submitAction(testKey(ledger.height % 4), { kind: 'transfer', to: testKey(5).publicKey, amount: 1n });
      const block = await ledger.closeBlock();
      acknowledged.set(block.height, block.hash);
      last = performance.now();
      await sleep(20);
    }
  })();
  const resumed: number[] = [];
  for (let number = 0; number < faults; number++) {
    await sleep(300);
    const kind = KINDS[number % KINDS.length];
    const leader = (await cluster.leader()) ?? cluster.nodes[0];
    const began = performance.now();
    await fault(cluster, leader, kind);
    const struck = performance.now();
    // Requests under way when the fault struck may still be answered: what counts is a block begun and acknowledged after it.
    while (last < struck + 100) await sleep(10);
    resumed.push(last - began);
    await sleep(300);
    heal(cluster, leader, kind);
    await cluster.ready(60_000);
    process.stderr.write(
      `fault ${number + 1} of ${faults}: ${kind} ${leader.name}, writes resumed after ${(resumed.at(-1) ?? 0).toFixed(0)} ms, height ${ledger.height}\n`,
    );
  }
  stop = true;
  await writing;
  const missing = await lost(store, acknowledged);
  const longest = Math.max(...resumed);
  console.log(
    `T5 ${faults} faults (kill, pause, cut): ${acknowledged.size} blocks acknowledged, ${missing} lost; writes resumed within ${longest.toFixed(0)} ms at the longest`,
  );
  const states = new Set<string>();
  for (const node of cluster.nodes) {
    const local = etcdStore({ endpoints: [node.client], prefix: 'faults', local: true });
    for (let tries = 0; (await local.head()).height < ledger.height && tries < 100; tries++) await sleep(50);
    const check = await verifyStore(local);
    states.add(check.ok ? check.stateRoot : check.problem);
    console.log(`T5 replica ${node.name} read locally: ${check.ok ? `height ${check.height}, state ${check.stateRoot}` : check.problem}`);
  }
  return missing === 0 && states.size === 1 && longest < 10_000 && states.has(ledger.state().root());
}

/** Two writers whose store puts block and head without a comparison. */
async function control(cluster: EtcdCluster): Promise<boolean> {
  const blind = (): Store => {
    const store = etcdStore({ endpoints: cluster.endpoints, prefix: 'blind' });
    const raw = store as unknown as { put(name: string, bytes: Uint8Array): Promise<void> };
    const append: Store['append'] = async (_, block) => {
      await raw.put(
        `block/${String(block.height).padStart(12, '0')}`,
        Buffer.concat([Buffer.from(block.hash), Uint8Array.of(0), block.bytes]),
      );
      await raw.put('head', Buffer.from(`${block.height} ${block.hash}`));
      return 'appended';
    };
    return Object.assign(Object.create(store) as Store, { append });
  };
  const { genesis } = new Workload(5, 4, { rows: 'open' });
  const acknowledged: [number, string][] = [];
  const ledgers = [await openLedger({ store: blind(), genesis }), await openLedger({ store: blind() })];
  for (let block = 0; block < 10; block++) {
    for (const [writer, ledger] of ledgers.entries()) {
      ledger.submitAction(testKey(writer), { kind: 'transfer', to: testKey(5).publicKey, amount: 1n });
      const { height, hash } = await ledger.closeBlock();
      acknowledged.push([height, hash]);
    }
  }
  let missing = 0;
  for (const [height, hash] of acknowledged) missing += await lost(blind(), new Map([[height, hash]]));
  console.log(`T5 control (no comparison, two writers): ${acknowledged.length} blocks acknowledged, ${missing} lost`);
  return missing > 0;
}

if (!hasEtcd()) console.log('T5 SKIPPED: no etcd on this machine');
else if (!canCutNetworks()) console.log('T5 SKIPPED: hosts of their own need root and the ip tool');
else {
  const cluster = await EtcdCluster.start(3, { hosts: true });
  try {
    const held = await campaign(cluster);
    const caught = await control(cluster);
    if (!held || !caught) process.exitCode = 1;
  } finally {
    await cluster.stop();
  }
}
