import fc from 'fast-check';
import t from 'tap';
import { Admission } from '../../src/network/admission.js';
import { BanList } from '../../src/network/bans.js';
import { AdaptiveDeadline, checkDeadlineOptions, median } from '../../src/network/deadline.js';
import { createHub, createIdentity, Network, type Tensor } from '../../src/network/index.js';
import { NonceSource, NonceWindow } from '../../src/network/replay.js';
import { attacker, identityOf, ramp, scaling } from './support/peers.js';
import { VirtualClock } from './support/virtual-clock.js';

t.test('the deadline follows median and deviation, within bounds', async (t) => {
  const deadline = new AdaptiveDeadline(checkDeadlineOptions({ floor_ms: 10, ceiling_ms: 500, initial_ms: 200, deviations: 6 }));
  t.equal(deadline.current_ms(), 200, 'nothing known yet');
  for (const elapsed of [40, 42, 44, 46, 48]) deadline.answered(elapsed);
  t.equal(deadline.current_ms(), 44 + 6 * 1.4826 * 2, 'median 44, median deviation 2');
  deadline.timedOut();
  t.equal(deadline.current_ms(), 2 * (44 + 6 * 1.4826 * 2), 'doubled, so that a peer that slowed down is heard again');
  for (let i = 0; i < 50; i++) deadline.timedOut();
  t.equal(deadline.current_ms(), 500, 'never above the ceiling');
  for (let i = 0; i < 40; i++) deadline.answered(1);
  t.equal(deadline.current_ms(), 10, 'never below the floor');
  t.equal(median([3, 1, 2, 10]), 2.5);
  t.throws(() => checkDeadlineOptions({ floor_ms: 10, ceiling_ms: 5 }), { code: 'BTM_DOMAIN', argument: 'deadline.floor_ms' });
});

t.test('bans start at the threshold, double, end, and a success forgets them', async (t) => {
  const clock = new VirtualClock(0);
  const bans = new BanList({ threshold: 2, base_ms: 100, ceiling_ms: 350 }, clock);
  bans.failed('a', false);
  t.equal(bans.remaining_ms('a'), 0);
  const lengths: number[] = [];
  bans.failed('a', false);
  lengths.push(bans.remaining_ms('a'));
  for (let i = 0; i < 3; i++) {
    bans.failed('a', true); // a grave failure needs no threshold
    lengths.push(bans.remaining_ms('a'));
  }
  t.same(lengths, [100, 200, 350, 350]);
  await clock.runUntil(349);
  t.equal(bans.remaining_ms('a'), 1);
  await clock.runUntil(350);
  t.equal(bans.remaining_ms('a'), 0);
  bans.succeeded('a');
  bans.failed('a', true);
  t.equal(bans.remaining_ms('a'), 100);
});

t.test('whatever a handler throws is a refusal', async (t) => {
  const hub = createHub();
  const nameless = Object.defineProperty(new Error('broken'), 'name', {
    get: () => {
      throw new Error('its name as well');
    },
  });
  const server = new Network({
    transport: hub.join(identityOf(1)),
    service: { handlers: { query: () => Promise.reject(nameless) }, stakeOf: () => 1n },
  });
  const caller = new Network({ transport: hub.join(createIdentity()) });
  t.match(await caller.query(server.self, ramp(1, 1)), {
    ok: false,
    failure: { code: 'handler', by: 'peer', reason: "the peer's query failed" },
  });
});

t.test('when every peer is banned, the ban is ignored: the fault may be the caller', async (t) => {
  const hub = createHub();
  const transports = [1, 2].map((number) => hub.join(identityOf(number)));
  const [a, b] = transports.map((transport) => new Network({ transport, service: { handlers: scaling(1), stakeOf: () => 1n } }));
  const caller = new Network({ transport: hub.join(createIdentity()), bans: { base_ms: 60_000 } });
  for (const peer of [a, b]) await caller.query(peer.self, ramp(1, 1));
  caller.bans.failed(a.self, true);
  const banned = await caller.query(a.self, ramp(1, 1));
  t.match(banned, { ok: false, failure: { code: 'banned' } });
  caller.bans.failed(b.self, true);
  t.ok((await caller.query(a.self, ramp(1, 1))).ok, 'asked all the same');
  t.notOk(caller.isBanned(a.self), 'and the success lifts its ban');
  t.ok(caller.isBanned(b.self));
});

