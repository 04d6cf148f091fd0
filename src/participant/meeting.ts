/** Where the participants of a run on one machine meet: in this process, or over libp2p on loopback. */
import { createHub, type Identity, Libp2pTransport, type PeerKey, type Transport } from '../network/index.js';

/** How the participants of a run reach one another. */
export type MeetingKind = 'memory' | 'libp2p';

/** A place to join, for the first time or again. */
export interface Meeting {
  readonly kind: MeetingKind;
  /** A transport for this identity that reaches everybody who has joined and can be reached by them. */
  join(identity: Identity): Promise<Transport>;
}

/** Opens a meeting. */
export function openMeeting(kind: MeetingKind): Meeting {
  return kind === 'memory' ? memoryMeeting() : libp2pMeeting();
}

function memoryMeeting(): Meeting {
  const hub = createHub();
  return { kind: 'memory', join: async (identity) => hub.join(identity) };
}

/** Everybody is told everybody's address, which discovery would do on a real network. */
function libp2pMeeting(): Meeting {
  const present = new Map<PeerKey, Libp2pTransport>();
  return {
    kind: 'libp2p',
    async join(identity) {
      const joined = await Libp2pTransport.start({ identity });
      present.set(joined.self, joined);
      for (const other of present.values()) {
        if (other === joined) continue;
        await other.introduce(joined.self, joined.addresses());
        await joined.introduce(other.self, other.addresses());
      }
      return joined;
    },
  };
}
