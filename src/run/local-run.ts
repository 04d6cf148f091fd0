/** Participants that live in one process: the same lives as between machines, over the in-process transport or libp2p on loopback. */
import { setImmediate as nextTick } from 'node:timers/promises';
import type { Backend } from '../../backend/index.js';
import { AbortedError, InputError } from '../../core/errors.js';
import { createKey, memoryStore, type Store } from '../../ledger/index.js';
import type { Identity, PeerKey } from '../../network/index.js';
import type { Member, Relay } from '../demo/population.js';
import type { DemoBlock, DemoSettings } from '../demo/result.js';
import { resolveSettings } from '../demo/settings.js';
import { inputWidthOf } from '../samples.js';
import { UNDERSTUDY_STREAM, Understudy, type UnderstudyOptions } from '../students/understudy.js';
import { describeBlock, describeLedger, type Lived } from './books.js';
import { Chain } from './chain.js';
import { genesisOf, identityOf, keeperIdentity } from './genesis.js';
import { Keeper } from './keeper.js';
import { Life, type LifeProgress, type LifeSettings, type Phase } from './life.js';
import { Link } from './link.js';
import { type Meeting, type MeetingKind, openMeeting } from './meeting.js';

/** Builds a participant; `relay` asks another one. */
export type MemberFactory = (relay: Relay) => Member;

/** Who lives, and how. */
export interface TogetherOptions {
  readonly members: readonly MemberFactory[];
  /** What differs from `DEMO_DEFAULTS`; `participants` follows from the members. */
  readonly settings?: Partial<DemoSettings>;
  readonly seed: number;
  readonly backend: Backend;
  /** Where the ledger is kept. Default: in memory. */
  readonly store?: Store;
  /** How they reach one another. Default 'memory'; the numbers do not depend on it. */
  readonly transport?: MeetingKind;
  /** Hidden units and step size of everybody's understudy. Left out: nobody has one, and zeros stand for whoever is away. */
  readonly understudies?: Pick<UnderstudyOptions, 'hidden' | 'learningRate'>;
}

/** Cancellation and progress. */
export interface TogetherHooks {
  readonly signal?: AbortSignal;
  /** Called for each participant, by its position. */
  readonly onProgress?: (participant: number, progress: LifeProgress) => void;
}

/**
 * Lets participants live a whole life in this process: join, train, settle, measure, be ranked and paid. `examples/own-models.ts` shows three of them.
 *
 * @param options who lives, with which settings
 * @param hooks cancellation and progress
 * @returns what each measured, and the ledger; the same seed and models give the same bytes, and the same as between machines
 * @throws AbortedError when the signal fired
 * @paper section 1.6, steps 1 to 6
 */
export async function liveTogether(options: TogetherOptions, hooks: TogetherHooks = {}): Promise<Lived> {
  const together = await openTogether(options, hooks);
  try {
    await together.live();
    return await together.lived();
  } finally {
    await together.close();
  }
}

/** Brings participants together without letting them do anything yet. Whoever opens this closes it. */
export async function openTogether(options: TogetherOptions, hooks: TogetherHooks = {}): Promise<Together> {
  if (!Array.isArray(options.members) || options.members.length < 2) {
    throw new InputError('BTM_SHAPE', 'must be a list of at least two participants', { argument: 'members', value: options.members });
  }
  const settings = resolveSettings({ ...options.settings, participants: options.members.length });
  const identities = options.members.map((_, index) => identityOf(options.seed, index));
  const meeting = openMeeting(options.transport ?? 'memory');
  const books = await openBooks(identities, settings, options, meeting);
  const together = new Together({ options, settings, hooks, identities, meeting, ...books });
  try {
    for (const factory of options.members) await together.add(factory);
    return together;
  } catch (error) {
    await together.close();
    throw error;
  }
}

/** Nobody is late in one process. */
const ONE_DAY_MS = 24 * 3600 * 1000;

/** One participant and what it lives with. */
export interface Alive {
  readonly life: Life;
  readonly link: Link;
  readonly member: Member;
  readonly understudy: Understudy | undefined;
}

/** The ledger, and what is written down of it. */
interface Books {
  readonly keeper: Keeper;
  readonly blocks: readonly DemoBlock[];
  /** By key; a participant that has not come yet goes by its number. */
  readonly names: Map<PeerKey, string>;
  /** Rejects when a block cannot be closed. */
  readonly failed: Promise<never>;
}

