/** A small whole run on a virtual clock, in one process: four participants, a coordinator, and whoever attacks them. */
import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createBackend } from '../../../src/backend/index.js';
import { createKey, memoryStore, type SigningKey } from '../../../src/ledger/index.js';
import { createHub, createIdentity, type Hub, type Identity, type PeerKey, type RefusalReport } from '../../../src/network/index.js';
import { uniforms } from '../../../src/participant/draw.js';
import { DenseNet } from '../../../src/participant/models/dense-net.js';
import { Participant } from '../../../src/participant/participant.js';
import type { Samples } from '../../../src/participant/samples.js';
import { StandIn } from '../../../src/participant/students/stand-in.js';
import { Coordinator } from '../../../src/run/coordinator.js';
import { genesisOf } from '../../../src/run/genesis.js';
import { LedgerClient } from '../../../src/run/ledger-client.js';
import { advance } from '../../../src/run/local-run.js';
import { settingsHash } from '../../../src/run/messages.js';
import { ParticipantRun } from '../../../src/run/participant-run.js';
import { PeerClient } from '../../../src/run/peer-client.js';
import { participantSettings, type RunSettings, resolveSettings } from '../../../src/run/settings.js';
import { VirtualClock } from '../../network/support/virtual-clock.js';

export const SEED = 5;
export const [INPUTS, WIDTH] = [4, 2];
const backend = createBackend({ kind: 'native', threads: 1 });

/** Members of every run; where a member attacks it is the last. */
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
  readonly honest: readonly { readonly run: ParticipantRun; readonly client: PeerClient; readonly ledger: LedgerClient }[];
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
}

/** What a run left behind. */
export interface WorldResult {
  /** Hash of what all honest participants measured, and of stake and weights. */
  readonly digest: string;
  /** Laws that were broken. */
  readonly violations: readonly string[];
  /** Of the honest participants and the coordinator. */
  readonly refusals: readonly RefusalReport[];
}

const identities = Array.from({ length: MEMBERS }, (_, index) => createIdentity(new Uint8Array(32).fill(index + 1)));
const coordinatorKey = createIdentity(new Uint8Array(32).fill(99));

/** Runs it to its end. */
export async function playWorld(options: WorldOptions = {}): Promise<WorldResult> {
  const settings = { ...SETTINGS, ...options.settings };
  const hub = createHub();
  const clock = new VirtualClock();
  const keys = identities.map(({ key }) => key);
  const violations: string[] = [];
  const coordinator = await Coordinator.start({
    ...{ transport: hub.join(coordinatorKey), store: memoryStore(), genesis: genesisOf(keys, settings), clock, patience_ms: PATIENCE_MS },
    ...{ schedule: settings, expected: { settings: settingsHash(settings, SEED), width: WIDTH } },
    onFailure: (error) => violations.push(`the ledger failed: ${String(error)}`),
  });
  const start = coordinator.ledger.state().supply;
  let [over, ended] = [false, false];
  const pumped = pump(clock, () => ended);
  const count = options.hostileMember === true ? MEMBERS - 1 : MEMBERS;
  const honest = [];
  for (let index = 0; index < count; index++) honest.push(await participant(index, hub, clock, settings));
  const hostile = options.hostileMember === true ? { identity: identities[count], key: createKey(identities[count].seed) } : null;
  const stage: Stage = { hub, clock, settings, coordinator, keys, honest, hostile, over: () => over };
  const attacked = options.attack?.(stage).catch((error: unknown) => violations.push(`the attacker itself failed: ${String(error)}`));
  const ends = await Promise.allSettled(honest.map(({ run }) => advance(run, undefined)));
  over = true;
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
  const told = [results, keys.map((key) => String(state.stake(key))), [...state.weights().parts]];
  const digest = createHash('sha256').update(JSON.stringify(told)).digest('hex');
  for (const { client } of honest) await client.leave();
  await coordinator.close();
  return { digest, violations, refusals };
}

async function pump(clock: VirtualClock, over: () => boolean): Promise<void> {
  while (!over()) {
    await nextTurn();
    await clock.runUntil(clock.now() + TURN_MS);
  }
}

async function participant(index: number, hub: Hub, clock: VirtualClock, settings: RunSettings) {
  const transport = hub.join(identities[index]);
  const key = createKey(identities[index].seed);
  const temperature = settings.maskTemperature;
  const ledger = await LedgerClient.open({ transport, coordinator: coordinatorKey.key, key, temperature, backend, clock });
  const net = (purpose: number) =>
    DenseNet.random({
      ...({ widths: [INPUTS, 4, WIDTH], activation: 'tanh', outputActivation: 'identity', seed: SEED } as const),
      ...{ stream: [purpose, index], optimiser: { learningRate: 5e-3 }, backend },
    }).asModel();
  const played = new Participant(
    { index, name: `p${index}`, data: samples(index, 24), encoder: net(1), proxy: net(2) },
    participantSettings(settings, { outputs: 2, seed: SEED, backend }),
  );
  const standIn = new StandIn({ inputWidth: INPUTS, hidden: 3, width: WIDTH, learningRate: 5e-3, seed: SEED, stream: [7, index], backend });
  const stakeOf = (peer: PeerKey) => ledger.stakeOf(peer);
  const client = new PeerClient({ transport, stakeOf, inputWidth: INPUTS, width: WIDTH, standIn, clock, height: () => ledger.height });
  const run = new ParticipantRun({
    ...{ participant: played, validation: samples(100 + index, 8), settings, seed: SEED, client, ledger, backend, standIn },
    endpoint: `/memory/${index}`,
  });
  return { run, client, ledger };
}

function samples(owner: number, size: number): Samples {
  const inputs = Float32Array.from(uniforms(SEED, [owner], size * INPUTS));
  const labels = Int32Array.from({ length: size }, (_, row) => Number(inputs[INPUTS * row] > inputs[INPUTS * row + 1]));
  return { size, inputs, targets: { loss: 'softmaxCrossEntropy', labels } };
}
