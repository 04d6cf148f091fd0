/** One participant in a process of its own: finds the keeper of the ledger and its peers, lives, and tells what it measured. */
import { type Backend, createBackend } from '../../backend/index.js';
import { AbortedError, InputError } from '../../core/errors.js';
import { describeData } from '../../data/dataset.js';
import { createKey } from '../../ledger/index.js';
import type { Libp2pTransport } from '../../network/index.js';
import { buildCast } from '../demo/cast.js';
import { dataNamed } from '../demo/named-data.js';
import { type Member, memberBuilder, type Relay } from '../demo/population.js';
import { Chain } from '../living/chain.js';
import { Life, type LifeProgress } from '../living/life.js';
import { Link } from '../living/link.js';
import type { PeerResult } from '../living/messages.js';
import { live } from '../living/together.js';
import { loadTensorflow } from '../models/tensorflow.js';
import { inputWidthOf } from '../samples.js';
import { UNDERSTUDY_STREAM, Understudy } from '../students/understudy.js';
import type { PeerConfig } from './config.js';
import { addressesIn, endpointOf } from './endpoint.js';
import { introduceKeeper, openTransport } from './open-transport.js';
import { loadOwn } from './own.js';
import { readState, writeState } from './state-file.js';

/** Cancellation and progress. */
export interface PeerHooks {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: LifeProgress) => void;
}

/** How long a step may take to end after Ctrl-C. */
const GRACE_MS = 3_000;

const UNDERSTUDY = { hidden: 64, learningRate: 5e-3 } as const;

/** The participant and what it runs on. */
interface Played {
  readonly member: Member;
  readonly encoderBackend: PeerResult['encoderBackend'];
  readonly data: PeerResult['data'];
}

/**
 * Runs one participant to its end.
 *
 * @param config from {@link readPeerConfig}
 * @param hooks `signal` stops it between two steps; progress
 * @returns what it measured; the keeper of the ledger has it too
 * @throws EnvironmentError without tensorflow.js, data, native addon or libp2p, or when the keeper is silent; AbortedError
 */
export async function runPeer(config: PeerConfig, hooks: PeerHooks = {}): Promise<PeerResult> {
  const transport = await openTransport(config);
  try {
    await introduceKeeper(transport, config.keeper.key, config.keeper.addresses);
    const late = after(GRACE_MS, hooks.signal);
    return await unless(late, liveOn(transport, config, hooks, late));
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

async function liveOn(transport: Libp2pTransport, config: PeerConfig, hooks: PeerHooks, late: AbortSignal): Promise<PeerResult> {
  const { settings, seed, keeper } = config;
  const { kind, isa } = config.backend;
  const backend = createBackend({ kind, threads: 1, ...(isa === undefined ? {} : { isa }) });
  const key = createKey(Buffer.from(config.identity, 'hex'));
  const waiting = { patience_ms: 1000 * keeper.patience_s, signal: late };
  const chain = await Chain.open({ transport, keeper: keeper.key, key, temperature: settings.maskTemperature, backend, waiting });
  const index = positionOn(chain, key.publicKey, settings.participants);
  const { member, ...described } = await play(index, config, backend, (peer, inputs, batch) => link.relay(peer, inputs, batch));
  const { participant, validation } = member;
  const { width } = settings;
  const inputWidth = inputWidthOf(participant.data);
  const stream = [UNDERSTUDY_STREAM, index];
  const understudy = config.students ? new Understudy({ ...UNDERSTUDY, inputWidth, width, seed, stream, backend }) : undefined;
  const standIn = understudy === undefined ? {} : { understudy };
  const link: Link = new Link({ transport, stakeOf: (peer) => chain.stakeOf(peer), inputWidth, width, ...standIn });
  const life = new Life({
    ...{ participant, validation, settings, seed, link, chain, backend, ...standIn },
    endpoint: endpointOf(config.announce ?? transport.addresses()),
    onEndpoint: async (peer, endpoint) => {
      // An endpoint that nobody can dial is its owner's affair: calls to it fail, and are counted as unreachable.
      await transport.introduce(peer, addressesIn(endpoint)).catch(() => undefined);
      link.network.forgive(peer);
    },
    onProgress: (progress) => {
      hooks.onProgress?.(progress);
      telling = chain.tell(progress);
    },
  });
  let telling: Promise<void> = Promise.resolve();
  try {
    await takeUp(life, config.state);
    await liveAndKeep(life, config.state, hooks.signal);
    await telling; // nobody asks anybody any more: the counters below are of calls that have ended
    const result = { ...booksOf(life, link), ...described };
    await chain.deliver(result);
    return result;
  } finally {
    participant.dispose();
  }
}

function positionOn(chain: Chain, key: string, participants: number): number {
  const keys = chain.keys();
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

/** Its part of the cast, or a participant of its owner's own. */
async function play(index: number, config: PeerConfig, backend: Backend, relay: Relay): Promise<Played> {
  const { settings, seed } = config;
  if (config.participant !== undefined) {
    const { inputWidth } = config;
    const { participants: peers, width: answers } = settings;
    const context = { index, peers, width: answers, ...(inputWidth === undefined ? {} : { inputWidth }), seed, settings, backend, relay };
    const member = await loadOwn(config.participant, context);
    const { data } = member.participant;
    const width = inputWidthOf(data);
    const samples = data.size + member.validation.size;
    const name = member.participant.name;
    return { member, encoderBackend: { name: 'own', version: '' }, data: { name, samples, classes: 0, height: 1, width } };
  }
  const { tf, name, version } = await loadTensorflow(config.tensorflow);
  const data = await dataNamed(config.data);
  const cast = buildCast({ participants: settings.participants, classes: data.train.classes, largestShard: settings.largestShard, seed });
  const member = memberBuilder({ cast, data, settings, seed, tf, backend })(index, relay);
  return { member, encoderBackend: { name, version }, data: describeData(data) };
}

async function takeUp(life: Life, path: string | undefined): Promise<void> {
  const saved = path === undefined ? null : await readState(path);
  if (saved !== null) await life.restore(saved);
}

/** Keeps what it has learnt after every block, and when it is stopped between two steps. */
async function liveAndKeep(life: Life, path: string | undefined, signal: AbortSignal | undefined): Promise<void> {
  try {
    await live(life, signal, () => keep(life, path));
  } catch (error) {
    if (error instanceof AbortedError) await keep(life, path);
    throw error;
  }
}

async function keep(life: Life, path: string | undefined): Promise<void> {
  if (path !== undefined) await writeState(path, await life.save());
}

function booksOf(life: Life, { network }: Link) {
  const result = life.result();
  if (result === null) throw new InputError('BTM_DOMAIN', 'ended before it had measured anything', { argument: 'life' });
  const usage = process.resourceUsage();
  return {
    ...result,
    traffic: [...network.traffic()],
    service: network.serviceCounters(),
    processor_s: (usage.userCPUTime + usage.systemCPUTime) / 1e6,
    memory_mb: usage.maxRSS / 1024,
  };
}
