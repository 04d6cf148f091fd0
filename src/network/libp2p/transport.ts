/** The libp2p transport: one direct stream per request, gossip for small announcements. */
import type { Connection, Libp2p, PeerId, Stream } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { checkNonNegative } from '../../core/validate.js';
import { decodeAnswer, decodeRequest, encodeAnswer, encodeRequest, type Header } from '../frame.js';
import type { Identity } from '../identity.js';
import {
  type AnnouncementListener,
  type Answer,
  DEFAULT_LIMITS,
  type Limits,
  type PeerKey,
  type Receiver,
  type RefusalCode,
  type Request,
  refuse,
  type Traffic,
  type Transport,
  TransportError,
  type WireType,
} from '../types.js';
import { type Loaded, loadPackages } from './load.js';
import { createNode, type Discovery, type GossipSub, MAX_STREAMS } from './node.js';
import { ReceiveBudget, readFrame, writeFrame } from './stream.js';

/** The stream protocol; its number is the frame version. */
export const PROTOCOL = '/intermodel/tensor/1.0.0';

/** How long a stream whose request was refused early may linger, so that the refusal arrives before the stream goes. */
const LINGER_MS = 1_000;

/** How long setting up a connection may take. */
const DIAL_MS = 15_000;

/** How to start. */
export interface Libp2pOptions {
  readonly identity: Identity;
  /** Multiaddrs to listen on. Default: loopback, any port. */
  readonly listen?: readonly string[];
  /** How to find peers. Default: only those that {@link Libp2pTransport.introduce} names. */
  readonly discovery?: Discovery;
  /** How numbers travel. Default `f32`, exact. */
  readonly wire?: WireType;
  readonly limits?: Partial<Limits>;
  /** Bytes of half-arrived frames held at once. Default: four frames. */
  readonly receiveBytes?: number;
}

const MOVED = 'the peer has moved';

/** An attempt to connect, which several calls may wait for. */
interface Dial {
  readonly connecting: Promise<Connection>;
  readonly abort: AbortController;
}

/** A running libp2p node that carries requests. */
export class Libp2pTransport implements Transport {
  readonly kind = 'libp2p';
  readonly self: PeerKey;
  readonly limits: Limits;
  readonly #packages: Loaded;
  readonly #identity: Identity;
  readonly #node: Libp2p;
  readonly #gossip: GossipSub;
  readonly #wire: WireType;
  readonly #budget: ReceiveBudget;
  readonly #topics = new Map<string, AnnouncementListener[]>();
  readonly #dials = new Map<PeerKey, Dial>();
  /** Addresses of the last introduction, by key. libp2p forgets them when the peer says others of itself. */
  readonly #introduced = new Map<PeerKey, readonly string[]>();
  #receiver: Receiver | null = null;

