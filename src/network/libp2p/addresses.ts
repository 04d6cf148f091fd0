/** Keys and machines, as libp2p names them. */
import type { PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import type { PeerKey } from '../types.js';

/** The Ed25519 key that a peer id stands for; connections with other kinds of key never pass the gater. */
export function keyOf(id: PeerId): PeerKey {
  return id.publicKey === undefined ? '' : Buffer.from(id.publicKey.raw).toString('hex');
}

/** The machine that a connection comes from, without its port. */
export function hostOf(address: Multiaddr): string {
  const host = address.getComponents().find(({ name }) => name === 'ip4' || name === 'ip6' || name.startsWith('dns'));
  return host?.value ?? address.toString();
}
