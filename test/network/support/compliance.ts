/** What every transport must do. Each implementation runs this with its own fixture. */
import type { Test } from 'tap';
import {
  type Answer,
  type Handlers,
  type Identity,
  type Limits,
  Network,
  type NetworkOptions,
  type Outcome,
  type Request,
  type ServiceOptions,
  type Tensor,
  type Transport,
} from '../../../src/network/index.js';
import { attacker, identityOf, NO_BYTES, ramp, scaling, sleep, staller, Tally } from './peers.js';
import { VirtualClock } from './virtual-clock.js';

/** How an implementation makes a transport, and how its peers learn of one another. */
export interface Fixture {
  readonly name: string;
  start(identity: Identity, limits?: Partial<Limits>): Promise<Transport>;
  introduce(from: Transport, to: Transport): Promise<void>;
}

const DEADLINE_MS = 150;

interface Pair {
  readonly caller: Network;
  readonly callerTransport: Transport;
  readonly peer: Transport;
}

type Start = (options?: Partial<NetworkOptions>, limits?: Partial<Limits>, peerLimits?: Partial<Limits>) => Promise<Pair>;

/** Runs the suite. */
export function compliance(t: Test, fixture: Fixture): void {
  let next = 1;
  const open: { close(): Promise<void> }[] = [];
  t.afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
  });
  const transport = async (limits?: Partial<Limits>) => {
    const made = await fixture.start(identityOf(1000 + next++), limits);
    open.push(made);
    return made;
  };
  const start: Start = async (options = {}, limits, peerLimits) => {
    const [callerTransport, peer] = [await transport(limits), await transport(peerLimits)];
    await fixture.introduce(callerTransport, peer);
    return { caller: new Network({ transport: callerTransport, ...options }), callerTransport, peer };
  };

  exchanges(t, start);
  faultyPeers(t, start);
  faultyCallers(t, start);
  announcements(t, fixture, transport);
}

function serve(transport: Transport, handlers: Handlers, options: Partial<ServiceOptions> = {}): Network {
  return new Network({ transport, service: { handlers, stakeOf: () => 1n, ...options } });
}

function exchanges(t: Test, start: Start): void {
  t.test('a query brings back the response, and neither side shares memory with the other', async (t) => {
    const { caller, peer } = await start();
    let seen: Tensor | null = null;
    serve(peer, {
      query: (input) => {
        seen = input;
        return scaling(2).query(input, undefined as never);
      },
    });
    const input = ramp(3, 4);
    const outcome = await caller.query(peer.self, input, { width: 4, deadline_ms: 5000 });
    t.ok(outcome.ok, JSON.stringify(outcome));
    t.same(
      [...value(outcome).data],
      [...input.data].map((x) => 2 * x),
    );
    t.same(value(outcome).shape, [3, 4]);
    (seen as Tensor | null)?.data.fill(99);
    t.same([...input.data], [...ramp(3, 4).data], 'the input is untouched');
  });

  t.test('a backward carries inputs and gradient together', async (t) => {
    const { caller, peer } = await start();
    const got: number[][] = [];
    serve(peer, {
      backward: (input, gradient) => {
        got.push([...input.data], [...gradient.data]);
        return { shape: [...input.shape], data: input.data.map((x, i) => x + gradient.data[i % gradient.data.length]) };
      },
    });
    const outcome = await caller.backward(peer.self, ramp(2, 3), ramp(2, 2, 10), { deadline_ms: 5000 });
    t.same(got, [
      [0, 1, 2, 3, 4, 5],
      [10, 11, 12, 13],
    ]);
    t.same([...(value(outcome) as Tensor).data], [10, 12, 14, 16, 14, 16]);
  });

  t.test('a peer may keep its input gradient to itself', async (t) => {
    const { caller, peer } = await start();
    serve(peer, { backward: () => null });
    const outcome = await caller.backward(peer.self, ramp(2, 3), ramp(2, 2), { deadline_ms: 5000 });
    t.equal(value(outcome), null);
  });

  t.test('a call carries bytes; an unknown one is refused by name', async (t) => {
    const { caller, peer } = await start();
    serve(peer, { calls: { reverse: (bytes) => bytes.toReversed() } });
    const outcome = await caller.call(peer.self, 'reverse', Uint8Array.of(1, 2, 3), { deadline_ms: 5000 });
    t.same([...value(outcome)], [3, 2, 1]);
    t.equal(code(await caller.call(peer.self, 'toString', NO_BYTES, { deadline_ms: 5000 })), 'unsupported/peer');
    t.equal(code(await caller.query(peer.self, ramp(1, 1), { deadline_ms: 5000 })), 'unsupported/peer');
  });

  t.test('a megabyte goes through, and calls in parallel keep apart', async (t) => {
    const { caller, peer } = await start();
    serve(peer, scaling(1));
    const large = ramp(256, 1024);
    const outcome = await caller.query(peer.self, large, { deadline_ms: 20_000 });
    t.equal(Buffer.compare(Buffer.from(value(outcome).data.buffer), Buffer.from(large.data.buffer)), 0);
    const all = await Promise.all(
      Array.from({ length: 16 }, (_, i) => caller.query(peer.self, ramp(2, 2, 100 * i), { deadline_ms: 10_000 })),
    );
    t.same(
      all.map((one) => value(one).data[0]),
      Array.from({ length: 16 }, (_, i) => 100 * i),
    );
  });
}

