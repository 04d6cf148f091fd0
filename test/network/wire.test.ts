import fc from 'fast-check';
import t from 'tap';
import { decodeAnswer, decodeHeader, decodeRequest, encodeAnswer, encodeRequest, HEADER_BYTES } from '../../src/network/frame.js';
import { type Answer, errorBound, type Request, TransportError, type WireType } from '../../src/network/index.js';
import { decodeNumbers, encodedLength, encodeNumbers, INT8_BLOCK } from '../../src/network/quantise.js';
import { identityOf, NO_BYTES, ramp } from './support/peers.js';

const [alice, bob, mallory] = [identityOf(1), identityOf(2), identityOf(3)];

function roundTrip(type: WireType, data: Float32Array): Float32Array {
  const view = new DataView(new ArrayBuffer(encodedLength(type, data.length) + 3));
  encodeNumbers(type, data, view, 3);
  return decodeNumbers(type, view, 3, data.length);
}

const numbers = (max: number) => fc.float32Array({ noNaN: true, noDefaultInfinity: true, min: -max, max, maxLength: 200 });

t.test('f32 is exact', async () => {
  fc.assert(
    fc.property(
      numbers(Math.fround(3e38)),
      (data) => Buffer.compare(Buffer.from(roundTrip('f32', data).buffer), Buffer.from(data.buffer)) === 0,
    ),
  );
});

for (const type of ['f16', 'int8'] as const) {
  t.test(`${type} stays within its stated bound`, async () => {
    fc.assert(
      fc.property(numbers(65504), (data) => {
        const back = roundTrip(type, data);
        return data.every((value, index) => {
          const block = data.subarray(index - (index % INT8_BLOCK), index - (index % INT8_BLOCK) + INT8_BLOCK);
          const blockMax = block.reduce((largest, entry) => Math.max(largest, Math.abs(entry)), 0);
          return Math.abs(back[index] - value) <= errorBound(type, value, blockMax);
        });
      }),
      { numRuns: 2000 },
    );
  });
}

t.test('f16 is the nearest half, ties to even: every half maps to itself, every midpoint to the even neighbour', async (t) => {
  const halves = new Uint16Array(0x7c00).map((_, index) => index);
  const view = new DataView(halves.buffer);
  const values = decodeNumbers('f16', view, 0, halves.length);
  const again = new DataView(new ArrayBuffer(2 * halves.length));
  encodeNumbers('f16', values, again, 0);
  let wrong = 0;
  for (let half = 0; half < halves.length; half++) if (again.getUint16(2 * half, true) !== half) wrong++;
  t.equal(wrong, 0, 'all 31,744 finite halves');
  const middles = new Float32Array(halves.length - 1).map((_, index) => (values[index] + values[index + 1]) / 2);
  encodeNumbers('f16', middles, again, 0);
  for (let half = 0; half < middles.length; half++) {
    const expected = half % 2 === 0 ? half : half + 1;
    if (again.getUint16(2 * half, true) !== expected) wrong++;
  }
  t.equal(wrong, 0, 'all midpoints');
  t.same([values[1], values[0x3c00], values[0x7bff]], [2 ** -24, 1, 65504]);
});

t.test('f16 refuses what it cannot hold; NaN survives, so that the receiver refuses it', async (t) => {
  t.throws(() => roundTrip('f16', Float32Array.of(1, 70_000)), { code: 'BTM_DOMAIN', index: 1 });
  for (const type of ['f32', 'f16', 'int8'] as const) t.ok(Number.isNaN(roundTrip(type, Float32Array.of(1, Number.NaN))[1]), type);
});

const request: Request = {
  kind: 'backward',
  from: alice.key,
  to: bob.key,
  nonce: 1_700_000_000_000_123,
  deadline_ms: 250,
  tensors: [ramp(2, 3), ramp(2, 1, 5)],
  method: 'größe',
  bytes: Uint8Array.of(9, 8),
};

t.test('requests, answers and refusals survive the wire', async (t) => {
  const frame = encodeRequest(request, 'f32', alice);
  t.same(decodeRequest(frame, decodeHeader(frame), bob.key), request);
  const answers: Answer[] = [
    { ok: true, nonce: 7, tensors: [ramp(1, 2)], bytes: Uint8Array.of(1) },
    { ok: true, nonce: 8, tensors: [], bytes: NO_BYTES },
    { ok: false, nonce: 9, code: 'noStake', reason: 'you hold 0', retryAfter_ms: 12 },
  ];
  for (const answer of answers) {
    const bytes = encodeAnswer(answer, alice.key, 'f32', bob);
    t.same(decodeAnswer(bytes, decodeHeader(bytes), alice.key, bob.key), answer);
  }
  t.equal(
    encodeRequest({ ...request, tensors: [ramp(64, 64)], method: '', bytes: NO_BYTES }, 'f32', alice).length,
    HEADER_BYTES + 9 + 16384 + 2,
  );
});

t.test('every flipped bit is found: the signature covers header, shape, numbers and text', async (t) => {
  const frame = encodeRequest(request, 'int8', alice);
  let accepted = 0;
  for (let bit = 0; bit < 8 * frame.length; bit++) {
    const broken = frame.slice();
    broken[bit >> 3] ^= 1 << (bit & 7);
    if (verdict(broken) === 'ok') accepted++;
  }
  t.equal(accepted, 0, `${8 * frame.length} bits`);
  t.equal(verdict(frame), 'ok', 'control: the whole frame passes');
});

t.test('a frame for another peer, a frame signed by another, a cut frame', async (t) => {
  t.equal(verdict(encodeRequest({ ...request, to: mallory.key }, 'f32', alice)), 'signature');
  const forged = encodeRequest(request, 'f32', mallory); // names mallory as sender; claim to be alice instead
  forged.set(Buffer.from(alice.key, 'hex'), 24);
  t.equal(verdict(forged), 'signature');
  const frame = encodeRequest(request, 'f32', alice);
  for (const length of [0, 1, HEADER_BYTES - 1, HEADER_BYTES, frame.length - 1])
    t.equal(verdict(frame.slice(0, length)), 'malformed', `${length}`);
  const answer = encodeAnswer({ ok: true, nonce: 1, tensors: [], bytes: NO_BYTES }, alice.key, 'f32', mallory);
  t.throws(() => decodeAnswer(answer, decodeHeader(answer), alice.key, bob.key), { code: 'signature' });
});

t.test('random bytes, and random bodies under a valid signature, are refused without another kind of error', async () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => verdict(bytes) === 'malformed'));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.integer({ min: 0, max: 255 }), (body, tensors) => {
      const frame = encodeRequest({ ...request, tensors: [], method: '', bytes: body }, 'int8', alice);
      frame[7] = tensors; // re-sign below: an attacker may sign what it likes
      const signed = resign(frame);
      return ['ok', 'malformed'].includes(verdict(signed));
    }),
    { numRuns: 1000 },
  );
});

function resign(frame: Uint8Array): Uint8Array {
  const copy = frame.slice();
  copy.set(alice.sign(copy.subarray(0, 120)), 120);
  return copy;
}

/** 'ok', or the code of the refusal; anything but a TransportError is thrown on. */
function verdict(frame: Uint8Array): string {
  try {
    decodeRequest(frame, decodeHeader(frame), bob.key);
    return 'ok';
  } catch (error) {
    if (error instanceof TransportError) return error.code;
    throw error;
  }
}
