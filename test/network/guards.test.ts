/** The order of guards and the weight of failures, written out by hand: a change of either is a change of the contract. */
import t from 'tap';
import { gravity } from '../../src/network/failures.js';
import { createHub, createIdentity, Network, type Request, type Transport, TransportError } from '../../src/network/index.js';
import { Service } from '../../src/network/service.js';
import { attacker, identityOf, NO_BYTES, ramp, scaling } from './support/peers.js';
import { VirtualClock } from './support/virtual-clock.js';

const [member, stranger, self] = [identityOf(1).key, identityOf(2).key, identityOf(3).key];
const NAN = { shape: [1, 2], data: Float32Array.of(Number.NaN, 0) };

t.test('a request with several faults is refused for the first of them in this order', async (t) => {
  const clock = new VirtualClock();
  const service = new Service(
    { handlers: scaling(1), stakeOf: (key) => (key === member ? 1n : 0n), sampleShape: [2], width: 2, maxBatch: 1 },
    clock,
  );
  const now = clock.now() * 1000;
  const ask = async (request: Partial<Request>) => {
    const full = {
      kind: 'query',
      from: member,
      to: self,
      nonce: now,
      deadline_ms: 100,
      tensors: [],
      method: '',
      bytes: NO_BYTES,
      ...request,
    };
    const answer = await service.handle(full as Request, new AbortController().signal);
    return answer.ok ? 'ok' : answer.code;
  };
  t.equal(await ask({ tensors: [ramp(1, 2)] }), 'ok', 'this nonce has been seen from here on');
  const oversized = { shape: [2, 3], data: new Float32Array(6).fill(Number.NaN) };
  // Each row has the fault it names and all of those below it.
  const rows: readonly [string, Partial<Request>][] = [
    ['noStake', { from: stranger, nonce: now, tensors: [oversized, oversized] }],
    ['replay', { nonce: now, tensors: [oversized, oversized] }],
    ['unsupported', { nonce: now + 1, tensors: [oversized, oversized] }],
    ['shape', { nonce: now + 2, tensors: [oversized] }],
    ['nonfinite', { nonce: now + 3, tensors: [NAN] }],
  ];
  for (const [code, request] of rows) t.equal(await ask(request), code);
  t.equal(await ask({ nonce: now + 1, tensors: [ramp(1, 2)] }), 'replay', 'a refused request uses its nonce up');
  t.equal(await ask({ from: stranger, nonce: now + 9, tensors: [ramp(1, 2)] }), 'noStake');
  t.equal(await ask({ nonce: now + 9, tensors: [ramp(1, 2)] }), 'ok', 'what one without stake sends uses nothing up');
});

t.test('how each failure counts towards a ban', async (t) => {
  const none = ['noStake', 'unsupported', 'busy', 'expired', 'cancelled', 'banned', 'closed', 'handler'] as const;
  const plain = ['timeout', 'unreachable'] as const;
  const grave = ['nonfinite', 'shape', 'oversize', 'replay', 'signature', 'malformed'] as const;
  const weigh = (code: (typeof none | typeof plain | typeof grave)[number], by: 'caller' | 'peer') =>
    gravity({ code, by, reason: '', retryAfter_ms: 0 });
  for (const code of none) t.equal(weigh(code, 'caller'), 'none', code);
  for (const code of plain) t.equal(weigh(code, 'caller'), 'plain', code);
  for (const code of grave) t.equal(weigh(code, 'caller'), 'grave', code);
  for (const code of [...none, ...plain, ...grave])
    t.equal(weigh(code, 'peer'), code === 'handler' ? 'plain' : 'none', `${code} from the peer`);
});

t.test('one forged signature bans its peer at once; one lost connection does not', async (t) => {
  for (const [code, banned] of [
    ['signature', true],
    ['malformed', true],
    ['unreachable', false],
  ] as const) {
    const hub = createHub();
    const inner = hub.join(createIdentity());
    const other = hub.join(createIdentity());
    other.serve(attacker((request) => ({ ok: true, nonce: request.nonce, tensors: [ramp(1, 1)], bytes: NO_BYTES })));
    const third = hub.join(createIdentity());
    third.serve(attacker((request) => ({ ok: true, nonce: request.nonce, tensors: [ramp(1, 1)], bytes: NO_BYTES })));
    const forging: Transport = Object.assign(Object.create(inner), {
      self: inner.self,
      exchange: (...call: Parameters<Transport['exchange']>) =>
        call[0].to === other.self ? Promise.reject(new TransportError(code, 'forged')) : inner.exchange(...call),
    });
    const caller = new Network({ transport: forging, clock: new VirtualClock() });
    t.ok((await caller.query(third.self, ramp(1, 1))).ok);
    t.match(await caller.query(other.self, ramp(1, 1)), { ok: false, failure: { code, by: 'caller' } });
    t.equal(caller.isBanned(other.self), banned, code);
  }
});
