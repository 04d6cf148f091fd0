/**
 * The writer that the crash tests kill: appends blocks as fast as it can and prints `ack HEIGHT HASH` after each was acknowledged.
 *   node ledger-writer.js sqlite PATH [FULL|NORMAL] [honest|eager]     node ledger-writer.js etcd ENDPOINTS PREFIX [honest|eager]
 * `eager` acknowledges before it appends: the negative control.
 */
import { writeSync } from 'node:fs';
import { etcdStore, openLedger, type Store, sqliteStore } from '../../src/ledger/index.js';
import { testKey, Workload } from '../ledger/workload.js';

const [kind, place, mode, manner] = process.argv.slice(2);
const honest: Store =
  kind === 'sqlite'
    ? await sqliteStore(place, { synchronous: mode as 'FULL' | 'NORMAL' })
    : etcdStore({ endpoints: place.split(','), prefix: mode });
// A write to a pipe that returned is in the parent's hands, whatever becomes of this process.
const acknowledge = (height: number, hash: string): unknown => writeSync(1, `ack ${height} ${hash}\n`);
const eager: Store = Object.assign(Object.create(honest) as Store, {
  append: (expected: number, block: Parameters<Store['append']>[1]) => {
    acknowledge(block.height, block.hash);
    return new Promise((resolve) => setTimeout(resolve, 5)).then(() => honest.append(expected, block));
  },
});
const store = manner === 'eager' ? eager : honest;
const ledger = await openLedger({ store, genesis: new Workload(7, 4, { rows: 'open' }).genesis, history: 1 });
for (;;) {
  ledger.submitAction(testKey(ledger.height % 4), { kind: 'transfer', to: testKey(5).publicKey, amount: 1n });
  const block = await ledger.closeBlock();
  if (manner !== 'eager') acknowledge(block.height, block.hash);
}