/** Every row: what the peer does, and how the caller must see it. */
const WRONG_ANSWERS: readonly [string, string, (request: Request) => Answer][] = [
  ['NaN', 'nonfinite/caller', (r) => good(r, [{ shape: [2, 2], data: Float32Array.of(1, Number.NaN, 3, 4) }])],
  ['infinity', 'nonfinite/caller', (r) => good(r, [{ shape: [2, 2], data: Float32Array.of(1, 2, Number.NEGATIVE_INFINITY, 4) }])],
  ['the wrong width', 'shape/caller', (r) => good(r, [ramp(2, 3)])],
  ['the wrong batch', 'shape/caller', (r) => good(r, [ramp(1, 2)])],
  ['the wrong rank', 'shape/caller', (r) => good(r, [{ shape: [4], data: new Float32Array(4) }])],
  ['two tensors', 'shape/caller', (r) => good(r, [ramp(2, 2), ramp(2, 2)])],
  ['nothing', 'shape/caller', (r) => good(r, [])],
  ['too much', 'oversize/caller', (r) => good(r, [ramp(2, 100_000)])],
  ['an answer to another request', 'replay/caller', (r) => ({ ok: true, nonce: r.nonce - 1, tensors: [ramp(2, 2)], bytes: NO_BYTES })],
  ['a refusal', 'busy/peer', (r) => ({ ok: false, nonce: r.nonce, code: 'busy', reason: 'later', retryAfter_ms: 7 })],
];

