/** One participant in a process of its own: finds the coordinator of the ledger and its peers, lives, and tells what it measured. */

import { type Backend, createBackend } from '../backend/index.js';
import { AbortedError, InputError } from '../core/errors.js';
import { createKey } from '../ledger/index.js';
import type { Libp2pTransport } from '../network/index.js';
import { inputWidthOf } from '../participant/samples.js';
import { STAND_IN_STREAM, StandIn } from '../participant/students/stand-in.js';
import { ForkError } from '../run/head-watch.js';
import { LedgerClient } from '../run/ledger-client.js';
import { advance } from '../run/local-run.js';
import type { Relay } from '../run/member.js';
import { ParticipantRun } from '../run/participant-run.js';
import { PeerClient } from '../run/peer-client.js';
import type { PeerResult } from '../run/protocol.js';
import type { Roster, RosterMember } from '../run/roster.js';
import type { RunProgress } from '../run/run-state.js';
import { addressesIn, endpointOf } from './endpoint.js';
import { introduceCoordinator, openTransport } from './open-transport.js';
import type { PeerConfig } from './peer-config.js';
import { loadPlugin } from './plugin.js';
import { readState, writeProof, writeState } from './state-file.js';

/** Cancellation and progress. */
export interface PeerHooks {
  /** Builds the participant of each place, where the configuration names no module of its own. */
  readonly roster?: Roster;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RunProgress) => void;
  /** What it waits for, as a line for people. */
  readonly onWaiting?: (line: string) => void;
}

/** How long a step may take to end after Ctrl-C. */
const GRACE_MS = 3_000;

const STAND_IN = { hidden: 64, learningRate: 5e-3 } as const;

/**
 * Runs one participant to its end.
 *
 * @param config from {@link readPeerConfig}
 * @param hooks `signal` stops it between two steps; progress
 * @returns what it measured; the coordinator of the ledger has it too
 * @throws EnvironmentError without data, native addon or libp2p, or when the coordinator is silent; AbortedError
 */
export async function runPeer(config: PeerConfig, hooks: PeerHooks = {}): Promise<PeerResult> {
  const transport = await openTransport(config);
  try {
    await introduceCoordinator(transport, config.coordinator.key, config.coordinator.addresses);
    const late = after(GRACE_MS, hooks.signal);
    return await unless(late, runOn(transport, config, hooks, late));
  } finally {
    await transport.close(); // an open socket would keep the process alive
  }
}

/** Fires so long after the other. */
function after(delay_ms: number, signal: AbortSignal | undefined): AbortSignal {
  const late = new AbortController();
  const wait = (): void => void setTimeout(() => late.abort(), delay_ms).unref();
  if (signal?.aborted === true) wait();
  else signal?.addEventListener('abort', wait, { once: true });
  return late.signal;
}

/** A step that waits for others may take minutes. Past its time it is left behind. */
async function unless<T>(late: AbortSignal, work: Promise<T>): Promise<T> {
  work.catch(() => {}); // once left behind it fails as its connections close, which was asked for
  const left = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () => reject(new AbortedError('this participant')), { once: true });
  });
  return Promise.race([work, left]);
}

