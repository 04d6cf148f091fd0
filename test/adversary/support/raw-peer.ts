/** A libp2p program that holds none of this package's rules: it opens connections and streams and sends what the test says. */
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { RandomStream } from '../../../src/core/random.js';
import { encodeRequest } from '../../../src/network/frame.js';
import type { Identity, PeerKey, Request } from '../../../src/network/index.js';
import { loadPackages } from '../../../src/network/libp2p/load.js';
import { PROTOCOL } from '../../../src/network/libp2p/transport.js';

export class RawPeer {
  private constructor(
    readonly identity: Identity,
    private readonly node: Libp2p,
    private readonly connection: Connection,
    private readonly target: PeerKey,
  ) {}

  /** Connects to one address. */
  static async start(identity: Identity, addresses: readonly string[]): Promise<RawPeer> {
    const packages = await loadPackages();
    const node = await packages.libp2p.createLibp2p({
      privateKey: await packages['@libp2p/crypto'].generateKeyPairFromSeed('Ed25519', identity.seed),
      transports: [packages['@libp2p/tcp'].tcp()],
      connectionEncrypters: [packages['@libp2p/noise'].noise()],
      streamMuxers: [packages['@libp2p/yamux'].yamux()],
      connectionGater: { denyDialMultiaddr: () => false },
    });
    const connection = await node.dial(packages['@multiformats/multiaddr'].multiaddr(addresses[0]));
    const target = Buffer.from(connection.remotePeer.publicKey?.raw ?? []).toString('hex');
    return new RawPeer(identity, node as unknown as Libp2p, connection, target);
  }

  /** Whether the other side still listens. */
  get open(): boolean {
    return this.connection.status === 'open';
  }

  /** Half of a signed request with so many bytes, and then nothing. */
  async half(bytes: number): Promise<void> {
    const frame = this.#frame(new Uint8Array(bytes));
    await this.#send(frame.subarray(0, frame.length - 1));
  }

  /** Seeded noise. */
  async garbage(seed: number, bytes: number): Promise<void> {
    const random = new RandomStream(seed, 77);
    await this.#send(Uint8Array.from({ length: bytes }, () => random.integer(256)));
  }

  /** A whole frame with some of its bytes changed. */
  async broken(seed: number): Promise<void> {
    const random = new RandomStream(seed, 78);
    const frame = this.#frame(new Uint8Array(64));
    for (let change = 0; change < 4; change++) frame[random.integer(frame.length)] ^= 1 + random.integer(255);
    await this.#send(frame);
  }

  /** A whole and signed request, so many times: the second is a replay. */
  async request(what: Partial<Request>, times = 1): Promise<void> {
    const request = { ...this.#request(new Uint8Array(0)), ...what };
    const frame = encodeRequest(request, 'f32', this.identity);
    for (let time = 0; time < times; time++) await this.#send(frame);
  }

  async close(): Promise<void> {
    await this.node.stop();
  }

  #frame(bytes: Uint8Array): Uint8Array {
    return encodeRequest(this.#request(bytes), 'f32', this.identity);
  }

  #request(bytes: Uint8Array): Request {
    return {
      ...{ kind: 'call', from: this.identity.key, to: this.target, nonce: Date.now() * 1000 },
      ...{ deadline_ms: 60_000, tensors: [], method: 'height', bytes },
    };
  }

  async #send(bytes: Uint8Array): Promise<void> {
    let stream: Stream;
    try {
      stream = await this.connection.newStream(PROTOCOL);
    } catch {
      return; // the other side has had enough of it
    }
    stream.addEventListener('close', () => {});
    for (let at = 0; at < bytes.length && stream.status === 'open'; at += 16_384) {
      if (!stream.send(bytes.subarray(at, at + 16_384))) await stream.onDrain().catch(() => {});
    }
  }
}
