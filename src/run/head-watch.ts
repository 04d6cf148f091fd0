/** What a participant remembers of the ledger: the last head that its coordinator signed. A ledger that was rewritten does not contain it. */
import { EnvironmentError } from '../core/errors.js';
import { type ForkProof, forkProof, isSignedHead, type Ledger, type SignedHead } from '../ledger/index.js';
import type { PeerKey } from '../network/index.js';
import type { RecentBlocks } from './replica.js';

/** The coordinator's ledger is not the one that this participant has seen; where both heads are signed, with the proof. */
export class ForkError extends EnvironmentError {
  constructor(
    problem: string,
    readonly seen: SignedHead,
    readonly told: SignedHead,
    /** Two signatures of the coordinator that contradict each other; undefined where an older copy was put back, which proves nothing yet. */
    readonly proof: ForkProof | undefined,
  ) {
    const heads = [seen, told].map(({ height, hash }) => ({ what: `block ${height}`, reason: `${hash}, signed by the coordinator` }));
    const cure =
      proof === undefined
        ? 'Restore the newest copy of the ledger, or begin a new one with other state files.'
        : 'The proof shows to anyone that this coordinator signed two histories: agree on another one.';
    super('BTM_IO', problem, heads, [cure]);
  }
}

/**
 * How a head that another member was shown stands to the own ledger. `later`: this participant is not as far. `unknown`: that
 * height is long ago. `elsewhere`: the coordinator signed it for another ledger. `forged`: the coordinator did not sign it.
 */
export type Meeting = 'agrees' | 'later' | 'unknown' | 'elsewhere' | 'forged';

/** Remembers the last head, and compares every new one with it. */
export class HeadWatch {
  #seen: SignedHead | undefined;
  /** Whether the replica has been at the head that was seen: then it has replayed what follows from there. */
  #followed = false;

  /** @param coordinator whose signature counts */
  constructor(private readonly coordinator: PeerKey) {}

  /** The last head that was taken; undefined before the first. */
  get seen(): SignedHead | undefined {
    return this.#seen;
  }

  /** Takes up a head that was seen before a restart. One that this coordinator did not sign for this chain is not taken. */
  remember(head: unknown, chain: string): void {
    if (isSignedHead(head) && head.key === this.coordinator && head.chain === chain) this.#seen = head;
  }

  /**
   * Takes a new head, unless it contradicts what was seen or the replica.
   *
   * @param told what the coordinator answered
   * @param replica has replayed the ledger up to this head
   * @param header the header of the coordinator's block at a height; for the proof
   * @throws ForkError; EnvironmentError when the head is not signed by the coordinator
   */
  async take(told: unknown, replica: Ledger, header: (height: number) => Promise<Uint8Array | undefined>): Promise<void> {
    if (!isSignedHead(told) || told.key !== this.coordinator || told.chain !== replica.chain) {
      throw new EnvironmentError('BTM_IO', 'the coordinator of the ledger did not sign its head');
    }
    const seen = this.#seen;
    const follows = this.#followed && replica.height === told.height && replica.head === told.hash;
    if (seen !== undefined && (!follows || told.height <= seen.height)) await this.#compare(seen, told, header);
    if (replica.height === told.height && replica.head !== told.hash) {
      throw new EnvironmentError('BTM_IO', `the coordinator signed another block ${told.height} than it serves`);
    }
    this.#seen = told;
    this.#followed = replica.height >= told.height;
  }

  /**
   * Compares a head that another member was shown. Where both agree no signature is checked.
   *
   * @param told what that member sent
   * @param recent newest blocks of the own replica
   * @throws ForkError when the coordinator signed both heads and they cannot stand in one chain
   */
  meet(told: unknown, recent: RecentBlocks): Meeting {
    const seen = this.#seen;
    const { chain, height, hash } = (told ?? {}) as { readonly [K in keyof SignedHead]?: unknown };
    if (seen === undefined || recent.height < seen.height) return 'later';
    if (chain === seen.chain && typeof height === 'number') {
      if (height > seen.height) return 'later';
      if (hash === (height === seen.height ? seen.hash : recent.hash(height))) return 'agrees';
    }
    if (!isSignedHead(told) || told.key !== this.coordinator) return 'forged';
    if (told.chain !== seen.chain) return 'elsewhere';
    const proof = forkProof(told, seen, recent.headers(told.height, seen.height));
    if (proof === undefined) return 'unknown';
    throw new ForkError(`block ${told.height} of the ledger is not the one that another participant was shown`, seen, told, proof);
  }

  async #compare(seen: SignedHead, told: SignedHead, header: (height: number) => Promise<Uint8Array | undefined>): Promise<void> {
    if (told.height < seen.height) {
      const problem = `the ledger ends at block ${told.height}; this participant has seen block ${seen.height}`;
      throw new ForkError(problem, seen, told, undefined);
    }
    const headers: Uint8Array[] = [];
    for (let height = seen.height; seen.height > 0 && height <= told.height; height++) {
      const bytes = await header(height);
      if (bytes === undefined) return; // blocks that were forgotten: nothing can be said
      headers.push(bytes);
    }
    const proof = forkProof(seen, told, headers);
    if (proof === undefined) return;
    throw new ForkError(`block ${seen.height} of the ledger is not the one that this participant has seen`, seen, told, proof);
  }
}