function faultyPeers(t: Test, start: Start): void {
  for (const [what, expected, answer] of WRONG_ANSWERS) {
    t.test(`T9: a peer that answers ${what} is refused and counted`, async (t) => {
      const { caller, peer } = await start({}, { frameBytes: 65_536 }, { frameBytes: 1 << 24 });
      peer.serve(attacker(answer));
      const outcome = await caller.query(peer.self, ramp(2, 2), { width: 2, deadline_ms: 5000 });
      t.equal(code(outcome), expected);
      const traffic = caller.traffic().get(peer.self)!;
      t.same([traffic.calls, traffic.success, traffic.timeout, traffic.error], [1, 0, 0, 1]);
      t.same(traffic.errors, { [expected]: 1 });
    });
  }

  t.test('T9: a peer that is slow or stopped costs the deadline and no more; a gradient sent to it is given up as well', async (t) => {
    const clock = new VirtualClock();
    const { caller, peer } = await start({ clock });
    const { receiver, came } = staller();
    peer.serve(receiver);
    for (const [index, call] of [
      () => caller.query(peer.self, ramp(2, 2), { deadline_ms: DEADLINE_MS }),
      () => caller.backward(peer.self, ramp(2, 2), ramp(2, 2), { deadline_ms: DEADLINE_MS }),
    ].entries()) {
      const pending = call();
      let ended = false;
      void pending.then(() => {
        ended = true;
      });
      await came.reach(index + 1);
      await clock.runUntil(clock.now() + DEADLINE_MS - 1);
      t.notOk(ended, 'it waits until its deadline');
      await clock.runUntil(clock.now() + 1);
      const outcome = await pending;
      t.equal(code(outcome), 'timeout/caller');
      t.equal(outcome.elapsed_ms, DEADLINE_MS);
    }
    const traffic = caller.traffic().get(peer.self)!;
    t.same([traffic.calls, traffic.timeout], [2, 2]);
  });

  t.test('T9: a peer that goes away in the middle of a call', async (t) => {
    const { caller, peer } = await start({ clock: new VirtualClock() }); // no deadline ever comes
    const { receiver, came } = staller();
    peer.serve(receiver);
    const pending = caller.query(peer.self, ramp(2, 2));
    await came.reach(1);
    await peer.close();
    t.equal(code(await pending), 'unreachable/caller');
    t.equal(code(await caller.query(peer.self, ramp(2, 2))), 'unreachable/caller');
  });

  t.test('the caller cancels: the call ends at once and the peer is told', async (t) => {
    const { caller, peer } = await start();
    const [entered, told] = [new Tally(), new Tally()];
    serve(peer, {
      query: (input, { signal }) => {
        entered.add();
        return new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            told.add();
            resolve(input);
          }),
        );
      },
    });
    const abort = new AbortController();
    const pending = caller.query(peer.self, ramp(2, 2), { deadline_ms: 600_000, signal: abort.signal });
    await entered.reach(1);
    abort.abort();
    t.equal(code(await pending), 'cancelled/caller');
    await told.reach(1);
  });

  t.test('a model that fails or diverges is a refusal, and its message stays at home', async (t) => {
    const { caller, peer } = await start();
    let mode = 'throw';
    serve(peer, {
      query: (input) => {
        if (mode === 'throw') throw new RangeError('the secret is 42');
        return { shape: [2, 2], data: input.data.map(() => Number.NaN) };
      },
    });
    const thrown = await caller.query(peer.self, ramp(2, 2), { deadline_ms: 5000 });
    t.equal(code(thrown), 'handler/peer');
    t.notMatch(JSON.stringify({ ...thrown, elapsed_ms: 0 }), /42/);
    mode = 'diverge';
    t.equal(code(await caller.query(peer.self, ramp(2, 2), { deadline_ms: 5000 })), 'handler/peer');
  });
}

