/** Where peers are, and the connections to them. */
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { type PeerKey, TransportError } from '../types.js';
import type { Loaded } from './load.js';

/** How long setting up a connection may take. */
const DIAL_MS = 15_000;

const MOVED = 'the peer has moved';

/** An attempt to connect, which several calls may wait for. */
interface Dial {
  readonly connecting: Promise<Connection>;
  readonly abort: AbortController;
}

/** Connects to peers by their keys, and follows them when they move. */
export class Dialler {
  readonly #node: Libp2p;
  readonly #packages: Loaded;
  readonly #dials = new Map<PeerKey, Dial>();
  /** Addresses of the last introduction, by key. libp2p forgets them when the peer says others of itself. */
  readonly #introduced = new Map<PeerKey, readonly string[]>();
  /** Keys that this peer has dialled itself. */
  readonly #outgoing = new Set<PeerKey>();

  constructor(node: Libp2p, packages: Loaded) {
    this.#node = node;
    this.#packages = packages;
  }

  /** Whether a peer was introduced or dialled here: its addresses are kept when it is gone. */
  knows(peer: PeerKey): boolean {
    return this.#introduced.has(peer) || this.#outgoing.has(peer);
  }

  /**
   * Remembers where a peer can be reached; connects when it is first asked. These addresses replace what was known of it.
   * Connections to an address of the last introduction that this one leaves out are cut, and all of its connections when
   * none of these addresses was known before: a process that is gone without a goodbye would otherwise keep calls waiting
   * until TCP gives up, minutes later. Calls under way on such a connection fail as `unreachable`.
   *
   * @param peer public key of the peer.
   * @param addresses multiaddrs, with or without its peer id.
   */
  async introduce(peer: PeerKey, addresses: readonly string[]): Promise<void> {
    const { multiaddr } = this.#packages['@multiformats/multiaddr'];
    const id = this.#idOf(peer);
    const multiaddrs = addresses.map((address) => multiaddr(address));
    const told = multiaddrs.map((address) => this.#placeOf(address));
    const before = this.#introduced.get(peer) ?? [];
    const known = [...before, ...(await this.#learned(id))];
    const moved = told.length > 0 && known.length > 0 && !known.some((address) => told.includes(address));
    const left = before.filter((address) => !told.includes(address));
    const stale = this.#node.getConnections(id).filter(({ remoteAddr }) => moved || left.includes(this.#placeOf(remoteAddr)));
    const dial = moved ? this.#dials.get(peer) : undefined;
    this.#introduced.set(peer, told);
    // Beside the addresses, patch keeps the signed record of a former process, and libp2p prefers it if that one's clock was ahead.
    await this.#node.peerStore[moved ? 'save' : 'patch'](id, { multiaddrs });
    for (const connection of stale) connection.abort(new Error(MOVED));
    if (dial !== undefined) await this.#abandon(peer, dial);
  }

  /** A stream of this protocol to a peer. @throws TransportError `unreachable` */
  async open(peer: PeerKey, protocol: string, signal: AbortSignal): Promise<Stream> {
    try {
      const connection = await this.#connect(peer, signal);
      try {
        return await connection.newStream(protocol, { signal });
      } catch (error) {
        // A connection whose muxer the other side closed still counts as open here, and would be handed out for ever.
        if (signal.aborted || !(error instanceof Error) || error.name !== 'ConnectionClosedError') throw error;
        connection.abort(error);
        return await (await this.#connect(peer, signal)).newStream(protocol, { signal });
      }
    } catch (error) {
      throw new TransportError('unreachable', error instanceof Error ? error.message : String(error));
    }
  }

  /** A connection takes as long as it takes: calls with short deadlines share one attempt, and giving up a call does not undo it. */
  #connect(peer: PeerKey, signal: AbortSignal): Promise<Connection> {
    const newest = this.#newestConnection(peer);
    if (newest !== undefined) return Promise.resolve(newest);
    const { connecting } = this.#dials.get(peer) ?? this.#dial(peer);
    return new Promise((resolve, reject) => {
      const giveUp = () => reject(new Error('the call was given up'));
      signal.addEventListener('abort', giveUp, { once: true });
      connecting.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
    });
  }

  /** The newest, because a peer that was restarted and called here may have left an older one behind that only looks open. */
  #newestConnection(peer: PeerKey): Connection | undefined {
    let newest: Connection | undefined;
    for (const connection of this.#node.getConnections(this.#idOf(peer))) {
      if (connection.status !== 'open') continue;
      if (newest === undefined || connection.timeline.open > newest.timeline.open) newest = connection;
    }
    return newest;
  }

  #dial(peer: PeerKey): Dial {
    this.#outgoing.add(peer);
    const abort = new AbortController();
    const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(DIAL_MS)]);
    const connecting = this.#node.dial(this.#idOf(peer), { signal });
    const dial = { connecting, abort };
    this.#dials.set(peer, dial);
    const forget = () => {
      if (this.#dials.get(peer) === dial) this.#dials.delete(peer);
    };
    connecting.then(forget, forget);
    return dial;
  }

  async #abandon(peer: PeerKey, dial: Dial): Promise<void> {
    if (this.#dials.get(peer) === dial) this.#dials.delete(peer);
    dial.abort.abort(new Error(MOVED));
    // libp2p lets a new dial join one that is still in its queue, and drops an aborted one only in the turns that follow.
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Where a peer is, as far as this one knows, without peer ids. */
  known(peer: PeerKey): Promise<string[]> {
    return this.#learned(this.#idOf(peer));
  }

  /** Addresses that libp2p learned of a peer. */
  async #learned(id: PeerId): Promise<string[]> {
    if (!(await this.#node.peerStore.has(id))) return [];
    const { addresses } = await this.#node.peerStore.get(id);
    return addresses.map(({ multiaddr }) => this.#placeOf(multiaddr));
  }

  /** A multiaddr without the peer id at its end, which some sources add and others leave out. */
  #placeOf(address: Multiaddr): string {
    return address.decapsulateCode(this.#packages['@multiformats/multiaddr'].CODE_P2P).toString();
  }

  #idOf(peer: PeerKey): PeerId {
    const { publicKeyFromRaw } = this.#packages['@libp2p/crypto'];
    return this.#packages['@libp2p/peer-id'].peerIdFromPublicKey(publicKeyFromRaw(Buffer.from(peer, 'hex')));
  }
}
