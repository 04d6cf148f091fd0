/** T9 with real processes and real memory: stalls, SIGSTOP, SIGKILL. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import { type Answer, createHub, createIdentity, Libp2pTransport, Network, sendBack, type Transport } from '../../src/network/index.js';
import { attacker, identityOf, ramp, sleep } from './support/peers.js';

t.setTimeout(240_000);

const GRACE_MS = 50;

async function spawnPeer(t: Test, number: number): Promise<{ child: ChildProcess; key: string; addresses: string[] }> {
  const script = fileURLToPath(new URL('./support/process.js', import.meta.url));
  const child = spawn(process.execPath, [script, String(number)], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const line = await new Promise<string>((resolve) => child.stdout?.once('data', (data) => resolve(String(data))));
  return { child, ...JSON.parse(line) };
}

async function libp2pCaller(t: Test, bans = {}): Promise<{ transport: Libp2pTransport; caller: Network }> {
  const transport = await Libp2pTransport.start({ identity: createIdentity() });
  t.teardown(() => transport.close());
  return { transport, caller: new Network({ transport, bans }) };
}

t.test(
  'T9: a process that is stopped costs the deadline, one that is continued answers again, one that is killed is unreachable',
  async (t) => {
    const peer = await spawnPeer(t, 201);
    const { transport, caller } = await libp2pCaller(t, { threshold: 1000 });
    await transport.introduce(peer.key, peer.addresses);
    t.ok((await caller.query(peer.key, ramp(2, 2), { deadline_ms: 10_000 })).ok);

    peer.child.kill('SIGSTOP');
    for (let call = 0; call < 5; call++) {
      const started = performance.now();
      const outcome = await caller.query(peer.key, ramp(2, 2), { deadline_ms: 200 });
      const elapsed = performance.now() - started;
      t.match(outcome, { ok: false, failure: { code: 'timeout' } });
      t.ok(elapsed < 200 + GRACE_MS, `answered after ${elapsed.toFixed(1)} ms`);
    }
    const options = { peers: [peer.key], input: ramp(1, 2), width: 2, answered: Uint8Array.of(1), deadline_ms: 200 };
    t.same(
      [...(await sendBack(caller, { ...options, gradients: Float32Array.of(1, 1) })).inputGradient],
      [0, 0],
      'the missing gradient is 0',
    );

    peer.child.kill('SIGCONT');
    const again = await caller.query(peer.key, ramp(2, 2), { deadline_ms: 10_000 });
    t.ok(again.ok && again.value.data[3] === 6, 'control: continued, it answers');

    const pending = caller.query(peer.key, ramp(512, 512), { deadline_ms: 5000 });
    peer.child.kill('SIGKILL');
    const started = performance.now();
    const killed = await pending;
    t.ok(!killed.ok || performance.now() - started < 100, 'either it answered before it died, or the call failed');
    const after = await caller.query(peer.key, ramp(1, 2), { deadline_ms: 3000 });
    t.match(after, { ok: false, failure: { code: 'unreachable' } });
    const { calls, success, timeout, error } = caller.traffic().get(peer.key)!;
    t.equal(success + timeout + error, calls);
  },
);

// Without a forced collection the figure would be what the collector has not looked at yet.
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function settledMemory(): Promise<number> {
  for (let round = 0; round < 5; round++) {
    collect();
    await sleep(20);
  }
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + Math.max(external, arrayBuffers);
}

/** 1,000 calls that stall, 64 x 64 numbers each: 16 MB would stay if every call left its tensor behind, 32 MB with its copy. */
async function stall(caller: Network, peer: string): Promise<number> {
  const waves = 1000 / 25;
  await Promise.all(Array.from({ length: 25 }, () => caller.query(peer, ramp(64, 64), { deadline_ms: 60, ignoreBan: true })));
  const before = await settledMemory();
  for (let wave = 0; wave < waves; wave++) {
    await Promise.all(Array.from({ length: 25 }, () => caller.query(peer, ramp(64, 64), { deadline_ms: 60, ignoreBan: true })));
  }
  return ((await settledMemory()) - before) / 1e6;
}

t.test('T9: 1,000 stalled calls leave less than 20 MB behind', async (t) => {
  const never = () => new Promise<Answer>(() => {});
  const hub = createHub();
  const pairs: [string, Transport, Transport][] = [['memory', hub.join(identityOf(1)), hub.join(identityOf(2))]];
  const [mine, theirs] = [
    await Libp2pTransport.start({ identity: identityOf(3) }),
    await Libp2pTransport.start({ identity: identityOf(4) }),
  ];
  t.teardown(() => Promise.all([mine.close(), theirs.close()]));
  await mine.introduce(theirs.self, theirs.addresses());
  pairs.push(['libp2p', mine, theirs]);
  for (const [name, from, to] of pairs) {
    to.serve(attacker(never));
    const caller = new Network({ transport: from });
    const grown = await stall(caller, to.self);
    t.ok(grown < 20, `${name}: grew by ${grown.toFixed(1)} MB`);
    // On a busy machine a few streams end by the peer's limit instead of the deadline; each call is counted once either way.
    const { calls, success, timeout, error } = caller.traffic().get(to.self)!;
    t.same([calls, success, timeout + error], [1025, 0, 1025]);
    t.ok(timeout > 900, `${name}: ${timeout} timeouts`);
  }
});

t.test('T9, negative control: a transport that keeps what it was given is caught by the same measurement', async (t) => {
  const hub = createHub();
  const inner = hub.join(identityOf(5));
  hub.join(identityOf(6)).serve(attacker(() => new Promise<Answer>(() => {})));
  const kept: unknown[] = [];
  const leaky: Transport = Object.assign(Object.create(inner), {
    self: inner.self,
    serve: () => {},
    exchange: (...call: Parameters<Transport['exchange']>) => {
      kept.push(call[0].tensors.map((tensor) => new Float64Array(tensor.data)));
      return inner.exchange(...call);
    },
  });
  const grown = await stall(new Network({ transport: leaky }), identityOf(6).key);
  t.ok(grown > 20, `grew by ${grown.toFixed(1)} MB while ${kept.length} calls were kept`);
});

t.test('T9, negative control: without a deadline a stalled call never ends', async (t) => {
  const hub = createHub();
  const [from, to] = [hub.join(identityOf(7)), hub.join(identityOf(8))];
  to.serve(attacker(() => new Promise<Answer>(() => {})));
  const clock = { now: () => performance.now(), after: () => () => {} }; // a clock whose timers never fire
  const caller = new Network({ transport: from, clock });
  const winner = await Promise.race([
    caller.query(to.self, ramp(1, 1), { deadline_ms: 50 }).then(() => 'ended'),
    sleep(300).then(() => 'hanging'),
  ]);
  t.equal(winner, 'hanging');
});
