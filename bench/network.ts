/**
 * Overhead of one query of 64 x 64 f32 beside the model's own time: in process, and over libp2p on loopback.
 * The model is the identity, so all that is measured is the network. The answer is checked before anything is timed.
 */
import { createHub, createIdentity, Libp2pTransport, Network, type Transport } from '../src/network/index.js';

const SHAPE = [64, 64];
const input = { shape: SHAPE, data: Float32Array.from({ length: 64 * 64 }, (_, i) => i / 4096) };

async function measure(name: string, caller: Transport, peer: Transport, calls: number, goal_us?: number): Promise<void> {
  const server = new Network({
    transport: peer,
    service: { handlers: { query: (x) => x }, stakeOf: () => 1n, sampleShape: [64], width: 64 },
  });
  const network = new Network({ transport: caller });
  const first = await network.query(server.self, input, { width: 64, deadline_ms: 10_000 });
  if (!first.ok || first.value.data.some((x, i) => x !== input.data[i])) throw new Error(`${name}: wrong answer ${JSON.stringify(first)}`);
  for (let i = 0; i < calls / 10; i++) await network.query(server.self, input, { width: 64, deadline_ms: 10_000 });
  const rounds: number[] = [];
  const cpu = process.cpuUsage();
  for (let round = 0; round < 7; round++) {
    const started = performance.now();
    for (let i = 0; i < calls; i++) {
      const outcome = await network.query(server.self, input, { width: 64, deadline_ms: 10_000 });
      if (!outcome.ok) throw new Error(`${name}: ${outcome.failure.code}`);
    }
    rounds.push((1000 * (performance.now() - started)) / calls);
  }
  const used = process.cpuUsage(cpu);
  const cpu_us = (used.user + used.system) / (7 * calls);
  rounds.sort((a, b) => a - b);
  const goal = goal_us === undefined ? '' : `  (goal: under ${goal_us})`;
  console.log(
    `network/${name}/64x64: median ${rounds[3].toFixed(1)} us, ${rounds[0].toFixed(1)} to ${rounds[6].toFixed(1)} over 7 rounds of ${calls}; processor time ${cpu_us.toFixed(1)} us${goal}`,
  );
  await network.close();
  await server.close();
}

const hub = createHub();
await measure('memory', hub.join(createIdentity()), hub.join(createIdentity()), 20_000, 50);

for (const wire of ['f32', 'f16', 'int8'] as const) {
  const caller = await Libp2pTransport.start({ identity: createIdentity(), wire });
  const peer = await Libp2pTransport.start({ identity: createIdentity(), wire });
  await caller.introduce(peer.self, peer.addresses());
  if (wire === 'f32') await measure('libp2p-f32', caller, peer, 300);
  else await inexact(wire, caller, peer);
}

/** The narrow formats lose precision, so the check is against their bound. */
async function inexact(wire: 'f16' | 'int8', caller: Libp2pTransport, peer: Libp2pTransport): Promise<void> {
  const server = new Network({ transport: peer, service: { handlers: { query: (x) => x }, stakeOf: () => 1n } });
  const network = new Network({ transport: caller });
  const calls = 300;
  let worst = 0;
  const started = performance.now();
  for (let i = 0; i < calls; i++) {
    const outcome = await network.query(server.self, input, { width: 64, deadline_ms: 10_000 });
    if (!outcome.ok) throw new Error(outcome.failure.code);
    for (let k = 0; k < input.data.length; k += 97) worst = Math.max(worst, Math.abs(outcome.value.data[k] - input.data[k]));
  }
  const mean = (1000 * (performance.now() - started)) / calls;
  const bound = wire === 'f16' ? 2 * 2 ** -11 : 2 / 254 + 2 ** -20;
  if (worst > bound) throw new Error(`${wire}: error ${worst} above ${bound}`);
  const traffic = network.traffic().get(server.self)!;
  console.log(
    `network/libp2p-${wire}/64x64: mean ${mean.toFixed(1)} us, ${Math.round(traffic.bytesSent / calls)} bytes out, largest error ${worst.toExponential(2)}`,
  );
  await network.close();
  await server.close();
}
