/** What every transport must do. Each implementation runs this with its own fixture. */
import type { Test } from 'tap';
import {
  type Answer,
  broadcast,
  type Handlers,
  type Identity,
  type Limits,
  Network,
  type NetworkOptions,
  type Outcome,
  type Request,
  type ServiceOptions,
  sendBack,
  type Tensor,
  type Transport,
} from '../../../src/network/index.js';
import { attacker, identityOf, NO_BYTES, ramp, scaling, sleep } from './peers.js';

/** How an implementation makes a transport, and how its peers learn of one another. */
export interface Fixture {
  readonly name: string;
  start(identity: Identity, limits?: Partial<Limits>): Promise<Transport>;
  introduce(from: Transport, to: Transport): Promise<void>;
  /** Slack for one exchange on this transport, on a busy machine. */
  readonly slack_ms: number;
}

const DEADLINE_MS = 150;
/** RELIABILITY.md T9: the caller answers within its deadline and this much more. */
const GRACE_MS = 50;

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
  faultyPeers(t, start, fixture);
  faultyCallers(t, start);
  broadcasts(t, fixture, transport);
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

function faultyPeers(t: Test, start: Start, fixture: Fixture): void {
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

  t.test('T9: a peer that is slow or stopped costs the deadline and no more; the missing gradient is 0', async (t) => {
    const { caller, peer } = await start();
    peer.serve(attacker(() => new Promise<Answer>(() => {})));
    await caller.query(peer.self, ramp(2, 2), { deadline_ms: 1000 }); // connects
    const started = performance.now();
    const outcome = await caller.query(peer.self, ramp(2, 2), { deadline_ms: DEADLINE_MS });
    const elapsed = performance.now() - started;
    t.equal(code(outcome), 'timeout/caller');
    t.ok(elapsed < DEADLINE_MS + GRACE_MS, `answered after ${elapsed.toFixed(1)} ms`);
    const back = await sendBack(caller, {
      peers: [peer.self],
      input: ramp(2, 2),
      width: 2,
      gradients: new Float32Array(4).fill(1),
      answered: Uint8Array.of(1),
      deadline_ms: DEADLINE_MS,
    });
    t.same([...back.inputGradient], [0, 0, 0, 0]);
    t.equal(code(back.outcomes[0]!), 'timeout/caller');
    const traffic = caller.traffic().get(peer.self)!;
    t.same([traffic.calls, traffic.timeout], [3, 3]);
  });

  t.test('T9: a peer that goes away in the middle of a call', async (t) => {
    const { caller, peer } = await start();
    const started = performance.now();
    peer.serve(attacker(() => new Promise<Answer>(() => {})));
    const pending = caller.query(peer.self, ramp(2, 2), { deadline_ms: 2000 });
    await sleep(fixture.slack_ms);
    await peer.close();
    const outcome = await pending;
    t.match(code(outcome), /^(unreachable|timeout)\/caller$/);
    t.ok(performance.now() - started < 2000 + GRACE_MS);
    const after = await caller.query(peer.self, ramp(2, 2), { deadline_ms: 1000 });
    t.match(code(after), /^(unreachable|timeout)\/caller$/);
  });

  t.test('the caller cancels: the call ends at once and the peer is told', async (t) => {
    const { caller, peer } = await start();
    let told = false;
    serve(peer, {
      query: (input, { signal }) =>
        new Promise((resolve) =>
          signal.addEventListener('abort', () => {
            told = true;
            resolve(input);
          }),
        ),
    });
    const abort = new AbortController();
    const pending = caller.query(peer.self, ramp(2, 2), { deadline_ms: 10_000, signal: abort.signal });
    await sleep(fixture.slack_ms);
    abort.abort();
    t.equal(code(await pending), 'cancelled/caller');
    await sleep(fixture.slack_ms);
    t.ok(told, 'the handler saw its signal fire');
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

function broadcasts(t: Test, fixture: Fixture, transport: (limits?: Partial<Limits>) => Promise<Transport>): void {
  t.test('a broadcast masks the missing, renormalises, cancels the late and sends gradients back', async (t) => {
    const mine = await transport();
    const peers = [await transport(), await transport(), await transport(), await transport()];
    for (const peer of peers) await fixture.introduce(mine, peer);
    serve(peers[0], scaling(1));
    serve(peers[1], { ...scaling(2), query: () => new Promise<Tensor>(() => {}) });
    serve(peers[2], scaling(3));
    peers[3].serve(attacker((r) => good(r, [{ shape: [2, 2], data: new Float32Array(4).fill(Number.NaN) }])));
    const caller = new Network({ transport: mine });
    for (const index of [0, 2]) await caller.query(peers[index].self, ramp(2, 2), { deadline_ms: 5000 }); // connects
    const keys = peers.map((peer) => peer.self);
    const started = performance.now();
    const result = await broadcast(caller, {
      peers: keys,
      input: ramp(2, 2),
      width: 2,
      weights: Float64Array.of(0.1, 0.2, 0.3, 0.4),
      kMin: 2,
      grace_ms: 2000,
      deadline_ms: 5000,
    });
    t.ok(performance.now() - started < 4500, 'did not wait for the stalled peer');
    t.equal(result.status, 'answered');
    t.same([...result.answered], [1, 0, 1, 0]);
    t.same([...result.responses], [0, 1, 0, 0, 0, 3, 0, 0, 2, 3, 0, 0, 6, 9, 0, 0]);
    t.equal(result.weights[1], 0);
    t.equal(result.weights[3], 0);
    t.ok(Math.abs(result.weights[0] - 0.25) < 1e-15 && Math.abs(result.weights[2] - 0.75) < 1e-15);
    t.equal(code(result.outcomes[1]!), 'cancelled/caller');
    t.equal(code(result.outcomes[3]!), 'nonfinite/caller');

    const gradients = new Float32Array(16).fill(1);
    const back = await sendBack(caller, {
      peers: keys,
      input: ramp(2, 2),
      width: 2,
      gradients,
      answered: result.answered,
      deadline_ms: 5000,
    });
    t.same([...back.inputGradient], [4, 4, 4, 4], '1 + 3, and nothing from those that did not answer');
    t.equal(back.outcomes[1], null);
    for (const traffic of caller.traffic().values()) t.equal(traffic.success + traffic.timeout + traffic.error, traffic.calls);
  });

  t.test('kBest asks only the heaviest; too few answers is a status, not an exception', async (t) => {
    const mine = await transport();
    const peers = [await transport(), await transport(), await transport()];
    for (const peer of peers) await fixture.introduce(mine, peer);
    const asked = [0, 0, 0];
    peers.forEach((peer, index) => {
      serve(peer, {
        query: (input) => {
          asked[index]++;
          if (index === 1) throw new Error('broken');
          return input;
        },
      });
    });
    const caller = new Network({ transport: mine });
    const keys = peers.map((peer) => peer.self);
    const weights = Float64Array.of(0.1, 0.5, 0.4);
    const options = { peers: keys, input: ramp(1, 2), width: 2, weights, kBest: 2, kMin: 2, deadline_ms: 5000 };
    const result = await broadcast(caller, options);
    t.same(asked, [0, 1, 1]);
    t.equal(result.status, 'tooFew');
    t.same([...result.weights], [0, 0, 1]);
    t.equal(result.outcomes[0], null);
  });
}

function announcements(t: Test, fixture: Fixture, transport: (limits?: Partial<Limits>) => Promise<Transport>): void {
  t.test('an announcement reaches the others; a large one is a wrong call', async (t) => {
    const [a, b] = [await transport(), await transport()];
    await fixture.introduce(a, b);
    const [sender, hearer] = [new Network({ transport: a }), serve(b, scaling(1))];
    await sender.query(b.self, ramp(1, 1), { deadline_ms: 5000 }); // connects
    const heard: [string, string, number[]][] = [];
    sender.listen('heights', () => {});
    hearer.listen('heights', (from, topic, bytes) => heard.push([from, topic, [...bytes]]));
    for (let attempt = 0; attempt < 50 && heard.length === 0; attempt++) {
      await sender.announce('heights', Uint8Array.of(1, 2));
      await sleep(fixture.slack_ms / 2);
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
