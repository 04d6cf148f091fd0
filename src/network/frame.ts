/**
 * The wire format, version 1. Little endian.
 *
 * | offset | bytes | field |
 * |---|---|---|
 * | 0 | 4 | magic `imnt` |
 * | 4 | 1 | version, 1 |
 * | 5 | 1 | kind: 1 query, 2 backward, 3 call, 128 answer, 129 refusal |
 * | 6 | 1 | wire type of all tensors: 0 f32, 1 f16, 2 int8 blocks |
 * | 7 | 1 | number of tensors |
 * | 8 | 8 | nonce |
 * | 16 | 4 | deadline in ms (requests), retry-after in ms (refusals) |
 * | 20 | 4 | body length |
 * | 24 | 32 | sender's public key |
 * | 56 | 32 | recipient's public key |
 * | 88 | 32 | SHA-256 of the body |
 * | 120 | 64 | Ed25519 signature over bytes 0 to 119: it covers the tensors through the hash |
 * | 184 | | body: per tensor a rank byte, dimensions (u32), numbers; then a text (u16 length) and bytes to the end |
 */

import { createHash } from 'node:crypto';
import { WIRE_TYPES } from '../core/closed-lists.js';
import { type Identity, verifySignature } from './identity.js';
import { decodeNumbers, encodedLength, encodeNumbers } from './quantise.js';
import { elementCount, MAX_RANK } from './tensor.js';
import {
  type Answer,
  type PeerKey,
  type RefusalCode,
  type Request,
  type RequestKind,
  type Tensor,
  TransportError,
  type WireType,
} from './types.js';

/** Bytes before the body. */
export const HEADER_BYTES = 184;

/** Bytes of the header that the signature covers. */
const SIGNED_BYTES = 120;
const MAGIC = 0x746e6d69; // 'imnt'
const VERSION = 1;
const KINDS = { query: 1, backward: 2, call: 3, answer: 128, refusal: 129 } as const;
const REFUSALS: readonly RefusalCode[] = [
  'oversize',
  'malformed',
  'signature',
  'noStake',
  'replay',
  'nonfinite',
  'shape',
  'unsupported',
  'busy',
  'expired',
  'handler',
];

type FrameKind = keyof typeof KINDS;

/** What a header says, before its body has arrived. */
export interface Header {
  readonly kind: FrameKind;
  readonly wire: WireType;
  readonly tensors: number;
  readonly nonce: number;
  readonly time_ms: number;
  readonly bodyBytes: number;
  readonly from: PeerKey;
  readonly to: PeerKey;
}

interface Parts {
  readonly kind: FrameKind;
  readonly wire: WireType;
  readonly nonce: number;
  readonly time_ms: number;
  readonly to: PeerKey;
  readonly tensors: readonly Tensor[];
  readonly text: string;
  readonly bytes: Uint8Array;
}

/** A signed request. */
export function encodeRequest(request: Request, wire: WireType, identity: Identity): Uint8Array {
  const { kind, nonce, deadline_ms, to, tensors, method, bytes } = request;
  return encode({ kind, wire, nonce, time_ms: deadline_ms, to, tensors, text: method, bytes }, identity);
}

/** A signed answer or refusal. */
export function encodeAnswer(answer: Answer, to: PeerKey, wire: WireType, identity: Identity): Uint8Array {
  const { nonce } = answer;
  if (answer.ok) {
    return encode({ kind: 'answer', wire, nonce, time_ms: 0, to, tensors: answer.tensors, text: '', bytes: answer.bytes }, identity);
  }
  const code = Uint8Array.of(REFUSALS.indexOf(answer.code));
  const text = answer.reason.slice(0, 512);
  return encode({ kind: 'refusal', wire, nonce, time_ms: answer.retryAfter_ms, to, tensors: [], text, bytes: code }, identity);
}

/** Reads a header. Throws {@link TransportError} `malformed`. */
export function decodeHeader(frame: Uint8Array): Header {
  if (frame.length < HEADER_BYTES) throw malformed(`a frame of ${frame.length} bytes`);
  const view = viewOf(frame);
  if (view.getUint32(0, true) !== MAGIC) throw malformed('not an intermodel frame');
  if (frame[4] !== VERSION) throw malformed(`version ${frame[4]}; this peer speaks ${VERSION}`);
  const kind = (Object.keys(KINDS) as FrameKind[]).find((name) => KINDS[name] === frame[5]);
  const wire = WIRE_TYPES[frame[6]];
  const nonce = Number(view.getBigUint64(8, true));
  if (kind === undefined || wire === undefined || !Number.isSafeInteger(nonce)) throw malformed('unknown kind, wire type or nonce');
  return {
    kind,
    wire,
    tensors: frame[7],
    nonce,
    time_ms: view.getUint32(16, true),
    bodyBytes: view.getUint32(20, true),
    from: hex(frame.subarray(24, 56)),
    to: hex(frame.subarray(56, 88)),
  };
}

