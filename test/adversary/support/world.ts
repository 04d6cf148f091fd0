/** A small whole run on a virtual clock, in one process: participants, a coordinator, and whoever attacks them. */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createKey, memoryStore, ROW_PARTS, type SigningKey, TOKEN } from '../../../src/ledger/index.js';
import { createHub, type Hub, type Identity, type PeerKey, type RefusalReport, type Transport } from '../../../src/network/index.js';
import { Coordinator } from '../../../src/run/coordinator.js';
import { genesisOf } from '../../../src/run/genesis.js';
import { advance } from '../../../src/run/local-run.js';
import type { RowWriter } from '../../../src/run/member.js';
import type { Refusal } from '../../../src/run/open-block.js';
import { expectedOf } from '../../../src/run/sessions.js';
import { type RunSettings, resolveSettings } from '../../../src/run/settings.js';
import { VirtualClock } from '../../network/support/virtual-clock.js';
import { coordinatorKey, identities, type Played, participant, SEED, WIDTH } from './played.js';

export { INPUTS, type Played, SEED, WIDTH } from './played.js';

/** Members of a run where nothing else is said; where a member attacks it is the last. */
export const MEMBERS = 4;

export const SETTINGS: RunSettings = resolveSettings({
  ...{ participants: MEMBERS, rounds: 2, batch: 4, width: WIDTH, headHidden: 4, blocks: 2, closingBlocks: 1 },
  ...{ validation: 8, blockValidation: 8, refitSteps: 2, refitBatch: 4, refitSamples: 8 },
});

/** Virtual time that a barrier waits. */
const PATIENCE_MS = 20_000;

/** Virtual time of one turn of the event loop: honest participants arrive long before patience ends, and no run waits for real time. */
const TURN_MS = 5;

/** What an attacker has to work with. */
export interface Stage {
  readonly hub: Hub;
  readonly clock: VirtualClock;
  readonly settings: RunSettings;
  readonly coordinator: Coordinator;
  /** Keys of the members, honest ones first. */
  readonly keys: readonly PeerKey[];
  readonly honest: readonly Played[];
  /** The hostile member, where there is one. */
  readonly hostile: { readonly identity: Identity; readonly key: SigningKey } | null;
  /** Becomes true when the honest participants have ended. */
  readonly over: () => boolean;
}

/** How a run is attacked, and which defence is off. */
export interface WorldOptions {
  readonly attack?: (stage: Stage) => Promise<void>;
  /** Whether the last member attacks in place of taking part. */
  readonly hostileMember?: boolean;
  readonly settings?: Partial<RunSettings>;
  /** Default {@link MEMBERS}. */
  readonly members?: number;
  /** The last members take part, over transports that this wraps: what it changes is how they deviate. Default: all are honest. */
  readonly deviant?: (transport: Transport, stage: () => Stage) => Transport;
  /** How many of the last members deviate. Default 1 with `deviant`. */
  readonly deviants?: number;
  /** What the deviating members write in place of what they measured. */
  readonly deviantWrites?: RowWriter;
  /** What the honest members write in place of what they measured. */
  readonly honestWrites?: RowWriter;
  /** Called before the first step; for negative controls, which take a defence away here. */
  readonly prepare?: (stage: Stage) => void;
  /** Whether calls have deadlines. Default true; false is a negative control. */
  readonly deadlines?: boolean;
  /** Whether barriers wait for those that do not come no longer than their patience. Default true; false is a negative control. */
  readonly patience?: boolean;
  /** Whether the coordinator signs the heads of its ledger, as between processes. Default false. */
  readonly signed?: boolean;
  /** Whether members tell one another the heads that they were shown. Default true; false is a negative control. */
  readonly exchange?: boolean;
  /** The coordinator serves over a transport that this wraps: what it changes is how it deviates. Default: it is honest. */
  readonly coordinatorOver?: (transport: Transport, stage: () => Stage) => Transport;
  /** Whether the coordinator knows the settings of the run. Default true; false is a negative control. */
  readonly expected?: boolean;
}

/** What a run left behind. */
export interface WorldResult {
  /** Hash of what all honest participants measured, and of stake and weights. */
  readonly digest: string;
  /** Laws that were broken. */
  readonly violations: readonly string[];
  /** Of the honest participants and the coordinator. */
  readonly refusals: readonly RefusalReport[];
  /** Per deviating member: what was noticed of it, by what, most often first. */
  readonly noticed: readonly Readonly<Record<string, number>>[];
  /** Final rows of the honest members, `[honest, members]`, parts of one. */
  readonly rows: readonly (readonly number[])[];
  /** Stake at the end, tokens. */
  readonly stake: readonly number[];
  readonly honest: readonly Played[];
  readonly keys: readonly PeerKey[];
  /** What the coordinator took for results. */
  readonly told: readonly unknown[];
  /** What ended honest participants early. */
  readonly ends: readonly unknown[];
}

/** Virtual time after which a run that has not ended counts as stuck. */
const STUCK_MS = 600_000;

