/** T9 with real processes and real memory: stalls, SIGSTOP, SIGKILL. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t, { type Test } from 'tap';
import { createHub, createIdentity, Libp2pTransport, Network, type NetworkOptions, type Transport } from '../../src/network/index.js';
import { identityOf, ramp, sleep, staller } from './support/peers.js';
import { VirtualClock } from './support/virtual-clock.js';

t.setTimeout(240_000);

async function spawnPeer(t: Test, number: number): Promise<{ child: ChildProcess; key: string; addresses: string[] }> {
  const script = fileURLToPath(new URL('./support/process.js', import.meta.url));
  const child = spawn(process.execPath, [script, String(number)], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const line = await new Promise<string>((resolve) => child.stdout?.once('data', (data) => resolve(String(data))));
  return { child, ...JSON.parse(line) };
}

async function libp2pCaller(t: Test, options: Partial<NetworkOptions>): Promise<{ transport: Libp2pTransport; caller: Network }> {
  const transport = await Libp2pTransport.start({ identity: createIdentity() });
  t.teardown(() => transport.close());
  return { transport, caller: new Network({ transport, ...options }) };
}

t.test(
  'T9: a process that is stopped costs the deadline, one that is continued answers again, one that is killed is unreachable',
  async (t) => {
    const peer = await spawnPeer(t, 201);
    const clock = new VirtualClock(Date.now());
    const { transport, caller } = await libp2pCaller(t, { bans: { threshold: 1000 }, clock });
    await transport.introduce(peer.key, peer.addresses);
    t.ok((await caller.query(peer.key, ramp(2, 2), { deadline_ms: 60_000 })).ok);

    peer.child.kill('SIGSTOP');
    for (let call = 0; call < 5; call++) {
      const stopped = caller.query(peer.key, ramp(2, 2), { deadline_ms: 200 });
      await clock.runUntil(clock.now() + 200);
      const outcome = await stopped;
      t.match(outcome, { ok: false, failure: { code: 'timeout' } });
      t.equal(outcome.elapsed_ms, 200);
    }

    peer.child.kill('SIGCONT');
    const again = await caller.query(peer.key, ramp(2, 2), { deadline_ms: 60_000 });
    t.ok(again.ok && again.value.data[3] === 6, 'control: continued, it answers');

    const pending = caller.query(peer.key, ramp(512, 512), { deadline_ms: 60_000 });
    peer.child.kill('SIGKILL');
    const killed = await pending; // no deadline of this clock comes: the broken connection ends the call
    t.ok(killed.ok || killed.failure.code === 'unreachable', 'either it answered before it died, or the call failed');
    const after = await caller.query(peer.key, ramp(1, 2), { deadline_ms: 60_000 });
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
async function stall(from: Transport, to: Transport): Promise<{ readonly grown_MB: number; readonly caller: Network }> {
  const clock = new VirtualClock();
  const caller = new Network({ transport: from, clock });
  const { receiver, came } = staller();
  to.serve(receiver);
  const wave = async () => {
    const before = came.count;
    const calls = Array.from({ length: 25 }, () => caller.query(to.self, ramp(64, 64), { deadline_ms: 60, ignoreBan: true }));
    await came.reach(before + 25); // each call is under way before its deadline comes
    await clock.runUntil(clock.now() + 60);
    await Promise.all(calls);
  };
  await wave();
  const before = await settledMemory();
  for (let round = 0; round < 1000 / 25; round++) await wave();
  return { grown_MB: ((await settledMemory()) - before) / 1e6, caller };
}

t.test('T9: 1,000 stalled calls leave less than 20 MB behind', async (t) => {
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
    const { grown_MB, caller } = await stall(from, to);
    t.ok(grown_MB < 20, `${name}: grew by ${grown_MB.toFixed(1)} MB`);
    const { calls, success, timeout, error } = caller.traffic().get(to.self)!;
    t.same([calls, success, timeout, error], [1025, 0, 1025, 0], name);
  }
});

t.test('T9, negative control: a transport that keeps what it was given is caught by the same measurement', async (t) => {
  const hub = createHub();
  const inner = hub.join(identityOf(5));
  const kept: unknown[] = [];
  const leaky: Transport = Object.assign(Object.create(inner), {
    self: inner.self,
    serve: () => {},
    exchange: (...call: Parameters<Transport['exchange']>) => {
      kept.push(call[0].tensors.map((tensor) => new Float64Array(tensor.data)));
      return inner.exchange(...call);
    },
  });
  const { grown_MB } = await stall(leaky, hub.join(identityOf(6)));
  t.ok(grown_MB > 20, `grew by ${grown_MB.toFixed(1)} MB while ${kept.length} calls were kept`);
});

t.test('T9, negative control: without a deadline a stalled call never ends', async (t) => {
  const hub = createHub();
  const [from, to] = [hub.join(identityOf(7)), hub.join(identityOf(8))];
  to.serve(staller().receiver);
  const clock = new VirtualClock();
  const deaf = { now: () => clock.now(), after: () => () => {} }; // a clock whose timers never fire
  let ended = false;
  void new Network({ transport: from, clock: deaf }).query(to.self, ramp(1, 1), { deadline_ms: 50 }).then(() => {
    ended = true;
  });
  clock.after(3_600_000, () => {});
  await clock.runUntil(clock.now() + 3_600_000);
  t.notOk(ended, 'an hour later it still hangs');
});