t.test('a peer that is forgiven is new: no ban, a first ban next, and the deadline of a stranger', async (t) => {
  const clock = new VirtualClock();
  const hub = createHub();
  const [gone, other] = [identityOf(60), identityOf(61)];
  let joined = hub.join(gone);
  joined.serve(attacker(() => new Promise(() => {}))); // hangs
  new Network({ transport: hub.join(other), clock, service: { handlers: scaling(1), stakeOf: () => 1n } });
  const options = {
    bans: { threshold: 2, base_ms: 100, ceiling_ms: 60_000 },
    deadline: { floor_ms: 10, initial_ms: 50, ceiling_ms: 6_400 },
  };
  const caller = new Network({ transport: hub.join(createIdentity()), clock, ...options });
  const stalled = async (): Promise<void> => {
    const call = caller.query(gone.key, ramp(1, 1), { ignoreBan: true });
    await clock.runUntil(clock.now() + caller.deadline_ms(gone.key));
    t.match(await call, { ok: false, failure: { code: 'timeout' } });
  };
  t.ok((await caller.query(other.key, ramp(1, 1))).ok, 'somebody else, who is not banned');
  for (let call = 0; call < 6; call++) await stalled();
  t.equal(caller.bans.remaining_ms(gone.key), 400, 'the third ban');
  t.equal(caller.deadline_ms(gone.key), 50 * 2 ** 6);
  t.match(await caller.query(gone.key, ramp(1, 1)), { ok: false, failure: { code: 'banned' } }, 'control: not asked');

  await joined.close();
  joined = hub.join(gone);
  new Network({ transport: joined, clock, service: { handlers: scaling(2), stakeOf: () => 1n } });
  t.match(await caller.query(gone.key, ramp(1, 1)), { ok: false, failure: { code: 'banned' } }, 'control: it is back, and still not asked');
  caller.forgive(gone.key);
  t.equal(caller.bans.remaining_ms(gone.key), 0);
  t.equal(caller.deadline_ms(gone.key), 50);
  t.ok((await caller.query(gone.key, ramp(1, 1))).ok);
  caller.forgive(gone.key);
  caller.bans.failed(gone.key, false);
  t.equal(caller.bans.remaining_ms(gone.key), 0, 'the threshold counts from the start');
  caller.bans.failed(gone.key, false);
  t.equal(caller.bans.remaining_ms(gone.key), 100, 'and so does the length');
  t.throws(() => caller.forgive('0'), { code: 'BTM_DOMAIN', argument: 'peer' });
});

t.test('a call that was under way when its peer was forgiven is counted, and not held against it', async (t) => {
  const clock = new VirtualClock(0);
  const hub = createHub();
  const gone = hub.join(identityOf(62));
  gone.serve(attacker(() => new Promise(() => {})));
  const caller = new Network({ transport: hub.join(createIdentity()), clock, bans: { threshold: 1 }, deadline: { initial_ms: 200 } });
  for (const forgiven of [false, true]) {
    caller.forgive(gone.self);
    const call = caller.query(gone.self, ramp(1, 1));
    if (forgiven) caller.forgive(gone.self);
    await clock.runUntil(clock.now() + 200);
    t.match(await call, { ok: false, failure: { code: 'timeout' } });
    t.equal(caller.bans.remaining_ms(gone.self) > 0, !forgiven, forgiven ? 'forgiven' : 'control: it would have been banned');
    t.equal(caller.deadline_ms(gone.self), forgiven ? 200 : 400);
  }
  t.equal(caller.traffic().get(gone.self)?.timeout, 2);
});

t.test('forgiving a peer that was never met does not make it somebody who is not banned', async (t) => {
  const hub = createHub();
  const caller = new Network({ transport: hub.join(createIdentity()) });
  const [met, stranger] = [identityOf(63).key, identityOf(64).key];
  caller.bans.failed(met, true);
  caller.forgive(stranger);
  t.ok(caller.bans.allBanned());
});

t.test('T10: whoever waits with more stake is served first; an unknown caller never outranks a staked one', async () => {
  fc.assert(
    fc.property(fc.array(fc.bigInt({ min: 0n, max: 5n }), { maxLength: 30 }), fc.integer({ min: 0, max: 8 }), (stakes, queue) => {
      const admission = new Admission({ concurrency: 1, queue, perCaller: 32, strangers: 32 });
      const callerOf = (key: string, stake: bigint) => ({ key, stake, member: stake > 0n });
      const first = callerOf('first', 9n);
      admission.enter(
        first,
        () => {},
        () => {},
      ); // occupies the only turn
      const started: number[] = [];
      const gone = new Set<number>();
      stakes.forEach((stake, caller) => {
        const left = admission.enter(
          callerOf(`${caller}`, stake),
          () => started.push(caller),
          () => gone.add(caller),
        );
        if (left === null) gone.add(caller);
      });
      admission.release(first);
      for (let i = 0; i < stakes.length; i++) admission.release(callerOf(`${started[i]}`, stakes[started[i]] ?? 0n));
      // An independent account: the richest `queue` callers, earlier first among equals, in that order.
      const expected = stakes
        .map((stake, caller) => ({ stake, caller }))
        .sort((x, y) => (x.stake === y.stake ? x.caller - y.caller : x.stake > y.stake ? -1 : 1))
        .slice(0, queue)
        .map(({ caller }) => caller);
      return JSON.stringify(started) === JSON.stringify(expected) && started.length + gone.size === stakes.length;
    }),
    { numRuns: 500 },
  );
});

