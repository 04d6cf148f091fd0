/**
 * Another libp2p program on the same network: node stranger.js KEY_NUMBER SERVICE LISTEN WAIT_MS. Announces itself by multicast
 * under a service name, and prints the peers that it found or that connected to it.
 */
import type { PeerId } from '@libp2p/interface';
import { loadPackages } from '../../../src/network/libp2p/load.js';
import { identityOf, sleep } from './peers.js';

const [own, serviceTag, listen, wait_ms] = process.argv.slice(2);
const packages = await loadPackages();
const node = await packages.libp2p.createLibp2p({
  privateKey: await packages['@libp2p/crypto'].generateKeyPairFromSeed('Ed25519', identityOf(Number(own)).seed),
  addresses: { listen: [listen] },
  transports: [packages['@libp2p/tcp'].tcp()],
  connectionEncrypters: [packages['@libp2p/noise'].noise()],
  streamMuxers: [packages['@libp2p/yamux'].yamux()],
  peerDiscovery: [packages['@libp2p/mdns'].mdns({ serviceTag })],
});
const met = new Set<string>();
const meet = (peer: PeerId) => void met.add(Buffer.from(peer.publicKey?.raw ?? []).toString('hex'));
node.addEventListener('peer:discovery', (event) => meet(event.detail.id));
node.addEventListener('peer:connect', (event) => meet(event.detail));
const started = performance.now();
while (met.size === 0 && performance.now() - started < Number(wait_ms)) await sleep(20);
process.stdout.write(`${JSON.stringify({ answer: 'none asked', connected: [...met], elapsed_ms: performance.now() - started })}\n`);
