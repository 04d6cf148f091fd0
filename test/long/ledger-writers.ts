/**
 * Many writers at once: the sum of what is acknowledged is the balance, each transaction is in the block that was named, and no block is empty.
 *   node lib/test/long/ledger-writers.js [rounds = 100] [rounds of the command line = 1]
 * 20 and 100 writers, each with a handle of its own: in this process on memory; in five processes that race on SQLite and, where there is one, on
 * etcd; as members of `intermodel ledger serve`, while two others write to its file. Then as many processes of `intermodel ledger submit`.
 * Control: writers that believe the receipt of the open block.
 */
import { fork, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../../src/backend/index.js';
import { memoryStore, openLedger, type Store, sqliteStore, TOKEN } from '../../src/ledger/index.js';
import { EtcdCluster, hasEtcd } from '../ledger/etcd-cluster.js';
import { type Answer, audit, durable, GENESIS, hasty, PAYER, race, SINK } from '../ledger/writers.js';
import { memberKey, type Order, openPlace, type Place, type Report } from './support/writer-process.js';

const rounds = Number(process.argv[2] ?? 100);
const commandRounds = Number(process.argv[3] ?? 1);
const PROCESSES = 5;
const folder = mkdtempSync(join(tmpdir(), 'intermodel-writers-'));
let ledgers = 0;

/** Processor time of the other processes. */
let elsewhere_s = 0;

/** Plays rounds, and tells what they found and took. Returns how many were wrong. */
async function campaign(
  name: string,
  writers: number,
  times: number,
  play: (round: number) => Promise<string | undefined>,
): Promise<number> {
  let wrong = 0;
  const [began, usage, others] = [performance.now(), process.cpuUsage(), elsewhere_s];
  for (let round = 0; round < times; round++) {
    const problem = await play(round);
    if (problem === undefined) continue;
    if (wrong++ === 0) console.log(`  ${name}, round ${round}: ${problem}`);
  }
  const { user, system } = process.cpuUsage(usage);
  const processor_s = (user + system) / 1e6 + elsewhere_s - others;
  const [took, each] = [(performance.now() - began) / 1000, processor_s / times];
  console.log(
    `${name}: ${times} rounds of ${writers} writers, ${wrong} wrong, ${took.toFixed(1)} s, ${each.toFixed(2)} s of processor time a round`,
  );
  return wrong;
}

/** A process of writers. */
class Crew {
  readonly #child = fork(fileURLToPath(new URL('./support/writer-process.js', import.meta.url)), ['writers']);
  #resolve: (report: Report) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;

  constructor() {
    this.#child.on('message', (report: Report) => this.#resolve(report));
    this.#child.on('exit', (code) => this.#reject(new Error(`a process of writers ended with ${code}`)));
  }

  async tell(order: Order): Promise<Report> {
    const answered = new Promise<Report>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#child.send(order);
    const report = await answered;
    elsewhere_s += report.processor_s;
    return report;
  }

  end(): void {
    this.#child.disconnect();
  }
}

/** Started once for all rounds. */
const crews = Array.from({ length: PROCESSES }, () => new Crew());

const all = (order: (at: number) => Order): Promise<readonly Report[]> => Promise.all(crews.map((crew, at) => crew.tell(order(at))));

/** All processes write to one place. */
async function atOnce(place: Place, writers: number): Promise<string | undefined> {
  const first = await openPlace(place);
  await (await openLedger({ store: first, genesis: GENESIS })).refresh();
  await all(() => ({ do: 'open', place, writers: writers / PROCESSES }));
  const reports = await all(() => ({ do: 'go', round: 0 }));
  await all(() => ({ do: 'close' }));
  const problem = await audit(
    first,
    reports.flatMap(({ answers }) => answers),
  );
  await first.close();
  return problem;
}

/** Writers who believe whatever they are told, as {@link race} has them. */
const control = async (): Promise<string | undefined> => race(sqlite(), 20, hasty);

/** Members of a coordinator, and two writers of its file. */
async function served(writers: number): Promise<number> {
  const path = join(folder, `served-${ledgers++}.sqlite`);
  const members = Array.from({ length: writers }, (_, number) => memberKey(number).publicKey);
  const participants = members.map((key) => ({ key, stake: TOKEN, balance: TOKEN }));
  await (await openLedger({ path, genesis: { ...GENESIS, participants } })).close();
  const keeper = new Crew();
  const { served: coordinator } = await keeper.tell({ do: 'serve', path });
  const share = writers / PROCESSES;
  await all((at) => ({ do: 'join', coordinator: coordinator!, members: Array.from({ length: share }, (_, k) => at * share + k) }));
  const store = await sqliteStore(path, { busy_ms: 60_000 });
  const others = await Promise.all([1, 2].map(() => openLedger({ store })));
  let acknowledged = 0;
  const wrong = await campaign('serve', writers, rounds, async (round) => {
    const foreign = Promise.all(others.map((ledger) => durable(ledger, PAYER)));
    const answers: Answer[] = (await all(() => ({ do: 'go', round }))).flatMap((report) => report.answers);
    answers.push(...(await foreign));
    await keeper.tell({ do: 'go', round }); // what it took
    acknowledged += answers.filter(({ code }) => code === 'ok').length;
    const other = answers.find(({ code }) => code !== 'ok');
    if (other !== undefined) return `a writer was told ${other.code}`;
    await others[0].refresh();
    const balance = others[0].state().balance(SINK);
    return balance === BigInt(acknowledged) ? undefined : `${acknowledged} acknowledged, ${balance} arrived`;
  });
  await all(() => ({ do: 'close' }));
  await keeper.tell({ do: 'close' });
  keeper.end();
  const verified = await others[0].verify();
  await store.close();
  if (!verified.ok) console.log(`  serve: ${verified.problem}`);
  return wrong + Number(!verified.ok);
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

/** One process for each writer, from its start. */
async function commandLine(writers: number): Promise<string | undefined> {
  const path = join(folder, `commands-${ledgers++}.sqlite`);
  await (await openLedger({ path, genesis: GENESIS })).close();
  const answers = await Promise.all(Array.from({ length: writers }, () => submitted(path)));
  const store = await sqliteStore(path);
  const problem = await audit(store, answers);
  await store.close();
  return problem;
}

const sqlite = (): (() => Promise<Store>) => {
  const path = join(folder, `${ledgers++}.sqlite`);
  return () => sqliteStore(path, { busy_ms: 60_000 });
};

writeFileSync(join(folder, 'payer.key'), JSON.stringify(PAYER), { mode: 0o600 });
const sizes = [20, 100];
let wrong = 0;
for (const writers of sizes) {
  wrong += await campaign('memory', writers, rounds, () => {
    const store = memoryStore();
    return race(async () => store, writers);
  });
}
for (const writers of sizes) {
  wrong += await campaign('SQLite', writers, rounds, () => atOnce({ path: join(folder, `${ledgers++}.sqlite`) }, writers));
}
if (hasEtcd()) {
  const cluster = await EtcdCluster.start(1);
  for (const writers of sizes) {
    wrong += await campaign('etcd', writers, rounds, () =>
      atOnce({ endpoints: cluster.endpoints, prefix: `writers-${ledgers++}` }, writers),
    );
  }
  await cluster.stop();
} else console.log('etcd: not on this machine, not tried');
for (const writers of sizes) wrong += await served(writers);
for (const crew of crews) crew.end();
for (const writers of sizes) wrong += await campaign('command line', writers, commandRounds, () => commandLine(writers));
const seen = await campaign('control, SQLite', 20, Math.min(rounds, 10), control);
if (seen === 0) console.log('CONTROL FAILED: the harness did not see lost transactions');
rmSync(folder, { recursive: true, force: true });
process.exitCode = wrong === 0 && seen > 0 ? 0 : 1;