  private constructor(options: Libp2pOptions, packages: Loaded, node: Libp2p, gossip: GossipSub) {
    this.self = options.identity.key;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#identity = options.identity;
    this.#packages = packages;
    this.#node = node;
    this.#gossip = gossip;
    this.#wire = options.wire ?? 'f32';
    this.#budget = new ReceiveBudget(checkNonNegative('receiveBytes', options.receiveBytes ?? 4 * this.limits.frameBytes));
    this.#gossip.addEventListener('message', (event) => {
      const { detail } = event;
      if (detail.type !== 'signed' || detail.data.length > this.limits.announcementBytes) return;
      const from = keyOf(detail.from);
      for (const listener of this.#topics.get(detail.topic) ?? []) listener(from, detail.topic, detail.data);
    });
  }

  /**
   * Starts a node.
   *
   * @param options identity and where to listen.
   * @returns a transport that is listening.
   * @throws EnvironmentError BTM_NO_PACKAGE when libp2p is not installed.
   */
  static async start(options: Libp2pOptions): Promise<Libp2pTransport> {
    const packages = await loadPackages();
    const { node, gossip } = await createNode(packages, options);
    const transport = new Libp2pTransport(options, packages, node, gossip);
    await node.handle(PROTOCOL, (stream, connection) => transport.#serve(stream, connection), {
      maxInboundStreams: MAX_STREAMS,
      maxOutboundStreams: MAX_STREAMS,
    });
    await node.start();
    return transport;
  }

  /** Where this peer can be reached: multiaddrs that end in its peer id. */
  addresses(): string[] {
    return this.#node.getMultiaddrs().map(String);
  }

  /** Keys of the peers that are connected now. */
  connected(): PeerKey[] {
    return this.#node.getPeers().map(keyOf);
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

  async exchange(request: Request, signal: AbortSignal, traffic: Traffic): Promise<Answer> {
    const frame = encodeRequest(request, this.#wire, this.#identity);
    if (frame.length > this.limits.frameBytes) {
      throw new TransportError('oversize', `a frame of ${frame.length} bytes, above the limit of ${this.limits.frameBytes}`);
    }
    const stream = await this.#open(request.to, signal);
    const abort = () => stream.abort(new Error('the call was given up'));
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      // Reading starts before writing ends: a peer may refuse from the header alone.
      const reading = readFrame(stream, this.limits.frameBytes, this.#budget, () => {});
      const writing = writeFrame(stream, frame, signal).then(() => stream.close({ signal }));
      writing.catch(() => {}); // a failed write ends the stream, which the reader reports
      const received = await reading;
      traffic.sent += frame.length;
      traffic.received += received.frame.length;
      return decodeAnswer(received.frame, received.header, this.self, request.to);
    } catch (error) {
      abort();
      throw error;
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  serve(receiver: Receiver): void {
    this.#receiver = receiver;
  }

  async announce(topic: string, bytes: Uint8Array): Promise<void> {
    await this.#gossip.publish(topic, bytes);
  }

  listen(topic: string, listener: AnnouncementListener): void {
    this.#topics.set(topic, [...(this.#topics.get(topic) ?? []), listener]);
    this.#gossip.subscribe(topic);
  }

  async close(): Promise<void> {
    this.#receiver = null;
    await this.#node.stop();
  }

  async #open(peer: PeerKey, signal: AbortSignal): Promise<Stream> {
    try {
      const connection = await this.#connect(peer, signal);
      try {
        return await connection.newStream(PROTOCOL, { signal });
      } catch (error) {
        // A connection whose muxer the other side closed still counts as open here, and would be handed out for ever.
        if (signal.aborted || !(error instanceof Error) || error.name !== 'ConnectionClosedError') throw error;
        connection.abort(error);
        return await (await this.#connect(peer, signal)).newStream(PROTOCOL, { signal });
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

  /** Addresses that libp2p learned of a peer: from introductions, discovery, or the peer itself. */
  async #learned(id: PeerId): Promise<string[]> {
    if (!(await this.#node.peerStore.has(id))) return [];
    const { addresses } = await this.#node.peerStore.get(id);
    return addresses.map(({ multiaddr }) => this.#placeOf(multiaddr));
  }

  /** A multiaddr without the peer id at its end, which some sources add and others leave out. */
  #placeOf(address: Multiaddr): string {
    return address.decapsulateCode(this.#packages['@multiformats/multiaddr'].CODE_P2P).toString();
  }

  async #serve(stream: Stream, connection: Connection): Promise<void> {
    const work = new AbortController();
    stream.addEventListener('close', () => work.abort(), { once: true });
    const caller = keyOf(connection.remotePeer);
    try {
      const { answer, wire } = await this.#answer(stream, caller, work.signal);
      if (answer === null) return stream.abort(new Error('no frame came'));
      await writeFrame(stream, this.#encode(answer, caller, wire), work.signal);
      await stream.close({ signal: work.signal });
      setTimeout(() => stream.abort(new Error('lingering')), LINGER_MS).unref();
    } catch (error) {
      stream.abort(error instanceof Error ? error : new Error(String(error))); // the caller has gone: there is nobody left to tell
    }
  }

  /** The answer to whatever arrives on a stream, or null when not even a header did. */
  async #answer(stream: Stream, caller: PeerKey, signal: AbortSignal): Promise<{ answer: Answer | null; wire: WireType }> {
    let seen: Header | null = null;
    let refusal: Answer | null = null;
    const receiver = this.#receiver;
    const screen = (header: Header) => {
      seen = header;
      if (header.from !== caller) throw new TransportError('signature', 'the frame names another key than the connection');
      if (header.kind === 'answer' || header.kind === 'refusal') throw new TransportError('malformed', 'not a request');
      refusal = receiver?.screen(caller, header.kind, header.nonce, header.bodyBytes) ?? null;
      if (refusal !== null) throw new TransportError('noStake', 'screened');
    };
    try {
      const { header, frame } = await readFrame(stream, this.limits.frameBytes, this.#budget, screen);
      const request = decodeRequest(frame, header, this.self);
      if (receiver === null) return { answer: refuse(header.nonce, 'unsupported', 'this peer does not serve'), wire: header.wire };
      return { answer: await receiver.handle(request, signal), wire: header.wire };
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      if (refusal !== null) return { answer: refusal, wire: 'f32' };
      if (!isRefusal(error.code)) return { answer: null, wire: 'f32' };
      receiver?.refused(error.code);
      const nonce = (seen as Header | null)?.nonce ?? 0;
      return { answer: refuse(nonce, error.code, error.message), wire: 'f32' };
    }
  }

  #encode(answer: Answer, to: PeerKey, wire: WireType): Uint8Array {
    try {
      return encodeAnswer(answer, to, wire, this.#identity);
    } catch {
      // The only way to fail is a number that the wire type cannot hold (f16 beyond 65504): the caller learns that.
      return encodeAnswer(refuse(answer.nonce, 'handler', `the answer does not fit the wire type ${wire}`), to, 'f32', this.#identity);
    }
  }

  #idOf(peer: PeerKey): PeerId {
    const { publicKeyFromRaw } = this.#packages['@libp2p/crypto'];
    return this.#packages['@libp2p/peer-id'].peerIdFromPublicKey(publicKeyFromRaw(Buffer.from(peer, 'hex')));
  }
}

function isRefusal(code: string): code is RefusalCode {
  return code === 'oversize' || code === 'malformed' || code === 'signature' || code === 'busy';
}

/** The Ed25519 key that a peer id stands for; connections with other kinds of key never pass the gater. */
function keyOf(id: PeerId): PeerKey {
  return id.publicKey === undefined ? '' : Buffer.from(id.publicKey.raw).toString('hex');
}