/** Reads a whole request meant for `self`; checks hash and signature before it looks at the body. */
export function decodeRequest(frame: Uint8Array, header: Header, self: PeerKey): Request {
  verifyFrame(frame, header, self);
  if (header.kind === 'answer' || header.kind === 'refusal') throw malformed('an answer where a request was due');
  const { tensors, text, bytes } = decodeBody(frame.subarray(HEADER_BYTES), header);
  const kind: RequestKind = header.kind;
  return { kind, from: header.from, to: self, nonce: header.nonce, deadline_ms: header.time_ms, tensors, method: text, bytes };
}

/** Reads a whole answer meant for `self` from `peer`. */
export function decodeAnswer(frame: Uint8Array, header: Header, self: PeerKey, peer: PeerKey): Answer {
  if (header.from !== peer) throw new TransportError('signature', 'the answer comes from another key');
  verifyFrame(frame, header, self);
  const { tensors, text, bytes } = decodeBody(frame.subarray(HEADER_BYTES), header);
  if (header.kind === 'answer') return { ok: true, nonce: header.nonce, tensors, bytes };
  const code = REFUSALS[bytes[0]];
  if (header.kind !== 'refusal' || code === undefined) throw malformed('unknown refusal');
  return { ok: false, nonce: header.nonce, code, reason: text, retryAfter_ms: header.time_ms };
}

function encode(parts: Parts, identity: Identity): Uint8Array {
  const text = new TextEncoder().encode(parts.text);
  let bodyBytes = 2 + text.length + parts.bytes.length;
  for (const { shape, data } of parts.tensors) bodyBytes += 1 + 4 * shape.length + encodedLength(parts.wire, data.length);
  const frame = new Uint8Array(HEADER_BYTES + bodyBytes);
  const view = viewOf(frame);
  writeBody(frame, view, parts, text);
  view.setUint32(0, MAGIC, true);
  frame[4] = VERSION;
  frame[5] = KINDS[parts.kind];
  frame[6] = WIRE_TYPES.indexOf(parts.wire);
  frame[7] = parts.tensors.length;
  view.setBigUint64(8, BigInt(parts.nonce), true);
  view.setUint32(16, Math.min(0xffffffff, Math.ceil(parts.time_ms)), true);
  view.setUint32(20, bodyBytes, true);
  frame.set(Buffer.from(identity.key, 'hex'), 24);
  frame.set(Buffer.from(parts.to, 'hex'), 56);
  frame.set(sha256(frame.subarray(HEADER_BYTES)), 88);
  frame.set(identity.sign(frame.subarray(0, SIGNED_BYTES)), SIGNED_BYTES);
  return frame;
}

function writeBody(frame: Uint8Array, view: DataView, parts: Parts, text: Uint8Array): void {
  let at = HEADER_BYTES;
  for (const { shape, data } of parts.tensors) {
    frame[at++] = shape.length;
    for (const size of shape) {
      view.setUint32(at, size, true);
      at += 4;
    }
    encodeNumbers(parts.wire, data, view, at);
    at += encodedLength(parts.wire, data.length);
  }
  view.setUint16(at, text.length, true);
  frame.set(text, at + 2);
  frame.set(parts.bytes, at + 2 + text.length);
}

function decodeBody(body: Uint8Array, header: Header): { tensors: Tensor[]; text: string; bytes: Uint8Array } {
  const view = viewOf(body);
  const tensors: Tensor[] = [];
  let at = 0;
  const need = (count: number) => {
    if (at + count > body.length) throw malformed('the body ends early');
  };
  for (let index = 0; index < header.tensors; index++) {
    need(1);
    const rank = body[at++];
    if (rank < 1 || rank > MAX_RANK) throw malformed(`a tensor of rank ${rank}`);
    need(4 * rank);
    const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(at + 4 * axis, true));
    at += 4 * rank;
    const count = elementCount(shape); // sizes are checked against the bytes that are really there before anything is allocated
    const length = encodedLength(header.wire, count);
    need(length);
    tensors.push({ shape, data: decodeNumbers(header.wire, view, at, count) });
    at += length;
  }
  need(2);
  const textLength = view.getUint16(at, true);
  at += 2;
  need(textLength);
  const text = new TextDecoder().decode(body.subarray(at, at + textLength));
  return { tensors, text, bytes: body.slice(at + textLength) };
}

function verifyFrame(frame: Uint8Array, header: Header, self: PeerKey): void {
  if (frame.length !== HEADER_BYTES + header.bodyBytes) throw malformed('the body length is wrong');
  if (header.to !== self) throw new TransportError('signature', 'meant for another peer');
  const hash = sha256(frame.subarray(HEADER_BYTES));
  if (Buffer.compare(hash, frame.subarray(88, 120)) !== 0) throw new TransportError('signature', 'the body does not match its hash');
  if (!verifySignature(header.from, frame.subarray(0, SIGNED_BYTES), frame.subarray(SIGNED_BYTES, HEADER_BYTES))) {
    throw new TransportError('signature', 'not signed by the key it names');
  }
}

function malformed(reason: string): TransportError {
  return new TransportError('malformed', reason);
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
