/** Seeded mutation of everything that is read from the network: only the kind of failure that a parser promises may come out. */
import { createHash } from 'node:crypto';
import { encode, rfc8949EncodeOptions } from 'cborg';
import { InputError } from '../../../src/core/errors.js';
import { RandomStream } from '../../../src/core/random.js';
import { decodeBlock } from '../../../src/ledger/block.js';
import { decodeTransaction, encodeTransaction } from '../../../src/ledger/encoding.js';
import { decodeGenesis, encodeGenesis, genesisState } from '../../../src/ledger/genesis.js';
import { createKey, memoryStore, openLedger, ROW_PARTS, signTransaction, TOKEN } from '../../../src/ledger/index.js';
import { type Proof, verifyProof } from '../../../src/ledger/proof.js';
import { decodeSnapshot, encodeSnapshot } from '../../../src/ledger/snapshot.js';
import { decodeAnnouncement, encodeAnnouncement } from '../../../src/network/announcements.js';
import { decodeAnswer, decodeHeader, decodeRequest, encodeAnswer, encodeRequest, HEADER_BYTES } from '../../../src/network/frame.js';
import { type Request, TransportError } from '../../../src/network/index.js';
import { DenseNet } from '../../../src/participant/models/dense-net.js';
import { decodeSaved, encodeSaved } from '../../../src/participant/saved.js';
import { decodeStudent, encodeStudent } from '../../../src/participant/students/student-file.js';
import { readBarrier, readHello, readProgress, readRejoin, readResult } from '../../../src/run/messages.js';
import { MessageError, readValue } from '../../../src/run/value.js';
import { identityOf, NO_BYTES, ramp } from '../../network/support/peers.js';

/** A parser, what it may be given, and what it may throw. */
export interface Target {
  readonly name: string;
  readonly samples: readonly Uint8Array[];
  /** Reads; whatever it throws must be one of the expected kinds. Returns whether it took the bytes. */
  readonly read: (bytes: Uint8Array) => boolean;
}

const [alice, bob] = [identityOf(1), identityOf(2)];

/** Every parser of the network, with valid samples to start from. */
export async function targets(): Promise<readonly Target[]> {
  const { transactions, block, snapshot, genesis, proof, head } = await ledgerSamples();
  return [
    {
      name: 'request frames',
      samples: requests(),
      read: throwing(TransportError, (bytes) => decodeRequest(resigned(bytes), decodeHeader(bytes), bob.key)),
    },
    {
      name: 'unsigned frames',
      samples: requests(),
      read: throwing(TransportError, (bytes) => decodeRequest(bytes, decodeHeader(bytes), bob.key)),
    },
    {
      name: 'answer frames',
      samples: answers(),
      read: throwing(TransportError, (bytes) => decodeAnswer(resigned(bytes), decodeHeader(bytes), bob.key, alice.key)),
    },
    {
      name: 'announcements',
      samples: [encodeAnnouncement(1.7e15, 3, Uint8Array.of(1, 2))],
      read: (bytes) => decodeAnnouncement(bytes) !== null,
    },
    { name: 'messages of a run', samples: messages(), read: throwing(MessageError, readAny) },
    { name: 'students', samples: students(), read: throwing(InputError, decodeStudent) },
    {
      name: 'saved states',
      samples: [encodeSaved({ a: 1, b: Float64Array.of(1, 2), c: [Float32Array.of(1), Uint8Array.of(1)] })],
      read: throwing(InputError, decodeSaved),
    },
    { name: 'transactions', samples: transactions, read: (bytes) => decodeTransaction(bytes) !== undefined },
    { name: 'blocks', samples: [block], read: (bytes) => typeof decodeBlock(bytes) !== 'string' },
    { name: 'snapshots', samples: [snapshot], read: (bytes) => typeof decodeSnapshot(bytes) !== 'string' },
    { name: 'genesis', samples: [genesis], read: throwing(InputError, decodeGenesis) },
    { name: 'proofs', samples: [proof], read: (bytes) => readProof(bytes, head) },
  ];
}

