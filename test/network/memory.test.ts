import t from 'tap';
import { createHub, createIdentity, Network, type Tensor } from '../../src/network/index.js';
import { firstNonFinite, settle } from '../../src/network/tensor.js';
import { compliance } from './support/compliance.js';

const hub = createHub();

compliance(t, {
  name: 'memory',
  start: async (identity, limits) => hub.join(identity, limits),
  introduce: async () => {},
});

t.test('a shared hub hands on the very arrays, and refuses NaN as any other; a plain one copies', async (t) => {
  for (const shared of [true, false]) {
    const meeting = createHub({ shared });
    const [asker, peer] = [createIdentity(), createIdentity()];
    const seen: Float32Array[] = [];
    const answer = Float32Array.of(1, 2);
    const service = {
      stakeOf: () => 1n,
      handlers: {
        query: (input: Tensor): Tensor => {
          seen.push(input.data);
          return { shape: [1, 2], data: answer };
        },
      },
    };
    const serving = new Network({ transport: meeting.join(peer), service });
    const asking = new Network({ transport: meeting.join(asker), service: { stakeOf: () => 1n, handlers: {} } });
    const input = { shape: [1, 3], data: Float32Array.of(4, 5, 6) };
    const outcome = await asking.query(peer.key, input);
    t.match(outcome, { ok: true, value: { data: Float32Array.of(1, 2) } });
    t.equal(seen[0] === input.data, shared);
    t.equal(outcome.ok && outcome.value.data === answer, shared);
    answer[0] = Number.NaN;
    if (!shared) t.match(await asking.query(peer.key, input), { ok: false }, 'an answer is searched each time');
    const broken = { shape: [1, 1], data: Float32Array.of(Number.NaN) };
    t.throws(() => asking.query(peer.key, broken), { code: 'BTM_NONFINITE', index: 0 });
    await Promise.all([serving.close(), asking.close()]);
  }
});

t.test('an array that is handed on is searched once, and one with NaN is never taken for settled', (t) => {
  const [fine, broken] = [Float32Array.of(1, 2), Float32Array.of(1, Number.NaN)];
  settle([
    { shape: [2], data: fine },
    { shape: [2], data: broken },
  ]);
  t.equal(firstNonFinite(broken), 1);
  fine[0] = Number.NaN;
  t.equal(firstNonFinite(fine), -1);
  t.end();
});
