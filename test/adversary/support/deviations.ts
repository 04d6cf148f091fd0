/** How a member deviates that takes part in a run: it does everything an honest one does, and one kind of message is not what it should be. */
import { decode, encode, rfc8949EncodeOptions } from 'cborg';
import { encodeTransaction } from '../../../src/ledger/encoding.js';
import { type Action, createKey, ROW_PARTS, rotationBytes, signTransaction } from '../../../src/ledger/index.js';
import { decodeAnnouncement, encodeAnnouncement } from '../../../src/network/announcements.js';
import {
  type AnnouncementListener,
  type Answer,
  createIdentity,
  type PeerKey,
  type Receiver,
  type Request,
  type Tensor,
  type Transport,
} from '../../../src/network/index.js';
import { STUDENT_METHOD } from '../../../src/participant/students/student-cache.js';
import { contentHash } from '../../../src/participant/students/student-file.js';
import { CALL } from '../../../src/run/protocol.js';
import { NO_BYTES } from '../../network/support/peers.js';
import { INPUTS, type Stage, WIDTH } from './world.js';

/** Sends a request as it is. */
type Send = (request: Request) => Promise<Answer>;

/** One deviation. What it leaves out is honest. */
export interface Deviation {
  /** In place of a request, or beside it. */
  readonly asks?: (request: Request, send: Send, stage: Stage) => Promise<Answer>;
  /** In place of an answer. */
  readonly answers?: (request: Request, answer: () => Promise<Answer>, stage: Stage) => Promise<Answer>;
  /** In place of an announcement, or beside it. */
  readonly announces?: (bytes: Uint8Array, announce: (bytes: Uint8Array) => Promise<void>, stage: Stage) => Promise<void>;
}

/** The transport of a member with this deviation. */
export function deviating(deviation: Deviation): (transport: Transport, stage: () => Stage) => Transport {
  return (transport, stage) => new DeviantTransport(transport, deviation, stage);
}

class DeviantTransport implements Transport {
  readonly kind = 'memory';
  constructor(
    private readonly inner: Transport,
    private readonly deviation: Deviation,
    private readonly stage: () => Stage,
  ) {}

  get self(): PeerKey {
    return this.inner.self;
  }

  get limits() {
    return this.inner.limits;
  }

  exchange(request: Request, signal: AbortSignal, traffic: { sent: number; received: number }): Promise<Answer> {
    const send: Send = (sent) => this.inner.exchange(sent, signal, traffic);
    const { asks } = this.deviation;
    return asks === undefined || request.method === CALL.genesis ? send(request) : asks(request, send, this.stage());
  }

  serve(receiver: Receiver): void {
    const { answers } = this.deviation;
    if (answers === undefined) this.inner.serve(receiver);
    else
      this.inner.serve({
        screen: (...header) => receiver.screen(...header),
        refused: (...what) => receiver.refused(...what),
        isMember: () => true,
        handle: (request, signal) => answers(request, () => receiver.handle(request, signal), this.stage()),
      });
  }

  announce(topic: string, bytes: Uint8Array): Promise<void> {
    const announce = (told: Uint8Array) => this.inner.announce(topic, told);
    const { announces } = this.deviation;
    return announces === undefined ? announce(bytes) : announces(bytes, announce, this.stage());
  }

  listen(topic: string, listener: AnnouncementListener): void {
    this.inner.listen(topic, listener);
  }

  close(): Promise<void> {
    return this.inner.close();
  }
}

/** Other numbers in the one tensor of an answer. */
function answered(change: (value: number, at: number, request: Request) => number): Deviation {
  return {
    answers: async (request, answer) => {
      const honest = await answer();
      if (request.kind !== 'query' || !honest.ok) return honest;
      const tensors = honest.tensors.map(({ shape, data }) => ({ shape, data: data.map((value, at) => change(value, at, request)) }));
      return { ...honest, tensors };
    },
  };
}

/** Answers queries so much later, on the clock of the run. */
export function late(delay_ms: number): Deviation {
  return {
    answers: async (request, answer, { clock }) => {
      if (request.kind === 'query') await clock.sleep(delay_ms);
      return answer();
    },
  };
}

/** Gradients with this value in place of each number, for what was asked; to each peer only so often. */
export function gradients(value: number, times = Number.POSITIVE_INFINITY): Deviation {
  const sent = new Map<PeerKey, number>();
  return {
    asks: (request, send) => {
      const before = sent.get(request.to) ?? 0;
      if (request.kind !== 'backward' || before >= times) return send(request);
      sent.set(request.to, before + 1);
      const [input, { shape, data }] = request.tensors;
      return send({ ...request, tensors: [input, { shape, data: data.map(() => value) }] });
    },
  };
}

