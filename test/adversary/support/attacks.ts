/** What strangers and one hostile member do. Everything follows from the seed. */
import { encode } from 'cborg';
import { RandomStream } from '../../../src/core/random.js';
import { encodeTransaction } from '../../../src/ledger/encoding.js';
import { type Action, createKey, ROW_PARTS, rotationBytes, signTransaction } from '../../../src/ledger/index.js';
import { encodeAnnouncement } from '../../../src/network/announcements.js';
import {
  type Answer,
  createIdentity,
  type Identity,
  type PeerKey,
  type Request,
  type RequestKind,
  type Tensor,
  type Transport,
} from '../../../src/network/index.js';
import { STUDENT_METHOD, STUDENT_TOPIC } from '../../../src/participant/students/student-cache.js';
import { contentHash } from '../../../src/participant/students/student-file.js';
import { settingsHash } from '../../../src/run/messages.js';
import { CALL, RUN_PROTOCOL } from '../../../src/run/protocol.js';
import { attacker, NO_BYTES } from '../../network/support/peers.js';
import { INPUTS, SEED, type Stage, WIDTH } from './world.js';

/** A sender without any of this package's rules. */
export class Sender {
  readonly #transport: Transport;
  #nonce = 0;
  session = '';

  constructor(
    readonly identity: Identity,
    private readonly stage: Stage,
    readonly random: RandomStream,
  ) {
    this.#transport = stage.hub.join(identity);
  }

  get transport(): Transport {
    return this.#transport;
  }

  get coordinator(): PeerKey {
    return this.stage.coordinator.network.self;
  }

  /** One of the honest participants, or the coordinator. */
  anybody(): PeerKey {
    const at = this.random.integer(this.stage.honest.length + 1);
    return at === this.stage.honest.length ? this.coordinator : this.stage.keys[at];
  }

  someone(): PeerKey {
    return this.stage.keys[this.random.integer(this.stage.honest.length)];
  }

  bytes(most: number): Uint8Array {
    return Uint8Array.from({ length: this.random.integer(most) }, () => this.random.integer(256));
  }

  tensor(rows: number, columns: number, value: () => number = () => this.random.uniform()): Tensor {
    return { shape: [rows, columns], data: Float32Array.from({ length: rows * columns }, value) };
  }