/** Runs it to its end. */
export async function playWorld(options: WorldOptions = {}): Promise<WorldResult> {
  const { members = MEMBERS, deviant } = options;
  const settings = { ...SETTINGS, participants: members, ...options.settings };
  const hub = createHub();
  const clock = new VirtualClock();
  const keys = identities.slice(0, members).map(({ key }) => key);
  const violations: string[] = [];
  const refused: Refusal[] = [];
  const out: PeerKey[] = [];
  const told: unknown[] = [];
  const expected = options.expected === false ? {} : { expected: expectedOf(settings, SEED) };
  let stage!: Stage;
  const over = options.coordinatorOver ?? ((transport: Transport) => transport);
  const signing = options.signed === true ? { key: createKey(coordinatorKey.seed) } : {};
  const coordinator = await Coordinator.start({
    ...{
      transport: over(hub.join(coordinatorKey), () => stage),
      ...signing,
      store: memoryStore(),
      genesis: genesisOf(keys, settings),
      clock,
      schedule: settings,
    },
    ...{ patience_ms: options.patience === false ? 10 * STUCK_MS : PATIENCE_MS, ...expected },
    onFailure: (error) => violations.push(`the ledger failed: ${String(error)}`),
    onBlock: (_, codes) => void refused.push(...codes),
    onMember: (key, event) => event === 'out' && out.push(key),
    onResult: (_, result) => told.push(result),
  });
  const start = coordinator.ledger.state().supply;
  let [behind, ended] = [false, false];
  const pumped = pump(clock, () => ended);
  const count = deviant === undefined ? members - Number(options.hostileMember === true) : members - (options.deviants ?? 1);
  const parts = {
    clock,
    settings,
    deadlines: options.deadlines !== false,
    signed: options.signed === true,
    exchange: options.exchange !== false,
  };
  const honest: Played[] = [];
  for (let index = 0; index < count; index++)
    honest.push(await participant(index, parts, hub.join(identities[index]), options.honestWrites));
  const hostile = count < members ? { identity: identities[count], key: createKey(identities[count].seed) } : null;
  stage = { hub, clock, settings, coordinator, keys, honest, hostile, over: () => behind };
  const deviating: Played[] = [];
  for (let index = count; deviant !== undefined && index < members; index++) {
    deviating.push(
      await participant(
        index,
        parts,
        deviant(hub.join(identities[index]), () => stage),
        options.deviantWrites,
      ),
    );
  }
  options.prepare?.(stage);
  const attacked = options.attack?.(stage).catch((error: unknown) => violations.push(`the attacker itself failed: ${String(error)}`));
  const live = async ({ run, ledger }: Played) => {
    await advance(run, undefined);
    await ledger.deliver(run.result());
  };
  for (const played of deviating) live(played).catch(() => undefined); // where its own run ends is its own affair
  const stuck = clock.sleep(STUCK_MS).then(() => Promise.reject(new Error('stuck')));
  stuck.catch(() => undefined); // told to those who race with it
  const ends = await Promise.allSettled(honest.map((played) => Promise.race([live(played), stuck])));
  behind = true;
  await attacked;
  ended = true;
  await pumped;
  for (const [index, end] of ends.entries())
    if (end.status === 'rejected') violations.push(`participant ${index} ended: ${String(end.reason)}`);
  const state = coordinator.ledger.state();
  for (const [index, { ledger }] of honest.entries()) {
    const { submitted, accepted, refused } = ledger.rows;
    if (submitted !== accepted)
      violations.push(`${submitted} rows of participant ${index}, ${accepted} in blocks: ${JSON.stringify(refused)}`);
    if (submitted !== settings.blocks + settings.closingBlocks) violations.push(`participant ${index} wrote ${submitted} rows`);
  }
  if (state.supply !== start + state.minted) violations.push(`supply ${state.supply} is not ${start} + ${state.minted}`);
  if (!(await coordinator.ledger.verify()).ok) violations.push('the chain does not verify');
  const results = honest.map(({ run }) => run.result());
  if (!results.every((result) => result?.measurement.ideal.every(Number.isFinite)))
    violations.push('a measurement is missing or not finite');
  const refusals = [...honest.map(({ client }) => client.network.refusals()), coordinator.network.refusals()];
  for (const { taskFailures } of refusals)
    if (Object.keys(taskFailures).length > 0) violations.push(`tasks failed: ${JSON.stringify(taskFailures)}`);
  const weights = state.weights();
  const everything = [results, keys.map((key) => String(state.stake(key))), [...weights.parts]];
  const digest = createHash('sha256').update(JSON.stringify(everything)).digest('hex');
  const noticed = keys.slice(count).map((key) => noticedOf(key, { honest, refusals, refused, out }));
  const rows = honest.map((_, at) => [...weights.parts.subarray(at * members, (at + 1) * members)].map((part) => part / ROW_PARTS));
  const stake = keys.map((key) => Number(state.stake(key)) / Number(TOKEN));
  for (const { client } of [...honest, ...deviating]) await client.leave();
  await coordinator.close();
  return {
    digest,
    violations,
    refusals,
    noticed,
    rows,
    stake,
    honest,
    keys,
    told,
    ends: ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : [])),
  };
}

/** Everything that honest participants and the coordinator can say about one member. */
function noticedOf(
  key: PeerKey,
  seen: {
    readonly honest: readonly Played[];
    readonly refusals: readonly RefusalReport[];
    readonly refused: readonly Refusal[];
    readonly out: readonly PeerKey[];
  },
): Record<string, number> {
  const counts: Record<string, number> = {};
  const add = (what: string, times: number): void => {
    if (times > 0) counts[what] = (counts[what] ?? 0) + times;
  };
  for (const { bySender } of seen.refusals)
    for (const { sender, reasons } of bySender)
      if (sender === key) for (const [reason, times] of Object.entries(reasons)) add(reason, times);
  for (const { client } of seen.honest) {
    const { timeout = 0, errors = {} } = client.network.traffic().get(key) ?? {};
    add('no answer', timeout);
    for (const [code, times] of Object.entries(errors)) add(`answers ${code}`, times);
  }
  for (const { key: from, code } of seen.refused) if (from === key) add(`transaction ${code}`, 1);
  add('out', seen.out.filter((one) => one === key).length);
  return counts;
}

async function pump(clock: VirtualClock, over: () => boolean): Promise<void> {
  while (!over()) {
    await nextTurn();
    await clock.runUntil(clock.now() + TURN_MS);
  }
}