/** Beside each request of a kind it sends others; what comes of them is ignored. */
function beside(
  kind: Request['kind'],
  others: (request: Request, stage: Stage) => readonly Partial<Request>[],
  method?: string,
): Deviation {
  let extra = 0;
  return {
    asks: async (request, send, stage) => {
      const answer = await send(request);
      if (request.kind !== kind || (method !== undefined && request.method !== method)) return answer;
      // Nonces that its honest self never has: half a minute ahead of the present one.
      const sent = others(request, stage).map((what) => send({ ...request, nonce: request.nonce + 30_000_000 + extra++, ...what }));
      await Promise.allSettled(sent);
      return answer;
    },
  };
}

const tensor = (rows: number, columns: number, value: number): Tensor => ({
  shape: [rows, columns],
  data: new Float32Array(rows * columns).fill(value),
});

/** A transaction of the hostile member, `ahead` of its next nonce. */
function signed({ coordinator: { ledger }, hostile }: Stage, action: Action, ahead = 0): Uint8Array {
  const key = hostile!.key;
  const nonce = ledger.state().nonce(key.publicKey) + ahead;
  return encode(encodeTransaction(signTransaction({ ...action, chain: ledger.chain, from: key.publicKey, nonce }, key)));
}

/** All of the row on itself: not a step of the ledger's bound. */
function greedyRow({ coordinator: { ledger }, keys }: Stage): Action {
  const { members } = ledger.state();
  const weights = new Uint32Array(keys.length);
  weights[keys.length - 1] = ROW_PARTS;
  return { kind: 'setWeights', row: { members, weights } };
}

function rotation(stage: Stage): Uint8Array {
  const { ledger } = stage.coordinator;
  const { publicKey } = stage.hostile!.key;
  const successor = createKey(new Uint8Array(32).fill(77));
  const bytes = rotationBytes(ledger.chain, publicKey, ledger.state().nonce(publicKey) + 1, successor.publicKey);
  const agreed = createIdentity(Buffer.from(successor.seed, 'hex')).sign(bytes);
  return signed(stage, { kind: 'rotateKey', newKey: successor.publicKey, newSignature: Buffer.from(agreed).toString('hex') }, 1);
}

/** Another value in place of a message to the coordinator. */
function says(method: string, change: (value: Record<string, unknown>, stage: Stage) => unknown): Deviation {
  return {
    asks: (request, send, stage) =>
      request.method === method ? send({ ...request, bytes: encode(change(decode(request.bytes), stage)) }) : send(request),
  };
}

/** Never comes to a barrier of this kind. */
export function missing(kind: string): Deviation {
  return {
    asks: (request, send) => {
      if (request.method === CALL.barrier && (decode(request.bytes) as { kind: string }).kind === kind) return new Promise(() => {});
      return send(request);
    },
  };
}

/** What it serves as its student under the hash that it announced. */
function forgedStudent(bytes: (honest: Uint8Array) => Uint8Array): Deviation {
  return {
    answers: async (request, answer) => {
      const honest = await answer();
      return request.method === STUDENT_METHOD && honest.ok ? { ...honest, bytes: bytes(honest.bytes) } : honest;
    },
  };
}

/** A student as good as the one that was announced, with one weight that is not. */
function otherWeights(honest: Uint8Array): Uint8Array {
  const file = decode(honest);
  file.layers[0].weights[0] ^= 1;
  return encode(file, rfc8949EncodeOptions);
}

/** A second announcement beside each. */
function announcedTwice(second: (nonce: number, height: number, payload: Uint8Array) => Uint8Array[]): Deviation {
  return {
    announces: async (bytes, announce) => {
      await announce(bytes);
      const { nonce, height, payload } = decodeAnnouncement(bytes)!;
      for (const told of second(nonce, height, payload)) await announce(told);
    },
  };
}

const otherHash = (payload: Uint8Array): Uint8Array => new TextEncoder().encode(contentHash(payload));

/** A deviation, and what the others can tell of it. */
export interface Case {
  readonly deviation: Deviation;
  /** What has to be noticed of the sender; empty where nothing can be. */
  readonly noticed: readonly string[];
  /** Whether the result is that of the run with an honest member in its place, to the bit. */
  readonly same: boolean;
}

