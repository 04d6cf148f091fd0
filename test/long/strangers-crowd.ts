/**
 * Strangers in a process of their own, until it is told to end: node lib/test/long/strangers-crowd.js '{"addresses": [...], "strangers": 200, "seed": 1, "pause_ms": 2000}'.
 * Each comes with a key of its own to one of the addresses, sends some of everything, leaves, and comes again. Prints what was done, as JSON.
 */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { encode } from 'cborg';
import { RandomStream } from '../../src/core/random.js';
import { encodeAnnouncement } from '../../src/network/announcements.js';
import { createIdentity, Libp2pTransport, type Tensor } from '../../src/network/index.js';
import { loadPackages } from '../../src/network/libp2p/load.js';
import { STUDENT_METHOD, STUDENT_TOPIC } from '../../src/participant/students/student-cache.js';
import { CALL } from '../../src/run/protocol.js';
import { RawPeer } from '../adversary/support/raw-peer.js';

const { addresses, strangers, seed, pause_ms } = JSON.parse(process.argv[2]) as {
  readonly addresses: readonly string[];
  readonly strangers: number;
  readonly seed: number;
  readonly pause_ms: number;
};

const done: Record<string, number> = {};
const count = (what: string): void => {
  done[what] = (done[what] ?? 0) + 1;
};

/** Between two that come for the first time. */
const APART_MS = 250;

/** Deeds before a stranger leaves, and comes again with another key. */
const VISIT = 24;

/** One of this many strangers is a whole node, so that it can announce as well. */
const ANNOUNCERS = 20;

const identity = (random: RandomStream) => createIdentity(Uint8Array.from({ length: 32 }, () => random.integer(256)));
const tensor = (rows: number, columns: number, value: number): Tensor => ({
  shape: [rows, columns],
  data: new Float32Array(rows * columns).fill(value),
});

const METHODS = [...Object.values(CALL), STUDENT_METHOD, '__proto__'];
const DEEDS: Readonly<Record<string, (peer: RawPeer, random: RandomStream) => Promise<void>>> = {
  garbage: (peer, random) => peer.garbage(random.integer(1 << 20), 4096),
  broken: (peer, random) => peer.broken(random.integer(1 << 20)),
  half: (peer) => peer.half(60 * 1024),
  oversize: (peer) => peer.request({ bytes: new Uint8Array(15 * 1024 * 1024) }),
  flood: async (peer) => {
    for (let at = 0; at < 20; at++) await peer.request({ method: CALL.head, bytes: encode(null), nonce: Date.now() * 1000 + at });
  },
  replay: (peer) => peer.request({ method: CALL.head, bytes: encode(null) }, 5),
  ahead: (peer) => peer.request({ method: CALL.head, bytes: encode(null), nonce: (Date.now() + 119_000) * 1000 }),
  act: (peer, random) =>
    peer.request({ method: METHODS[random.integer(METHODS.length)], bytes: encode({ kind: 'block', round: 1, height: 1 }) }),
  query: (peer) => peer.request({ kind: 'query', method: '', tensors: [tensor(8, 784, 1)] }),
  gradient: (peer) => peer.request({ kind: 'backward', method: '', tensors: [tensor(2, 784, 1), tensor(2, 16, 3e38)] }),
};

/** A TCP connection that never says a word, until the other side has had enough. */
function silent(address: string): void {
  const socket = connect({ host: '127.0.0.1', port: Number(address.split('/')[4]) });
  socket.on('error', () => {});
  socket.resume();
  count('silent');
}

async function visit(random: RandomStream): Promise<void> {
  const address = addresses[random.integer(addresses.length)];
  const peer = await RawPeer.start(identity(random), [address]);
  count('connections');
  const names = Object.keys(DEEDS);
  for (let deed = 0; deed < VISIT && peer.open; deed++) {
    const name = names[random.integer(names.length)];
    await DEEDS[name](peer, random);
    count(name);
    if (deed % 4 === 0) silent(address);
    await sleep(random.integer(pause_ms));
  }
  if (!peer.open) count('cut');
  await peer.close();
}

async function announce(random: RandomStream): Promise<void> {
  const own = identity(random);
  const transport = await Libp2pTransport.start({ identity: own, discovery: { bootstrap: [addresses[random.integer(addresses.length)]] } });
  for (let at = 0; at < 10; at++) {
    const hash = new TextEncoder().encode(String(random.integer(10)).repeat(64));
    await transport.announce(STUDENT_TOPIC, encodeAnnouncement(Date.now() * 1000, at, hash));
    count('announcements');
    await sleep(pause_ms / 10);
  }
  await transport.close();
}

async function live(index: number): Promise<never> {
  const random = new RandomStream(seed, 91, index);
  await sleep(APART_MS * index); // each needs processor time to come, and a handshake has only so long
  for (;;) {
    try {
      await (index % ANNOUNCERS === 0 ? announce(random) : visit(random));
    } catch {
      count('turned away');
      await sleep(pause_ms);
    }
  }
}

process.on('unhandledRejection', () => count('turned away'));
process.on('uncaughtException', () => count('turned away'));
process.on('SIGTERM', () => {
  process.stdout.write(`${JSON.stringify(done)}\n`, () => process.exit(0));
});
await loadPackages();
process.stdout.write('ready\n');
for (let index = 0; index < strangers; index++) void live(index);