function faultyCallers(t: Test, start: Start): void {
  const raw = (from: Transport, to: Transport, tensors: readonly Tensor[], nonce = Date.now() * 1000): Request => ({
    kind: 'query',
    from: from.self,
    to: to.self,
    nonce,
    deadline_ms: 5000,
    tensors,
    method: '',
    bytes: NO_BYTES,
  });
  const send = async (from: Transport, request: Request) => {
    const answer = await from.exchange(request, new AbortController().signal, { sent: 0, received: 0 });
    return answer.ok ? 'ok' : answer.code;
  };

  t.test('T9: NaN, a wrong shape, too much and a replayed nonce are refused by the serving peer, and counted', async (t) => {
    const { callerTransport: from, peer } = await start({}, { frameBytes: 1 << 24 }, { frameBytes: 65_536 });
    const server = serve(peer, scaling(1), { sampleShape: [2], width: 2 });
    const now = (Date.now() + 50) * 1000;
    t.equal(await send(from, raw(from, peer, [ramp(2, 2)], now)), 'ok');
    t.equal(await send(from, raw(from, peer, [ramp(2, 2)], now)), 'replay', 'the same nonce again');
    t.equal(await send(from, raw(from, peer, [ramp(2, 2)], now - 600e6)), 'replay', 'a nonce of ten minutes ago');
    t.equal(await send(from, raw(from, peer, [{ shape: [1, 2], data: Float32Array.of(1, Number.NaN) }], now + 1)), 'nonfinite');
    t.equal(await send(from, raw(from, peer, [ramp(2, 3)], now + 2)), 'shape');
    t.equal(await send(from, raw(from, peer, [ramp(2, 2), ramp(2, 2)], now + 3)), 'unsupported');
    t.equal(await send(from, raw(from, peer, [ramp(100_000, 2)], now + 4)), 'oversize');
    t.equal(await send(from, raw(from, peer, [ramp(1, 2)], now + 5)), 'ok', 'and the connection still works');
    const counters = server.serviceCounters();
    t.same(counters, { received: 8, served: 2, refused: { replay: 2, nonfinite: 1, shape: 1, unsupported: 1, oversize: 1 } });
  });

  t.test('T9, T10: a holder of no stake is refused with a reason; small open calls are the exception', async (t) => {
    const { caller, peer } = await start();
    const stakes = new Map<string, bigint>();
    const calls = { height: () => Uint8Array.of(7), secret: () => Uint8Array.of(8) };
    const options = { stakeOf: (key: string) => stakes.get(key) ?? 0n, minimumStake: 5n, openCalls: ['height'] };
    serve(peer, { ...scaling(1), calls }, options);
    const outcome = await caller.query(peer.self, ramp(2, 2), { deadline_ms: 5000 });
    t.equal(code(outcome), 'noStake/peer');
    t.match(outcome, { failure: { reason: 'this peer serves holders of at least 5; you hold 0' } });
    t.equal(code(await caller.call(peer.self, 'secret', NO_BYTES, { deadline_ms: 5000 })), 'noStake/peer');
    t.same([...value(await caller.call(peer.self, 'height', NO_BYTES, { deadline_ms: 5000 }))], [7]);
    t.equal(code(await caller.call(peer.self, 'height', new Uint8Array(100_000), { deadline_ms: 5000 })), 'noStake/peer');
    stakes.set(caller.self, 5n);
    t.ok((await caller.query(peer.self, ramp(2, 2), { deadline_ms: 5000 })).ok, 'served as soon as it holds enough');
    stakes.set(caller.self, 4n);
    t.equal(code(await caller.query(peer.self, ramp(2, 2), { deadline_ms: 5000 })), 'noStake/peer');
  });
}

function announcements(t: Test, fixture: Fixture, transport: (limits?: Partial<Limits>) => Promise<Transport>): void {
  t.test('an announcement reaches the others; a large one is a wrong call', async (t) => {
    const [a, b] = [await transport(), await transport()];
    await fixture.introduce(a, b);
    const [sender, hearer] = [new Network({ transport: a }), serve(b, scaling(1))];
    await sender.query(b.self, ramp(1, 1), { deadline_ms: 5000 }); // connects
    const heard: [string, string, number[]][] = [];
    const came = new Tally();
    sender.listen('heights', () => {});
    hearer.listen('heights', (from, topic, bytes) => {
      heard.push([from, topic, [...bytes]]);
      came.add();
    });
    // A gossip network passes on what it is told once it has heard who listens: told again until then.
    while (came.count === 0) {
      await sender.announce('heights', Uint8Array.of(1, 2));
      await Promise.race([came.reach(1), sleep(50)]);
    }
    t.same(heard[0], [a.self, 'heights', [1, 2]]);
    await t.rejects(sender.announce('heights', new Uint8Array(1 << 20)), { code: 'BTM_SHAPE' });
  });
}

function good(request: Request, tensors: readonly Tensor[]): Answer {
  return { ok: true, nonce: request.nonce, tensors, bytes: NO_BYTES };
}

function value<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`expected an answer, got ${JSON.stringify(outcome.failure)}`);
  return outcome.value;
}

function code(outcome: Outcome<unknown>): string {
  return outcome.ok ? 'ok' : `${outcome.failure.code}/${outcome.failure.by}`;
}