/** Every kind of message. */
export const DEVIATIONS: Readonly<Record<string, Case>> = {
  'answers NaN': { deviation: answered(() => Number.NaN), noticed: ['answers nonfinite/caller'], same: false },
  'answers of another shape': {
    deviation: {
      answers: async (request, answer) => {
        const honest = await answer();
        return request.kind === 'query' && honest.ok ? { ...honest, tensors: [tensor(1, WIDTH + 7, 1)] } : honest;
      },
    },
    ...{ noticed: ['answers shape/caller'], same: false },
  },
  'answers of 3e38': { deviation: answered(() => 3e38), noticed: ['norm'], same: false },
  'answers with noise': { deviation: answered((_, at, { nonce }) => Math.sin(nonce + 12.9898 * at)), noticed: [], same: false },
  'answers each asker otherwise': {
    deviation: answered((value, _, { from }) => value * (1 + (parseInt(from.slice(0, 2), 16) % 7))),
    ...{ noticed: [], same: false },
  },
  silence: { deviation: { answers: () => new Promise(() => {}) }, noticed: ['no answer'], same: false },
  'answers late, within the deadline': { deviation: late(4000), noticed: [], same: true },
  'answers after the deadline': { deviation: late(40_000), noticed: ['no answer'], same: false },
  'requests with NaN, of another shape, too large, unknown': {
    deviation: beside('query', () => [
      { tensors: [tensor(2, INPUTS, Number.NaN)] },
      { tensors: [tensor(2, INPUTS + 1, 1)] },
      { tensors: [tensor(70_000, INPUTS, 1)] },
      { kind: 'call', tensors: [], method: '__proto__', bytes: NO_BYTES },
    ]),
    ...{ noticed: ['nonfinite', 'shape', 'unsupported'], same: true },
  },
  'requests that were sent before': {
    deviation: { asks: async (request, send) => (await Promise.all([send(request), send(request), send(request)]))[0] },
    ...{ noticed: ['replay'], same: true },
  },
  'gradients of 3e38': { deviation: gradients(3e38), noticed: ['norm'], same: false },
  'gradients of NaN': { deviation: gradients(Number.NaN), noticed: ['nonfinite'], same: false },
  'unrequested gradients': {
    deviation: beside('backward', ({ tensors: [input, gradient] }) => [
      { tensors: [input, { ...gradient, data: gradient.data.map(() => 5) }] },
      { tensors: [tensor(3, INPUTS, 0.5), tensor(3, WIDTH, 5)] },
    ]),
    ...{ noticed: ['unasked'], same: true },
  },
  'a student other than it announced': {
    deviation: forgedStudent(otherWeights),
    ...{ noticed: [], same: true },
  },
  'a student of 14 MB': { deviation: forgedStudent(() => new Uint8Array(14_000_000)), noticed: [], same: true },
  'announcements sent again, ahead, far above': {
    deviation: announcedTwice((nonce, height, payload) => [
      encodeAnnouncement(nonce, height, payload),
      encodeAnnouncement(nonce + 3_600_000_000, height, payload),
      encodeAnnouncement(nonce + 1, height + 1000, payload),
      new Uint8Array(40),
    ]),
    ...{ noticed: ['replay', 'expired', 'height', 'malformed'], same: true },
  },
  'equivocation: two students for one block': {
    deviation: announcedTwice((nonce, height, payload) => [encodeAnnouncement(nonce + 1, height, otherHash(payload))]),
    ...{ noticed: ['equivocation'], same: true },
  },
  'equivocation: two rows for one block': {
    deviation: beside(
      'call',
      (_, stage) => [{ bytes: signed(stage, greedyRow(stage)) }, { bytes: signed(stage, greedyRow(stage), 1) }],
      CALL.submit,
    ),
    ...{ noticed: ['transaction replayed', 'transaction step_too_large'], same: true },
  },
  'transactions: leaves': {
    deviation: beside('call', (_, stage) => [{ bytes: signed(stage, { kind: 'unregister' }, 1) }], CALL.submit),
    ...{ noticed: [], same: false },
  },
  'transactions: changes its key': {
    deviation: beside('call', (_, stage) => [{ bytes: rotation(stage) }], CALL.submit),
    ...{ noticed: [], same: false },
  },
  'transactions: garbage and a flood': {
    deviation: beside('call', () => Array.from({ length: 80 }, (_, at) => ({ bytes: encode(new Uint8Array(at)) })), CALL.submit),
    ...{ noticed: ['transaction malformed', 'busy'], same: true },
  },
  'barriers: comes to none': { deviation: missing('asked'), noticed: ['out'], same: false },
  'barriers: does not come to the block': { deviation: missing('block'), noticed: ['out'], same: false },
  'barriers: names a later round': {
    deviation: says(CALL.barrier, (value) => ({ ...value, round: Number(value['round']) + 1 })),
    ...{ noticed: ['out'], same: false },
  },
  'barriers: names of 15 MB': {
    deviation: beside('call', () => [{ bytes: encode({ kind: 'x'.repeat(15_000_000), round: 1 }) }], CALL.barrier),
    ...{ noticed: ['oversize'], same: true },
  },
  'says hello with other settings': {
    deviation: says(CALL.hello, (value) => ({ ...value, settings: 'f'.repeat(64) })),
    ...{ noticed: ['phase', 'out'], same: false },
  },
  'results of another form': { deviation: says(CALL.result, () => ({ result: { index: -1 } })), noticed: [], same: true },
};
