/** Puts a libp2p node together: TCP, noise, yamux, identify, ping, gossipsub, and discovery as configured. */
import type { GossipSub } from '@libp2p/gossipsub';
import type { Libp2p, MultiaddrConnection, PeerId, PeerInfo } from '@libp2p/interface';
import type { Identity } from '../identity.js';
import type { Discovery } from './discovery.js';
import type { Loaded } from './load.js';

export type { GossipSub };

interface NodeOptions {
  readonly identity: Identity;
  /** Sees every incoming connection: when it comes, and when it has shown its key. */
  readonly gate: {
    arrived(connection: MultiaddrConnection): void;
    authenticated(connection: MultiaddrConnection, peer: PeerId): void;
  };
  readonly listen?: readonly string[];
  readonly discovery?: Discovery;
}

/** The name that multicast asks for: under libp2p's own, every other libp2p program on the network would be dialled too. */
const MDNS_SERVICE = '_intermodel._udp.local';

/** Kademlia under the network's own name: never mixed with the public one. */
const DHT_PROTOCOL = '/intermodel/kad/1.0.0';

/** For limits that are kept elsewhere. */
const UNBOUNDED = 1_000_000;

/** What one gossip message may carry: small announcements, a few topics. */
const GOSSIP = {
  maxInboundDataLength: 64 * 1024,
  maxTopicBytesPerPeer: 64 * 1024,
  decodeRpcLimits: {
    maxSubscriptions: 64,
    maxMessages: 64,
    maxIhaveMessageIDs: 512,
    maxIwantMessageIDs: 512,
    maxControlMessages: 64,
    maxIdontwantMessageIDs: 512,
    maxPeerInfos: 16,
  },
} as const;

/** Streams of one connection, in each direction. */
export const MAX_STREAMS = 256;

/** A node that is not started yet. */
export async function createNode(packages: Loaded, options: NodeOptions): Promise<{ node: Libp2p; gossip: GossipSub }> {
  const dial = (peer: PeerInfo): void => dialFound(node as unknown as Libp2p, peer);
  const privateKey = await packages['@libp2p/crypto'].generateKeyPairFromSeed('Ed25519', options.identity.seed);
  const node = await packages.libp2p.createLibp2p({
    privateKey,
    start: false,
    addresses: { listen: [...(options.listen ?? ['/ip4/127.0.0.1/tcp/0'])] },
    transports: [packages['@libp2p/tcp'].tcp()],
    connectionEncrypters: [packages['@libp2p/noise'].noise()],
    // Calls may be waiting while a connection is still being set up. Beyond the default of 10 the peer would drop the connection.
    streamMuxers: [packages['@libp2p/yamux'].yamux({ maxEarlyStreams: MAX_STREAMS })],
    peerDiscovery: discoveryOf(packages, options.discovery ?? {}, dial),
    // A peer that trains does not answer pings for seconds. Deadlines judge peers; pings must not cut their connections.
    connectionMonitor: { abortConnectionOnPingFailure: false },
    // Incoming connections are bounded by the gate, which makes room for newcomers; libp2p's own limits refuse them.
    connectionManager: {
      maxConnections: UNBOUNDED,
      inboundUpgradeTimeout: 30_000,
      maxIncomingPendingConnections: UNBOUNDED,
      inboundConnectionThreshold: UNBOUNDED,
    },
    connectionGater: {
      denyDialMultiaddr: () => false,
      denyInboundConnection: (connection) => {
        options.gate.arrived(connection);
        return false;
      },
      denyInboundEncryptedConnection: (peer, connection) => {
        if (peer.type !== 'Ed25519') return true;
        options.gate.authenticated(connection, peer);
        return false;
      },
      denyOutboundEncryptedConnection: (peer) => peer.type !== 'Ed25519',
    },
    services: servicesOf(packages, options.discovery?.dht ?? false),
  });
  return { node: node as unknown as Libp2p, gossip: (node.services as unknown as { gossip: GossipSub }).gossip };
}

function servicesOf(packages: Loaded, withDht: boolean) {
  const base = {
    identify: packages['@libp2p/identify'].identify(),
    ping: packages['@libp2p/ping'].ping(),
    gossip: packages['@libp2p/gossipsub'].gossipsub({ allowPublishToZeroTopicPeers: true, emitSelf: false, ...GOSSIP }),
  };
  if (!withDht) return base;
  const { kadDHT, passthroughMapper } = packages['@libp2p/kad-dht'];
  // The default mapper drops private addresses; a network that lives on loopback or a LAN has no others.
  return { ...base, dht: kadDHT({ protocol: DHT_PROTOCOL, clientMode: false, peerInfoMapper: passthroughMapper }) };
}

type NodeInit = NonNullable<Parameters<Loaded['libp2p']['createLibp2p']>[0]>;
type Discoverers = NonNullable<NodeInit['peerDiscovery']>;

function discoveryOf(packages: Loaded, discovery: Discovery, dial: (peer: PeerInfo) => void): Discoverers {
  const found: Discoverers = [];
  if (discovery.bootstrap !== undefined && discovery.bootstrap.length > 0) {
    found.push(packages['@libp2p/bootstrap'].bootstrap({ list: [...discovery.bootstrap], timeout: 100 }));
  }
  if (discovery.mdns === true) {
    const mdns = packages['@libp2p/mdns'].mdns({ serviceTag: MDNS_SERVICE });
    found.push((components) => {
      const service = mdns(components);
      service.addEventListener('peer', (event) => dial(event.detail));
      return service;
    });
  }
  return found;
}

/** libp2p only remembers where a peer is that multicast found; announcements reach those that are connected. */
function dialFound(node: Libp2p, peer: PeerInfo): void {
  if (node.getConnections(peer.id).length > 0) return;
  // A peer announces itself every few seconds, which is the next attempt; a call to it makes its own and reports what is wrong.
  node.dial(peer.multiaddrs.map((address) => address.encapsulate(`/p2p/${peer.id}`))).catch(() => {});
}