/** What came of so many mutations. */
export interface FuzzResult {
  readonly executions: number;
  readonly taken: number;
  /** Findings: seed and what came out. */
  readonly findings: readonly string[];
}

/** Mutates and reads. The same seed gives the same bytes. */
export function fuzz(target: Target, executions: number, seed: number): FuzzResult {
  const findings: string[] = [];
  let taken = 0;
  for (let run = 0; run < executions; run++) {
    const bytes = mutated(target.samples, new RandomStream(seed, 91, run));
    try {
      if (target.read(bytes)) taken++;
    } catch (error) {
      findings.push(
        `${target.name}, seed ${seed}, run ${run}: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
      );
      if (findings.length >= 5) break;
    }
  }
  return { executions, taken, findings };
}

/** True when it returned, false when it threw what it may throw; anything else goes on to the caller. */
export function throwing(kind: new (...args: never[]) => Error, read: (bytes: Uint8Array) => unknown): (bytes: Uint8Array) => boolean {
  return (bytes) => {
    try {
      read(bytes);
      return true;
    } catch (error) {
      if (error instanceof kind) return false;
      throw error;
    }
  };
}

const EXTREMES = [0, 1, 0x7f, 0x80, 0xff] as const;

function mutated(samples: readonly Uint8Array[], random: RandomStream): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(samples[random.integer(samples.length)]); // a copy: slices of a Buffer share its memory
  for (let change = 1 + random.integer(4); change > 0; change--) bytes = mutate(bytes, samples, random);
  return bytes;
}

function mutate(bytes: Uint8Array, samples: readonly Uint8Array[], random: RandomStream): Uint8Array {
  const at = random.integer(Math.max(1, bytes.length));
  switch (random.integer(8)) {
    case 0:
      bytes[at] ^= 1 << random.integer(8);
      return bytes;
    case 1:
      bytes[at] = random.integer(256);
      return bytes;
    case 2:
      bytes[at] = EXTREMES[random.integer(EXTREMES.length)];
      return bytes;
    case 3: // a length or a count at its extreme
      bytes.fill(random.integer(2) === 0 ? 0xff : 0, at, at + 1 + random.integer(8));
      return bytes;
    case 4:
      return bytes.slice(0, at);
    case 5: {
      const inserted = Uint8Array.from({ length: 1 + random.integer(16) }, () => random.integer(256));
      return joined(bytes.subarray(0, at), inserted, bytes.subarray(at));
    }
    case 6: {
      const end = at + 1 + random.integer(32);
      return joined(bytes.subarray(0, end), bytes.subarray(at, end), bytes.subarray(end));
    }
    default: {
      const other = samples[random.integer(samples.length)];
      return joined(bytes.subarray(0, at), other.subarray(random.integer(Math.max(1, other.length))));
    }
  }
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

/** As an attacker signs what it likes: hash and signature of whatever the frame holds. */
function resigned(bytes: Uint8Array): Uint8Array {
  if (bytes.length < HEADER_BYTES) return bytes;
  const frame = bytes.slice();
  new DataView(frame.buffer).setUint32(20, frame.length - HEADER_BYTES, true);
  frame.set(hashOf(frame.subarray(HEADER_BYTES)), 88);
  frame.set(alice.sign(frame.subarray(0, 120)), 120);
  return frame;
}

function hashOf(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest();
}

function requests(): Uint8Array[] {
  const request: Request = {
    ...{ kind: 'backward', from: alice.key, to: bob.key, nonce: 1_700_000_000_000_123, deadline_ms: 250 },
    ...{ tensors: [ramp(2, 3), ramp(2, 1, 5)], method: 'student', bytes: Uint8Array.of(9, 8) },
  };
  return (['f32', 'f16', 'int8'] as const).map((wire) => encodeRequest(request, wire, alice));
}

function answers(): Uint8Array[] {
  return [
    encodeAnswer({ ok: true, nonce: 7, tensors: [ramp(2, 2)], bytes: Uint8Array.of(1) }, bob.key, 'int8', alice),
    encodeAnswer({ ok: true, nonce: 8, tensors: [], bytes: NO_BYTES }, bob.key, 'f32', alice),
    encodeAnswer({ ok: false, nonce: 9, code: 'noStake', reason: 'you hold 0', retryAfter_ms: 12 }, bob.key, 'f32', alice),
  ];
}

const SCORE = { loss: 1, accuracy: 0.5 };
const RESULT = {
  ...{ index: 0, encoder: 'x', trainSamples: 1, validationSamples: 1, mask: [1, 1], losses: [[1, 2, 3, 4, 5]], absences: [] },
  measurement: { ideal: [1, 2], ablation: [1, 2], shapley: [1, 2], gram: [1, 2, 3, 4], linearShare: 0.5 },
  evaluation: { head: SCORE, own: SCORE, gate: SCORE, proxy: SCORE },
};

function messages(): Uint8Array[] {
  const values: readonly unknown[] = [
    { kind: 'asked', round: 3 },
    { kind: 'block', round: 3, height: 2, session: 'abc' },
    { round: 7 },
    { phase: 'training', done: 1, total: 3, loss: 0.5 },
    { protocol: 2, settings: 'ab', inputWidth: 4, width: 2, session: 'cd' },
    RESULT,
  ];
  return values.map((value) => encode(value, rfc8949EncodeOptions));
}

const READERS: readonly ((value: unknown) => unknown)[] = [
  readBarrier,
  readRejoin,
  readProgress,
  readHello,
  (value) => readResult(value, 2),
];

/** Any of the forms; that none fits is the one failure. */
function readAny(bytes: Uint8Array): unknown {
  const value = readValue(bytes);
  let last: unknown = null;
  for (const read of READERS) {
    try {
      return read(value);
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      last = error;
    }
  }
  throw last;
}

function students(): Uint8Array[] {
  const net = (widths: number[]) =>
    DenseNet.random({ widths, activation: 'tanh', outputActivation: 'identity', seed: 3, stream: [1], optimiser: { learningRate: 1e-3 } });
  return [encodeStudent(net([3, 4, 2])), encodeStudent(net([1, 1]))];
}

async function ledgerSamples() {
  const keys = [1, 2, 3].map((number) => createKey(new Uint8Array(32).fill(number)));
  const genesis = { participants: keys.map(({ publicKey }) => ({ key: publicKey, stake: 5n * TOKEN })), balances: [] };
  const ledger = await openLedger({ store: memoryStore(), genesis });
  const [first, second] = keys;
  const signed = (action: Parameters<typeof ledger.submitAction>[1], nonce: number) =>
    signTransaction({ ...action, chain: ledger.chain, from: first.publicKey, nonce }, first);
  const half = Uint32Array.of(ROW_PARTS / 2, ROW_PARTS / 2, 0);
  const transactions = [
    signed({ kind: 'setEndpoint', endpoint: '/ip4/127.0.0.1/tcp/1' }, 0),
    signed({ kind: 'setWeights', row: { members: ledger.state().members, weights: half } }, 1),
    signed({ kind: 'setWeights', row: { targets: [second.publicKey], weights: Uint32Array.of(ROW_PARTS) } }, 1),
    signed({ kind: 'transfer', to: second.publicKey, amount: 5n }, 1),
    signed({ kind: 'unregister' }, 1),
  ];
  ledger.submit(transactions[0]);
  const block = await ledger.closeBlock();
  const given = encodeGenesis(genesis);
  const state = genesisState(decodeGenesis(given), ledger.chain);
  const proof = await ledger.prove(first.publicKey);
  return {
    transactions: transactions.map(encodeTransaction),
    block: block.bytes,
    snapshot: encodeSnapshot(state),
    genesis: given,
    proof: new TextEncoder().encode(JSON.stringify(proof)),
    head: ledger.head,
  };
}

/** Proofs travel as JSON: what is no JSON is not given to the verifier. */
function readProof(bytes: Uint8Array, head: string): boolean {
  let proof: unknown;
  try {
    proof = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return false;
  }
  return typeof verifyProof(proof as Proof, head) !== 'string';
}
