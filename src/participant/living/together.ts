/** Participants that live in one process: the same lives as between machines, over the in-process transport. */
import { setImmediate as nextTick } from 'node:timers/promises';
import type { Backend } from '../../backend/index.js';
import { AbortedError } from '../../core/errors.js';
import { createKey, memoryStore, type Store } from '../../ledger/index.js';
import { createHub, type Hub, type Identity } from '../../network/index.js';
import type { Member, Relay } from '../population.js';
import type { DemoBlock, DemoSettings } from '../result.js';
import { inputWidthOf } from '../samples.js';
import { resolveSettings } from '../settings.js';
import { describeBlock, describeLedger, type Lived } from './books.js';
import { Chain } from './chain.js';
import { genesisOf, identityOf, keeperIdentity } from './genesis.js';
import { Keeper } from './keeper.js';
import { Life, type LifeProgress, type LifeSettings } from './life.js';
import { Link } from './link.js';

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
  const { members, seed, backend, store = memoryStore() } = options;
  const settings = resolveSettings({ ...options.settings, participants: members.length });
  const hub = createHub();
  const identities = members.map((_, index) => identityOf(seed, index));
  const blocks: DemoBlock[] = [];
  const keeper: Keeper = await Keeper.start({
    transport: hub.join(keeperIdentity(seed)),
    store,
    genesis: genesisOf(
      identities.map(({ key }) => key),
      settings,
    ),
    patience_ms: ONE_DAY_MS,
    onBlock: (round, refused) => blocks.push(describeBlock(keeper.ledger, names, round, refused)),
  });
  const built: Born[] = [];
  const names = new Map(identities.map(({ key }, index) => [key, `participant ${index}`]));
  try {
    for (const [index, factory] of members.entries()) {
      const shared = { settings, seed, backend, hub, keeper };
      const born = await bear(factory, identities[index], shared, (progress) => hooks.onProgress?.(index, progress));
      built.push(born);
      names.set(identities[index].key, born.member.participant.name);
    }
    await Promise.all(built.map(({ life }) => live(life, hooks.signal)));
    return { results: built.map(({ life }) => life.result()), blocks, ...(await describeLedger(keeper.ledger)) };
  } finally {
    await keeper.close();
    for (const { link, member } of built) {
      await link.network.close();
      member.participant.dispose();
    }
  }
}

/** Nobody is late in one process. */
const ONE_DAY_MS = 24 * 3600 * 1000;

interface Born {
  readonly life: Life;
  readonly link: Link;
  readonly member: Member;
}

/** What all have in common. */
interface Shared {
  readonly settings: LifeSettings;
  readonly seed: number;
  readonly backend: Backend;
  readonly hub: Hub;
  readonly keeper: Keeper;
}

async function bear(
  factory: MemberFactory,
  identity: Identity,
  { settings, seed, backend, hub, keeper }: Shared,
  onProgress: (progress: LifeProgress) => void,
): Promise<Born> {
  const transport = hub.join(identity);
  const key = createKey(identity.seed);
  const chain = await Chain.open({ transport, keeper: keeper.network.self, key, temperature: settings.maskTemperature, backend });
  const member = factory((peer, inputs, batch) => link.relay(peer, inputs, batch));
  const { participant, validation } = member;
  const inputWidth = inputWidthOf(participant.data);
  const link: Link = new Link({ transport, stakeOf: (peer) => chain.stakeOf(peer), inputWidth, width: settings.width });
  const endpoint = `/memory/${identity.key.slice(0, 8)}`;
  const life = new Life({ participant, validation, settings, seed, link, chain, backend, endpoint, onProgress });
  return { life, link, member };
}

/**
 * Steps until it is done; lets timers and signals in between two of them.
 * @param onBlock called after every step in which a block was closed while training
 */
export async function live(life: Life, signal: AbortSignal | undefined, onBlock?: () => Promise<void>): Promise<void> {
  for (let more = true; more; ) {
    await nextTick();
    if (signal?.aborted === true) throw new AbortedError('a life');
    const { blocks } = life.state;
    more = await life.step();
    if (life.state.blocks > blocks) await onBlock?.();
  }
}
