/** Where participants of one process meet: in memory, or over libp2p on loopback. */
import { createHub, type Identity, Libp2pTransport, type PeerKey, type Transport } from '../network/index.js';

/** How the participants of one process reach one another. */
export type FabricKind = 'memory' | 'libp2p';

/** A transport, and the address it has. */
export interface Seat {
  readonly transport: Transport;
  readonly endpoint: string;
}

/** A place to join, for the first time or again. */
export interface TransportFabric {
  /** A transport for this identity that reaches every identity that has joined and can be reached by them. */
  join(identity: Identity): Promise<Seat>;
  /** Whoever closed its transport is not introduced to anybody any more, until it joins again. */
  left(key: PeerKey): void;
}

/** Opens a meeting. */
export function openFabric(kind: FabricKind): TransportFabric {
  return kind === 'memory' ? memoryFabric() : libp2pFabric();
}

function memoryFabric(): TransportFabric {
  const hub = createHub({ shared: true }); // what participants ask and answer they never change
  return {
    join: async (identity) => ({ transport: hub.join(identity), endpoint: `/memory/${identity.key.slice(0, 8)}` }),
    left: () => undefined, // a hub forgets whoever closes
  };
}

/** Every identity is told the addresses of all, which the ledger or discovery would do on a real network. */
function libp2pFabric(): TransportFabric {
  const present = new Map<PeerKey, Libp2pTransport>();
  return {
    async join(identity) {
      const joined = await Libp2pTransport.start({ identity });
      present.set(joined.self, joined);
      for (const other of present.values()) {
        if (other === joined) continue;
        await other.introduce(joined.self, joined.addresses());
        await joined.introduce(other.self, other.addresses());
      }
      return { transport: joined, endpoint: joined.addresses()[0] };
    },
    left: (key) => present.delete(key),
  };
}
