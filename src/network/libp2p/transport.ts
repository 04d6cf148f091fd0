/** The libp2p transport: one direct stream per request, gossip for small announcements. */
import type { Libp2p } from '@libp2p/interface';
import { checkNonNegative } from '../../core/validate.js';
import { type Clock, systemClock } from '../clock.js';
import { decodeAnswer, encodeRequest } from '../frame.js';
import type { Identity } from '../identity.js';
import { RefusalLog } from '../refusals.js';
import { Supervisor } from '../supervisor.js';
import {
  type AnnouncementListener,
  type Answer,
  DEFAULT_LIMITS,
  type Limits,
  type PeerKey,
  type Receiver,
  type Request,
  type Traffic,
  type Transport,
  TransportError,
  type WireType,
} from '../types.js';
import { hostOf, keyOf } from './addresses.js';
import { ConnectionGate, type ConnectionLimits, DEFAULT_CONNECTIONS } from './connection-gate.js';
import { Dialler } from './dialler.js';
import type { Discovery } from './discovery.js';
import { type Loaded, loadPackages } from './load.js';
import { createNode, type GossipSub, MAX_STREAMS } from './node.js';
import { StreamServer } from './serving.js';
import { ReceiveBudget, readFrame, writeFrame } from './stream.js';

/** The stream protocol; its number is the frame version. */
export const PROTOCOL = '/intermodel/tensor/1.0.0';

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
  /** Bounds on incoming connections and half-arrived frames, by phase. */
  readonly connections?: Partial<ConnectionLimits>;
  readonly clock?: Clock;
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
  readonly #server: StreamServer;
  readonly #gate: ConnectionGate;
  readonly #tasks = new Supervisor();
  readonly refusals: RefusalLog;
  readonly #topics = new Map<string, AnnouncementListener[]>();
  readonly #dialler: Dialler;
  #receiver: Receiver | null = null;

  private constructor(
    options: Libp2pOptions,
    packages: Loaded,
    node: Libp2p,
    gossip: GossipSub,
    gate: ConnectionGate,
    refusals: RefusalLog,
  ) {
    this.self = options.identity.key;
    this.limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#identity = options.identity;
    this.#packages = packages;
    this.#node = node;
    this.#gossip = gossip;
    this.#dialler = new Dialler(node, packages);
    this.#wire = options.wire ?? 'f32';
    const receiveBytes = checkNonNegative('receiveBytes', options.receiveBytes ?? 4 * this.limits.frameBytes);
    this.#budget = new ReceiveBudget(receiveBytes);
    this.refusals = refusals;
    this.#gate = gate;
    this.#server = new StreamServer({
      identity: options.identity,
      frameBytes: this.limits.frameBytes,
      receiveBytes,
      connections: { ...DEFAULT_CONNECTIONS, ...options.connections },
      clock: options.clock ?? systemClock,
      refusals,
      receiver: () => this.#receiver,
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
    const refusals = new RefusalLog();
    let transport: Libp2pTransport | null = null;
    const limits = { ...DEFAULT_CONNECTIONS, ...options.connections };
    const gate = new ConnectionGate(limits, options.clock ?? systemClock, refusals, (key) => transport?.isMember(key) ?? false);
    const { node, gossip } = await createNode(packages, {
      ...options,
      gate: {
        arrived: (connection) => {
          gate.arrived(connection, hostOf(connection.remoteAddr));
          connection.addEventListener('close', () => gate.closed(connection), { once: true });
        },
        authenticated: (connection, peer) => gate.authenticated(connection, keyOf(peer)),
      },
    });
    transport = new Libp2pTransport(options, packages, node, gossip, gate, refusals);
    transport.#forgetStrangers(options.discovery?.dht === true);
    const serving = transport;
    await node.handle(
      PROTOCOL,
      (stream, connection) => serving.#tasks.run('request', () => serving.#server.serve(stream, keyOf(connection.remotePeer))),
      {
        maxInboundStreams: MAX_STREAMS,
        maxOutboundStreams: MAX_STREAMS,
      },
    );
    await node.start();
    return transport;
  }

  /** Whether a key holds stake, as whoever is served here says. */
  isMember(key: PeerKey): boolean {
    return this.#receiver?.isMember?.(key) ?? false;
  }

  /** Where this peer can be reached: multiaddrs that end in its peer id. */
  addresses(): string[] {
    return this.#node.getMultiaddrs().map(String);
  }

  /** Incoming connections by phase. */
  connections(): ReturnType<ConnectionGate['counts']> {
    return this.#gate.counts();
  }

  /** Keys of the peers that are connected now. */
  connected(): PeerKey[] {
    return this.#node.getPeers().map(keyOf);
  }

  /**
   * Remembers where a peer can be reached; connects when it is first asked. Connections to addresses that are no longer named are cut; calls under
   * way on them fail as `unreachable`.
   *
   * @param peer public key of the peer.
   * @param addresses multiaddrs, with or without its peer id; they replace what was known of it.
   */
  introduce(peer: PeerKey, addresses: readonly string[]): Promise<void> {
    return this.#dialler.introduce(peer, addresses);
  }

  /** Where a peer is, as far as this one knows: from introductions, discovery, or the peer itself. Without peer ids. */
  known(peer: PeerKey): Promise<string[]> {
    return this.#dialler.known(peer);
  }

  async exchange(request: Request, signal: AbortSignal, traffic: Traffic): Promise<Answer> {
    const frame = encodeRequest(request, this.#wire, this.#identity);
    if (frame.length > this.limits.frameBytes) {
      throw new TransportError('oversize', `a frame of ${frame.length} bytes, above the limit of ${this.limits.frameBytes}`);
    }
    const stream = await this.#dialler.open(request.to, PROTOCOL, signal);
    const abort = () => stream.abort(new Error('the call was given up'));
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      // Reading starts before writing ends: a peer may refuse from the header alone.
      const reading = readFrame(stream, { limit: this.limits.frameBytes, budget: this.#budget });
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
    const listeners = [...(this.#topics.get(topic) ?? []), listener];
    this.#topics.set(topic, listeners);
    if (listeners.length > 1) return;
    // What does not count here is not passed on to others either.
    const { Accept, Ignore } = this.#packages['@libp2p/gossipsub'].TopicValidatorResult;
    this.#gossip.topicValidators.set(topic, (_carrier, message) => {
      if (message.type !== 'signed' || message.data.length > this.limits.announcementBytes) return Ignore;
      const from = keyOf(message.from);
      const counted = (this.#topics.get(topic) ?? []).map((hear) =>
        this.#tasks.call('announcement', () => hear(from, topic, message.data), false),
      );
      return counted.includes(true) ? Accept : Ignore;
    });
    this.#gossip.subscribe(topic);
  }

  async close(): Promise<void> {
    this.#receiver = null;
    await this.#node.stop();
  }

  /** Of keys without stake that are gone nothing is kept, but with a table: there it is what others ask for. */
  #forgetStrangers(keeps: boolean): void {
    if (keeps) return;
    this.#node.addEventListener('peer:disconnect', ({ detail: peer }) => {
      const key = keyOf(peer);
      if (this.isMember(key) || this.#dialler.knows(key)) return;
      this.#tasks.run('forget', () => this.#node.peerStore.delete(peer));
    });
  }
}