t.test('T10: under load a peer serves by stake, end to end; control: equal stake is served in order of arrival', async (t) => {
  const serve = async (stakes: readonly bigint[]): Promise<number[]> => {
    const hub = createHub();
    const callers = stakes.map((_, index) => new Network({ transport: hub.join(identityOf(100 + index)) }));
    const order: number[] = [];
    const server = new Network({
      transport: hub.join(identityOf(99)),
      service: {
        stakeOf: (key) => stakes[callers.findIndex((caller) => caller.self === key)] ?? 0n,
        minimumStake: 0n,
        admission: { concurrency: 1 },
        handlers: {
          query: async (input: Tensor) => {
            order.push(input.data[0]);
            await new Promise((resolve) => setImmediate(resolve));
            return input;
          },
        },
      },
    });
    await Promise.all(callers.map((caller, index) => caller.query(server.self, ramp(1, 1, index), { deadline_ms: 5000 })));
    return order;
  };
  t.same(await serve([0n, 1n, 7n, 0n, 3n]), [0, 2, 4, 1, 3], 'the first is running already; the holders of none come last');
  t.same(await serve([2n, 2n, 2n, 2n]), [0, 1, 2, 3]);
});

t.test('T10: a key that replaced another inherits nothing: stake is looked up by key, never by place', async (t) => {
  const hub = createHub();
  const [old, fresh] = [identityOf(50), identityOf(51)];
  let slot = old.key;
  const server = new Network({
    transport: hub.join(identityOf(52)),
    service: { handlers: scaling(1), stakeOf: (key) => (key === slot ? 10n : 0n) },
  });
  const [before, after] = [old, fresh].map((identity) => new Network({ transport: hub.join(identity) }));
  t.ok((await before.query(server.self, ramp(1, 1))).ok);
  slot = fresh.key;
  t.match(await before.backward(server.self, ramp(1, 1), ramp(1, 1)), { ok: false, failure: { code: 'noStake' } });
  t.ok((await after.query(server.self, ramp(1, 1))).ok);
});

t.test('a nonce is accepted once, within the freshness window, also when memory is short or the process restarts', async (t) => {
  const clock = new VirtualClock(1_000_000);
  const guard = new NonceWindow(clock, 10_000, 8, 2);
  const now = 1_000_000_000;
  t.ok(guard.accept('a', now + 5));
  t.notOk(guard.accept('a', now + 5));
  t.ok(guard.accept('a', now + 3), 'out of order is fine');
  t.notOk(guard.accept('a', now - 1), 'older than the start of this process');
  t.notOk(guard.accept('a', now + 11_000_000), 'too far ahead');
  t.notOk(guard.accept('a', 1.5));
  for (let i = 10; i < 20; i++) t.ok(guard.accept('a', now + i));
  for (const old of [3, 5, 10, 12, 19]) t.notOk(guard.accept('a', now + old), `${old} again, after the memory was trimmed`);
  t.ok(guard.accept('b', now + 1));
  t.notOk(guard.accept('c', now + 30), 'a third sender has no place while two are remembered');
  t.notOk(guard.accept('a', now + 19), 'and moves nothing of theirs');
  await clock.runUntil(1_000_000 + 11_000);
  t.ok(guard.accept('c', now + 11_000_000), 'once what the others sent is too old by itself, nothing of theirs is kept');
  for (const [sender, old] of [
    ['a', 19],
    ['b', 1],
  ] as const)
    t.notOk(guard.accept(sender, now + old));
  t.notOk(new NonceWindow(clock, 60_000).accept('a', now + 19), 'nor after a restart');
});

t.test('nonces rise even while the clock stands still', async (t) => {
  const source = new NonceSource(new VirtualClock(5));
  t.same([source.next(), source.next(), source.next()], [5000, 5001, 5002]);
});

t.test('what is wrong in the call itself is thrown, and nothing is counted', async (t) => {
  const hub = createHub();
  const network = new Network({ transport: hub.join(createIdentity()) });
  const peer = createIdentity().key;
  const nan = { shape: [1, 2], data: Float32Array.of(1, Number.NaN) };
  t.throws(() => network.query(peer, nan), { code: 'BTM_NONFINITE', index: 1 });
  t.throws(() => network.query(peer, { shape: [2, 2], data: new Float32Array(3) }), { code: 'BTM_SHAPE' });
  t.throws(() => network.query('0', ramp(1, 1)), { code: 'BTM_DOMAIN', argument: 'peer' });
  t.throws(() => network.query(network.self, ramp(1, 1)), { code: 'BTM_DOMAIN', argument: 'peer' });
  t.throws(() => network.query(peer, ramp(1, 1), { deadline_ms: 0 }), { code: 'BTM_DOMAIN', argument: 'deadline_ms' });
  t.throws(() => createIdentity(new Uint8Array(31)), { code: 'BTM_SHAPE' });
  t.match(await network.query(peer, ramp(1, 1)), { ok: false, failure: { code: 'unreachable' } });
  await network.close();
  t.match(await network.query(peer, ramp(1, 1)), { ok: false, failure: { code: 'closed' } });
  t.equal(network.traffic().get(peer)?.calls, 2);
});