  /** Sends one request and waits for whatever comes; what it was is told back, so that it can be sent again. */
  async send(to: PeerKey, kind: RequestKind, what: Partial<Request>): Promise<Request> {
    const now_us = Math.floor(this.stage.clock.now() * 1000);
    this.#nonce = Math.max(this.#nonce + 1, now_us);
    const request: Request = {
      ...{ kind, from: this.identity.key, to, nonce: this.#nonce, deadline_ms: 1000, tensors: [], method: '', bytes: NO_BYTES },
      ...what,
    };
    const abort = new AbortController();
    this.stage.clock.after(2000, () => abort.abort());
    await this.#transport.exchange(request, abort.signal, { sent: 0, received: 0 }).catch(() => null);
    return request;
  }

  call(method: string, value: unknown): Promise<Request> {
    const named = this.session === '' || typeof value !== 'object' || value === null ? value : { session: this.session, ...value };
    return this.send(this.coordinator, 'call', { method, bytes: encode(named) });
  }

  /** Says hello as an honest process would, so that what follows is heard. */
  async hello(): Promise<void> {
    this.session = 'hostile';
    await this.call(CALL.hello, {
      protocol: RUN_PROTOCOL,
      settings: settingsHash(this.stage.settings, SEED),
      inputWidth: INPUTS,
      width: WIDTH,
    });
  }

  /** A signed transaction of its own. */
  submit(action: Action, key: ReturnType<typeof createKey>, change: object = {}): Promise<Request> {
    const { ledger } = this.stage.coordinator;
    const nonce = ledger.state().nonce(key.publicKey);
    const tx = signTransaction({ ...action, chain: ledger.chain, from: key.publicKey, nonce, ...change }, key);
    return this.send(this.coordinator, 'call', { method: CALL.submit, bytes: encode(encodeTransaction(tx)) });
  }

  announce(topic: string, bytes: Uint8Array): Promise<void> {
    return this.#transport.announce(topic, bytes);
  }
}

/** One deed of an attacker. */
export type Deed = (sender: Sender, stage: Stage) => Promise<unknown>;

const METHODS = [...Object.values(CALL), STUDENT_METHOD, 'student/hash', 'toString', '__proto__', ''];

/** What one without stake may try. */
export const STRANGER_DEEDS: Readonly<Record<string, Deed>> = {
  garbage: async (s) => s.send(s.anybody(), 'call', { method: METHODS[s.random.integer(METHODS.length)], bytes: s.bytes(4096) }),
  oversize: async (s) => s.send(s.anybody(), 'call', { method: CALL.block, bytes: new Uint8Array(20 * 1024 * 1024) }),
  flood: async (s) =>
    Promise.all(Array.from({ length: 60 }, () => s.send(s.anybody(), 'call', { method: CALL.head, bytes: encode(null) }))),
  query: async (s) => s.send(s.someone(), 'query', { tensors: [s.tensor(1 + s.random.integer(8), 4)] }),
  gradient: async (s) => s.send(s.someone(), 'backward', { tensors: [s.tensor(2, 4), s.tensor(2, 2, () => 3e38)] }),
  learn: async (s) => {
    const asked = s.tensor(4, 4);
    const to = s.someone();
    await s.send(to, 'query', { tensors: [asked] });
    await s.send(to, 'backward', { tensors: [asked, s.tensor(4, 2, () => 10)] });
  },
  replay: async (s) => {
    const request = await s.send(s.anybody(), 'call', { method: CALL.head, bytes: encode(null) });
    for (let copy = 0; copy < 3; copy++) await s.send(request.to, request.kind, request);
  },
  ahead: async (s, { clock }) =>
    s.send(s.coordinator, 'call', { method: CALL.head, bytes: encode(null), nonce: Math.floor((clock.now() + 119_000) * 1000) }),
  act: async (s) => s.call(METHODS[s.random.integer(METHODS.length)], { kind: 'block', round: 3, height: 1, session: 'x' }),
  announce: async (s, { clock }) =>
    s.announce(STUDENT_TOPIC, encodeAnnouncement(Math.floor(clock.now() * 1000), 0, new TextEncoder().encode('a'.repeat(64)))),
  noise: async (s) => s.announce(STUDENT_TOPIC, s.bytes(64)),
};

/** What a member may try beside all of that. */
export const MEMBER_DEEDS: Readonly<Record<string, Deed>> = {
  barriers: async (s) => {
    const far = 2 + s.random.integer(1000);
    const values = [
      { kind: 'block', round: 2, height: 1 },
      { kind: 'followed', round: 3, height: 1 },
      { kind: 'block', round: 1, height: 1 + far },
      { kind: 'block', round: 0, height: 1 },
      { kind: 'asked', round: far },
      { kind: 'x'.repeat(15_000_000), round: 1 },
      { kind: 'learnt', round: -1 },
      null,
    ];
    return Promise.all(values.map((value) => s.call(CALL.barrier, value)));
  },
  polls: async (s) =>
    Promise.all(Array.from({ length: 100 }, (_, round) => s.call(CALL.barrier, { kind: 'asked', round: 1 + (round % 3) }))),
  results: async (s) => Promise.all([null, {}, { result: { index: 0 } }, s.bytes(100)].map((value) => s.call(CALL.result, value))),
  rejoin: async (s) => Promise.all([1e8, 3, -1, 0.5].map((round) => s.call(CALL.rejoin, { round }))),
  hello: async (s) =>
    Promise.all(
      [1, 2, 3].map((session) => s.call(CALL.hello, { protocol: 2, settings: 'x', inputWidth: 4, width: 2, session: `${session}` })),
    ),
  garbageTransactions: async (s) => s.send(s.coordinator, 'call', { method: CALL.submit, bytes: encode(s.bytes(200)) }),
  badRows: async (s, stage) => {
    const { key } = stage.hostile!;
    const { members } = stage.coordinator.ledger.state();
    await s.submit({ kind: 'setWeights', row: { members, weights: Uint32Array.of(ROW_PARTS, 1, 0, 0) } }, key);
    await s.submit({ kind: 'setWeights', row: { members: members + 1, weights: Uint32Array.of(ROW_PARTS, 0, 0, 0) } }, key);
    await s.submit({ kind: 'setEndpoint', endpoint: '\u001b[2J/dns4/evil' }, key, { nonce: 99 });
    await s.submit({ kind: 'setEndpoint', endpoint: '\u001b[2J/dns4/evil' }, key);
  },
  transfers: async (s, { hostile, keys }) => {
    for (let count = 0; count < 80; count++) await s.submit({ kind: 'transfer', to: keys[0], amount: 0n }, hostile!.key);
  },
  leaves: async (s, { hostile }) => s.submit({ kind: 'unregister' }, hostile!.key),
  rotates: async (s, { hostile, coordinator }) => {
    const successor = createKey(new Uint8Array(32).fill(77));
    const { ledger } = coordinator;
    const nonce = ledger.state().nonce(hostile!.key.publicKey);
    const agreed = createIdentity(Buffer.from(successor.seed, 'hex')).sign(
      rotationBytes(ledger.chain, hostile!.key.publicKey, nonce, successor.publicKey),
    );
    const newSignature = Buffer.from(agreed).toString('hex');
    return s.submit({ kind: 'rotateKey', newKey: successor.publicKey, newSignature }, hostile!.key);
  },
  gradients: async (s) => {
    const asked = s.tensor(4, 4);
    const to = s.someone();
    await s.send(to, 'query', { tensors: [asked] });
    await s.send(to, 'backward', { tensors: [asked, s.tensor(4, 2, () => 3e38)] });
    await s.send(to, 'backward', { tensors: [asked, s.tensor(4, 2, () => Number.NaN)] });
    await s.send(to, 'backward', { tensors: [s.tensor(4, 4), s.tensor(4, 2, () => 3e38)] });
  },
  student: async (s, { clock, coordinator }) => {
    const hash = contentHash(s.bytes(16));
    const now = Math.floor(clock.now() * 1000);
    return s.announce(STUDENT_TOPIC, encodeAnnouncement(now, coordinator.ledger.height, new TextEncoder().encode(hash)));
  },
};

/** What a hostile member answers to those who ask it. */
function poison(random: RandomStream): (request: Request) => Answer {
  return (request) => {
    const { nonce, tensors } = request;
    const rows = tensors[0]?.shape[0] ?? 1;
    const good = (value: number): Answer => ({
      ok: true,
      nonce,
      tensors: [{ shape: [rows, 2], data: new Float32Array(2 * rows).fill(value) }],
      bytes: NO_BYTES,
    });
    if (request.kind === 'call') return { ok: true, nonce, tensors: [], bytes: new Uint8Array([10, 100, 14_000_000][random.integer(3)]) };
    return [
      good(Number.NaN),
      good(Number.POSITIVE_INFINITY),
      { ...good(1), nonce: nonce + 1 },
      { ok: true, nonce, tensors: [], bytes: NO_BYTES } as Answer,
      { ok: true, nonce, tensors: [{ shape: [1, 999], data: new Float32Array(999) }], bytes: NO_BYTES } as Answer,
      { ok: false, nonce, code: 'busy', reason: '\u001b[31mlater\u0007', retryAfter_ms: 1e9 } as Answer,
    ][random.integer(6)];
  };
}

/** Several strangers, each with some deeds of its own. */
export function strangers(seed: number, count = 3, deeds = 6): (stage: Stage) => Promise<void> {
  return async (stage) => {
    const random = new RandomStream(seed, 41);
    const names = Object.keys(STRANGER_DEEDS);
    await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const own = new RandomStream(seed, 42, index);
        const sender = new Sender(createIdentity(Uint8Array.from({ length: 32 }, () => random.integer(256))), stage, own);
        for (let deed = 0; deed < deeds && !stage.over(); deed++) {
          await stage.clock.sleep(own.integer(120));
          await STRANGER_DEEDS[names[own.integer(names.length)]](sender, stage);
        }
      }),
    );
  };
}

/** One hostile member with some deeds; `only` names the one it does. */
export function member(seed: number, only?: string): (stage: Stage) => Promise<void> {
  return async (stage) => {
    const random = new RandomStream(seed, 43);
    const sender = new Sender(stage.hostile!.identity, stage, random);
    sender.transport.serve(attacker(poison(new RandomStream(seed, 44))));
    await sender.hello();
    const all = { ...STRANGER_DEEDS, ...MEMBER_DEEDS };
    const names = Object.keys(MEMBER_DEEDS);
    for (let deed = 0; deed < 6 && !stage.over(); deed++) {
      await stage.clock.sleep(random.integer(200));
      await all[only ?? names[random.integer(names.length)]](sender, stage);
    }
  };
}
