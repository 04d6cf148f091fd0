/** Participants that live in one process: the same runs as between machines, over the in-process transport or libp2p on loopback. */

import { setImmediate as nextTick } from 'node:timers/promises';
import type { Backend } from '../backend/index.js';
import { AbortedError, InputError } from '../core/errors.js';
import { createKey, memoryStore, type Store } from '../ledger/index.js';
import type { Identity, PeerKey } from '../network/index.js';
import { inputWidthOf } from '../participant/samples.js';
import { STAND_IN_STREAM, StandIn, type StandInOptions } from '../participant/students/stand-in.js';
import { Coordinator } from './coordinator.js';
import { coordinatorIdentity, genesisOf, identityOf } from './genesis.js';
import { LedgerClient } from './ledger-client.js';
import type { Member, MemberFactory } from './member.js';
import { ParticipantRun } from './participant-run.js';
import { PeerClient } from './peer-client.js';
import { type BlockRecord, describeBlock, describeLedger, type RunRecord } from './run-record.js';
import type { Phase, RunProgress } from './run-state.js';
import { expectedOf } from './sessions.js';
import { type RunSettings, resolveSettings } from './settings.js';
import { type FabricKind, openFabric, type TransportFabric } from './transport-fabric.js';

/** Who takes part, and how. */
export interface LocalRunOptions {
  readonly members: readonly MemberFactory[];
  /** What differs from `RUN_DEFAULTS`; `participants` follows from the members. */
  readonly settings?: Partial<RunSettings>;
  readonly seed: number;
  readonly backend: Backend;
  /** Where the ledger is kept. Default: in memory. */
  readonly store?: Store;
  /** How they reach one another. Default 'memory'; the numbers do not depend on it. */
  readonly transport?: FabricKind;
  /** Hidden units and step size of the stand-ins. Left out: no participant has one, and zeros stand in the place of those that are away. */
  readonly standIns?: Pick<StandInOptions, 'hidden' | 'learningRate'>;
}

/** Cancellation and progress. */
export interface LocalRunHooks {
  readonly signal?: AbortSignal;
  /** Called for each participant, by its position. */
  readonly onProgress?: (participant: number, progress: RunProgress) => void;
}

/**
 * Runs participants in this process: they join, train, refit their heads, measure, and are ranked and paid. `examples/own-models.ts` shows three of them.
 *
 * @param options who takes part, with which settings
 * @param hooks cancellation and progress
 * @returns what each measured, and the ledger; the same seed and models give the same bytes, and the same as between machines
 * @throws AbortedError when the signal fired
 * @paper section 1.6, steps 1 to 6
 */
export async function runLocally(options: LocalRunOptions, hooks: LocalRunHooks = {}): Promise<RunRecord> {
  const localRun = await openLocalRun(options, hooks);
  try {
    await localRun.advance();
    return await localRun.record();
  } finally {
    await localRun.close();
  }
}

/** Brings participants together without letting them do anything yet. Whoever opens this closes it. */
export async function openLocalRun(options: LocalRunOptions, hooks: LocalRunHooks = {}): Promise<LocalRun> {
  if (!Array.isArray(options.members) || options.members.length < 2) {
    throw new InputError('BTM_SHAPE', 'must be a list of at least two participants', { argument: 'members', value: options.members });
  }
  const settings = resolveSettings({ ...options.settings, participants: options.members.length });
  const identities = options.members.map((_, index) => identityOf(options.seed, index));
  const fabric = openFabric(options.transport ?? 'memory');
  const ledger = await openLedgerOfRun(identities, settings, options, fabric);
  const localRun = new LocalRun({ options, settings, hooks, identities, fabric, ...ledger });
  try {
    for (const factory of options.members) await localRun.add(factory);
    return localRun;
  } catch (error) {
    await localRun.close();
    throw error;
  }
}

/** Within one process no participant is late. */
const ONE_DAY_MS = 24 * 3600 * 1000;

/** One participant and what it runs with. */
export interface LocalParticipant {
  readonly run: ParticipantRun;
  readonly client: PeerClient;
  readonly member: Member;
  readonly standIn: StandIn | undefined;
}

/** The ledger, and what is written down of it. */
interface LedgerOfRun {
  readonly coordinator: Coordinator;
  readonly blocks: readonly BlockRecord[];
  /** By key; a participant that has not come yet goes by its number. */
  readonly names: Map<PeerKey, string>;
  /** Rejects when a block cannot be closed. */
  readonly failed: Promise<never>;
}