async function runOn(transport: Libp2pTransport, config: PeerConfig, hooks: PeerHooks, late: AbortSignal): Promise<PeerResult> {
  const { settings, seed, coordinator } = config;
  const { kind, isa } = config.backend;
  const backend = createBackend({ kind, threads: 1, ...(isa === undefined ? {} : { isa }) });
  const key = createKey(Buffer.from(config.identity, 'hex'));
  const onSilence = (reason: string): void => {
    const place = coordinator.addresses.length === 0 ? 'its address is to be discovered' : coordinator.addresses.join(', ');
    hooks.onWaiting?.(`the coordinator of the ledger (${place}) does not answer (${reason}); trying for ${coordinator.patience_s} s`);
  };
  const waiting = { patience_ms: 1000 * coordinator.patience_s, signal: late, onSilence };
  const ledger = await LedgerClient.open({
    transport,
    coordinator: coordinator.key,
    key,
    temperature: settings.maskTemperature,
    backend,
    waiting,
    signedHeads: true,
  });
  hooks.onWaiting?.('joining: the others have to come before the first round begins');
  const index = positionOn(ledger, key.publicKey, settings.participants);
  const { member, ...described } = await build(index, config, hooks.roster, backend, (peer, inputs, batch) =>
    client.relay(peer, inputs, batch),
  );
  const { participant } = member;
  const { width, answerBound } = settings;
  const inputWidth = inputWidthOf(participant.data);
  const stream = [STAND_IN_STREAM, index];
  const standIn = config.students ? { standIn: new StandIn({ ...STAND_IN, inputWidth, width, seed, stream, backend }) } : {};
  const client: PeerClient = new PeerClient({
    transport,
    stakeOf: (peer) => ledger.stakeOf(peer),
    inputWidth,
    width,
    answerBound,
    height: () => ledger.height,
    calls: ledger.heads.calls(),
    worth: (peer) => ledger.worthOf(peer),
    ...standIn,
  });
  const run = new ParticipantRun({
    ...{ ...member, settings, seed, client, ledger, backend, ...standIn },
    endpoint: endpointOf(config.announce ?? transport.addresses()),
    onEndpoint: async (peer, endpoint) => {
      // An endpoint that cannot be dialled concerns its owner only: calls to it fail, and are counted as unreachable.
      await transport.introduce(peer, addressesIn(endpoint)).catch(() => undefined);
      client.network.forgive(peer);
    },
    onProgress: (progress) => {
      hooks.onProgress?.(progress);
      telling = ledger.tell(progress);
    },
  });
  let telling: Promise<void> = Promise.resolve();
  try {
    await provingForks(config.state, async () => {
      await takeUp(run, config.state);
      await runAndKeep(run, config.state, hooks.signal);
    });
    await telling; // no more requests are made: the counters below are of calls that have ended
    const result = { ...booksOf(run, client), ...described };
    await ledger.deliver(result);
    return result;
  } finally {
    participant.dispose();
  }
}

function positionOn(ledger: LedgerClient, key: string, participants: number): number {
  const keys = ledger.keys();
  const index = keys.indexOf(key);
  if (index < 0) throw new InputError('BTM_DOMAIN', 'is no participant of this ledger', { argument: 'config.identity', value: key });
  if (keys.length !== participants) {
    throw new InputError('BTM_DOMAIN', `must be ${keys.length}, the participants of this ledger`, {
      argument: 'config.settings.participants',
      value: participants,
    });
  }
  return index;
}

/** The participant of this place on the roster, or one from its owner's module. */
async function build(index: number, config: PeerConfig, roster: Roster | undefined, backend: Backend, relay: Relay): Promise<RosterMember> {
  const { settings, seed, data: source } = config;
  if (config.participant !== undefined) {
    const { inputWidth } = config;
    const { participants: peers, width: answers } = settings;
    const context = { index, peers, width: answers, ...(inputWidth === undefined ? {} : { inputWidth }), seed, settings, backend, relay };
    const member = await loadPlugin(config.participant, context);
    const { data } = member.participant;
    const width = inputWidthOf(data);
    const samples = data.size + member.validation.size;
    const name = member.participant.name;
    return { member, data: { name, samples, classes: 0, height: 1, width } };
  }
  if (roster !== undefined) return roster.build(index, { settings, seed, data: source, backend }, relay);
  throw new InputError('BTM_TYPE', 'must name a module, because this run has no roster', { argument: 'config.participant' });
}

async function takeUp(run: ParticipantRun, path: string | undefined): Promise<void> {
  const saved = path === undefined ? null : await readState(path);
  if (saved !== null) await run.restore(saved);
}

/** Where the ledger turns out to be another one than before, the proof is kept beside the state file. */
async function provingForks(path: string | undefined, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error instanceof ForkError && error.proof !== undefined && path !== undefined) await writeProof(path, error.proof);
    throw error;
  }
}

/** Keeps what it has learnt after every block, and when it is stopped between two steps. */
async function runAndKeep(run: ParticipantRun, path: string | undefined, signal: AbortSignal | undefined): Promise<void> {
  try {
    await advance(run, signal, () => keep(run, path));
  } catch (error) {
    if (error instanceof AbortedError) await keep(run, path);
    throw error;
  }
}

async function keep(run: ParticipantRun, path: string | undefined): Promise<void> {
  if (path !== undefined) await writeState(path, await run.save());
}

function booksOf(run: ParticipantRun, { network }: PeerClient) {
  const result = run.result();
  if (result === null) throw new InputError('BTM_DOMAIN', 'ended before it had measured anything', { argument: 'run' });
  const usage = process.resourceUsage();
  return {
    ...result,
    traffic: [...network.traffic()],
    service: network.serviceCounters(),
    refusals: network.refusals(),
    processor_s: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
    memory_mb: usage.maxRSS / 1024,
  };
}