async function openBooks(
  identities: readonly Identity[],
  settings: LifeSettings,
  { seed, store = memoryStore() }: TogetherOptions,
  meeting: Meeting,
): Promise<Books> {
  const keys = identities.map(({ key }) => key);
  const names = new Map(keys.map((key, index) => [key, `participant ${index}`]));
  const blocks: DemoBlock[] = [];
  const { transport } = await meeting.join(keeperIdentity(seed));
  let onFailure!: (error: unknown) => void;
  const failed = new Promise<never>((_, reject) => {
    onFailure = reject;
  });
  failed.catch(() => undefined); // whoever lives then hears of it
  const keeper: Keeper = await Keeper.start({
    transport,
    store,
    genesis: genesisOf(keys, settings),
    patience_ms: ONE_DAY_MS,
    onFailure,
    onBlock: (round, refused) => blocks.push(describeBlock(keeper.ledger, names, round, refused)),
  });
  return { keeper, blocks, names, failed };
}

/** What a {@link Together} stands on. */
interface Ground extends Books {
  readonly options: TogetherOptions;
  readonly settings: LifeSettings;
  readonly hooks: TogetherHooks;
  readonly identities: readonly Identity[];
  readonly meeting: Meeting;
}

/** The participants of one process, their ledger and the way between them. */
export class Together {
  readonly everybody: Alive[] = [];

  constructor(private readonly ground: Ground) {}

  /** The next participant: at its place, with its ledger, not living yet. */
  async add(factory: MemberFactory): Promise<void> {
    const { identities, meeting, keeper, names, options, settings, hooks } = this.ground;
    const { seed, backend } = options;
    const index = this.everybody.length;
    const identity = identities[index];
    const { transport, endpoint } = await meeting.join(identity);
    const key = createKey(identity.seed);
    const chain = await Chain.open({ transport, keeper: keeper.network.self, key, temperature: settings.maskTemperature, backend });
    const member = factory((peer, inputs, batch) => link.relay(peer, inputs, batch));
    const { participant, validation } = member;
    const inputWidth = inputWidthOf(participant.data);
    const standIn = this.#standIn(index, inputWidth);
    const stakeOf = (peer: PeerKey) => chain.stakeOf(peer);
    const link: Link = new Link({ transport, stakeOf, inputWidth, width: settings.width, oneProcess: true, ...standIn });
    const onProgress = (progress: LifeProgress) => hooks.onProgress?.(index, progress);
    const life = new Life({ participant, validation, settings, seed, link, chain, backend, endpoint, onProgress, ...standIn });
    names.set(identity.key, participant.name);
    this.everybody.push({ life, link, member, understudy: standIn.understudy });
  }

  /** Everybody lives until it comes to this phase. */
  async live(until: Phase = 'done'): Promise<void> {
    const { hooks, failed } = this.ground;
    await Promise.race([Promise.all(this.everybody.map(({ life }) => live(life, hooks.signal, undefined, until))), failed]);
  }

  /** Takes a participant off the network completely: it asks nobody and nobody reaches it. */
  async leave(index: number): Promise<void> {
    await this.everybody[index].link.leave();
    this.ground.meeting.left(this.ground.identities[index].key);
  }

  /** Brings it back under its own key; it answers at once. It no longer follows the ledger: for measurements after training. */
  async rejoin(index: number): Promise<void> {
    const { transport } = await this.ground.meeting.join(this.ground.identities[index]);
    this.everybody[index].link.rejoin(transport);
  }

  /** What each measured, and the ledger as it stands. */
  async lived(): Promise<Lived> {
    const results = this.everybody.map(({ life }) => life.result());
    return { results, blocks: this.ground.blocks, ...(await describeLedger(this.ground.keeper.ledger)) };
  }

  async close(): Promise<void> {
    await this.ground.keeper.close();
    for (const { link, member } of this.everybody) {
      await link.leave();
      member.participant.dispose();
    }
  }

  #standIn(index: number, inputWidth: number): { readonly understudy?: Understudy } {
    const { options, settings } = this.ground;
    const { understudies, seed, backend } = options;
    if (understudies === undefined) return {};
    const stream = [UNDERSTUDY_STREAM, index];
    return { understudy: new Understudy({ ...understudies, inputWidth, width: settings.width, seed, stream, backend }) };
  }
}

/**
 * Steps until it is done; lets timers and signals in between two of them.
 * @param onBlock called after every step in which a block was closed while training
 * @param until stops earlier, when it comes to this phase
 */
export async function live(
  life: Life,
  signal: AbortSignal | undefined,
  onBlock?: () => Promise<void>,
  until: Phase = 'done',
): Promise<void> {
  for (let more = true; more && life.state.phase !== until; ) {
    await nextTick();
    if (signal?.aborted === true) throw new AbortedError('a life');
    const { blocks } = life.state;
    more = await life.step();
    if (life.state.blocks > blocks) await onBlock?.();
  }
}