async function openLedgerOfRun(
  identities: readonly Identity[],
  settings: RunSettings,
  { seed, store = memoryStore() }: LocalRunOptions,
  fabric: TransportFabric,
): Promise<LedgerOfRun> {
  const keys = identities.map(({ key }) => key);
  const names = new Map(keys.map((key, index) => [key, `participant ${index}`]));
  const blocks: BlockRecord[] = [];
  const { transport } = await fabric.join(coordinatorIdentity(seed));
  let onFailure!: (error: unknown) => void;
  const failed = new Promise<never>((_, reject) => {
    onFailure = reject;
  });
  failed.catch(() => undefined); // the run reports it
  const coordinator: Coordinator = await Coordinator.start({
    transport,
    store,
    genesis: genesisOf(keys, settings),
    patience_ms: ONE_DAY_MS,
    schedule: settings,
    expected: expectedOf(settings, seed),
    onFailure,
    onBlock: (round, refused) => blocks.push(describeBlock(coordinator.ledger, names, round, refused)),
  });
  return { coordinator, blocks, names, failed };
}

/** What a {@link LocalRun} stands on. */
interface Ground extends LedgerOfRun {
  readonly options: LocalRunOptions;
  readonly settings: RunSettings;
  readonly hooks: LocalRunHooks;
  readonly identities: readonly Identity[];
  readonly fabric: TransportFabric;
}

/**
 * The participants of one process, their ledger and what connects them. {@link runLocally} runs them to the end; opened by {@link openLocalRun} they can be advanced phase by phase,
 * taken away and brought back.
 *
 * @numerics the same bits as participants in processes of their own, whatever connects them
 */
export class LocalRun {
  readonly participants: LocalParticipant[] = [];

  constructor(private readonly ground: Ground) {}

  /** The next participant: at its place, with its ledger, not running yet. */
  async add(factory: MemberFactory): Promise<void> {
    const { identities, fabric, coordinator, names, options, settings, hooks } = this.ground;
    const { seed, backend } = options;
    const index = this.participants.length;
    const identity = identities[index];
    const { transport, endpoint } = await fabric.join(identity);
    const key = createKey(identity.seed);
    const ledger = await LedgerClient.open({
      transport,
      coordinator: coordinator.network.self,
      key,
      temperature: settings.maskTemperature,
      backend,
    });
    const member = factory((peer, inputs, batch) => client.relay(peer, inputs, batch));
    const { participant } = member;
    const inputWidth = inputWidthOf(participant.data);
    const standIn = this.#standIn(index, inputWidth);
    const stakeOf = (peer: PeerKey) => ledger.stakeOf(peer);
    const client: PeerClient = new PeerClient({
      transport,
      stakeOf,
      inputWidth,
      width: settings.width,
      answerBound: settings.answerBound,
      oneProcess: true,
      height: () => ledger.height,
      worth: (peer) => ledger.worthOf(peer),
      ...standIn,
    });
    const onProgress = (progress: RunProgress) => hooks.onProgress?.(index, progress);
    const run = new ParticipantRun({ ...member, settings, seed, client, ledger, backend, endpoint, onProgress, ...standIn });
    names.set(identity.key, participant.name);
    this.participants.push({ run, client, member, standIn: standIn.standIn });
  }

  /** All participants continue until they come to this phase. */
  async advance(until: Phase = 'done'): Promise<void> {
    const { hooks, failed } = this.ground;
    await Promise.race([Promise.all(this.participants.map(({ run }) => advance(run, hooks.signal, undefined, until))), failed]);
  }

  /** Takes a participant off the network completely: it asks no peer and no peer reaches it. */
  async leave(index: number): Promise<void> {
    await this.participants[index].client.leave();
    this.ground.fabric.left(this.ground.identities[index].key);
  }

  /** Brings it back under its own key; it answers at once. It no longer follows the ledger: for measurements after training. */
  async rejoin(index: number): Promise<void> {
    const { transport } = await this.ground.fabric.join(this.ground.identities[index]);
    this.participants[index].client.rejoin(transport);
  }

  /** What each measured, and the ledger as it stands. */
  async record(): Promise<RunRecord> {
    const results = this.participants.map(({ run }) => run.result());
    return { results, blocks: this.ground.blocks, ...(await describeLedger(this.ground.coordinator.ledger)) };
  }

  async close(): Promise<void> {
    await this.ground.coordinator.close();
    for (const { client, member } of this.participants) {
      await client.leave();
      member.participant.dispose();
    }
  }

  #standIn(index: number, inputWidth: number): { readonly standIn?: StandIn } {
    const { options, settings } = this.ground;
    const { standIns, seed, backend } = options;
    if (standIns === undefined) return {};
    const stream = [STAND_IN_STREAM, index];
    return { standIn: new StandIn({ ...standIns, inputWidth, width: settings.width, seed, stream, backend }) };
  }
}

/**
 * Steps until it is done; lets timers and signals in between two of them.
 * @param onBlock called after every step in which a block was closed while training
 * @param until stops earlier, when it comes to this phase
 */
export async function advance(
  run: ParticipantRun,
  signal: AbortSignal | undefined,
  onBlock?: () => Promise<void>,
  until: Phase = 'done',
): Promise<void> {
  for (let more = true; more && run.state.phase !== until; ) {
    await nextTick();
    if (signal?.aborted === true) throw new AbortedError('a run');
    const { blocks } = run.state;
    more = await run.step();
    if (run.state.blocks > blocks) await onBlock?.();
  }
}
