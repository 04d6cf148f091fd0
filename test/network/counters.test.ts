/** Calls by peer, counted by hand. */
import t from 'tap';
import { CallCounters } from '../../src/network/counters.js';
import type { PeerKey } from '../../src/network/index.js';

const peer = 'a'.repeat(64) as PeerKey;

t.test('calls, successes, timeouts and errors are counted apart, and by peer', async (t) => {
  const counters = new CallCounters();
  const other = 'b'.repeat(64) as PeerKey;
  for (let k = 0; k < 5; k++) counters.started(peer).sent += 10;
  counters.started(other).received += 3;
  counters.succeeded(peer, 8);
  counters.succeeded(peer, 2);
  counters.failed(peer, { code: 'timeout', by: 'caller' } as never);
  counters.failed(peer, { code: 'refused', by: 'peer' } as never);
  counters.failed(peer, { code: 'refused', by: 'peer' } as never);
  counters.failed(other, { code: 'timeout', by: 'caller' } as never);
  t.match(counters.snapshot().get(peer), {
    ...{ calls: 5, success: 2, timeout: 1, error: 2, errors: { 'refused/peer': 2 }, bytesSent: 50, bytesReceived: 0 },
    ...{ latencyMedian_ms: 5, latencyP95_ms: 8 },
  });
  t.match(counters.snapshot().get(other), { calls: 1, success: 0, timeout: 1, error: 0, bytesReceived: 3, latencyMedian_ms: 0 });
});

t.test('latencies are those of the last 256 calls that succeeded', async (t) => {
  const counters = new CallCounters();
  const latency = () => {
    const { latencyMedian_ms, latencyP95_ms } = counters.snapshot().get(peer)!;
    return [latencyMedian_ms, latencyP95_ms];
  };
  for (let k = 1; k <= 256; k++) counters.succeeded(peer, k);
  t.same(latency(), [128.5, 244], 'the 244th of 256 is the first that 95 % do not exceed');
  for (let k = 1; k <= 128; k++) counters.succeeded(peer, 1000);
  // 129 .. 256 and 128 times 1000: the older half has gone.
  t.same(latency(), [(256 + 1000) / 2, 1000]);
  for (let k = 1; k <= 128; k++) counters.succeeded(peer, 1000);
  t.same(latency(), [1000, 1000], 'none of the first is left');
  for (let k = 1; k <= 256; k++) {
    counters.succeeded(peer, 5);
    const fresh = k > 128 ? 5 : k === 128 ? 502.5 : 1000;
    t.equal(latency()[0], fresh, `${k} replaced`);
  }
});
