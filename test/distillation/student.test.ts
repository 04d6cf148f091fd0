/** Students: learning, bytes and hashes, and standing in for a peer in its position until it is back. */
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { createHub, createIdentity, type Handlers, Network } from '../../src/network/index.js';
import { askChosen, type RoutedQuery, returnGradients } from '../../src/participant/gates/routing.js';
import { DenseNet } from '../../src/participant/models/dense-net.js';
import { DEFAULT_OBJECTIVE, distilStep } from '../../src/participant/students/student.js';
import { StudentCache, StudentOffer } from '../../src/participant/students/student-cache.js';
import { contentHash, decodeStudent, encodeStudent } from '../../src/participant/students/student-file.js';
import { firstDifference } from '../support/backends.js';

const net = (seed: number, widths: readonly number[]): DenseNet =>
  DenseNet.random({ widths, activation: 'relu', outputActivation: 'identity', seed, stream: [0], optimiser: { learningRate: 0.01 } });

t.test('a student learns its teacher: logits and responses, for every kind', async (t) => {
  for (const kind of ['forwardKl', 'reverseKl', 'jsd', 'mse'] as const) {
    const [teacher, student, readout] = [net(1, [5, 8, 3]), net(2, [5, 16, 3]), net(3, [3, 4])];
    const fixed = readout.layers[0].weights.slice();
    const stream = new RandomStream(7);
    let [first, last] = [0, 0];
    for (let step = 0; step < 300; step++) {
      const inputs = Float64Array.from({ length: 32 * 5 }, () => stream.normal());
      const target = teacher.forward(inputs, 32);
      const loss = distilStep(student, { inputs, target, batch: 32, readout }, { ...DEFAULT_OBJECTIVE, kind });
      last = loss.logits + loss.response;
      if (step === 0) first = last;
    }
    t.ok(last < 0.1 * first, `${kind}: ${first} -> ${last}`);
    t.equal(firstDifference(fixed, readout.layers[0].weights), -1, 'the readout is held fixed');
  }
});

t.test('the same student has the same bytes and hash; reading them back gives it rounded to 32 bits', async (t) => {
  const student = net(4, [5, 7, 3]);
  const bytes = encodeStudent(student);
  t.equal(contentHash(encodeStudent(net(4, [5, 7, 3]))), contentHash(bytes));
  const copy = decodeStudent(bytes);
  t.equal(firstDifference(copy.layers[0].weights, Float64Array.from(Float32Array.from(student.layers[0].weights))), -1);
  t.strictSame(encodeStudent(copy), bytes);
  const inputs = new Float64Array(10).fill(0.5);
  const [exact, rounded] = [student.forward(inputs, 2), copy.forward(inputs, 2)];
  t.ok(exact.every((value, at) => Math.abs(value - rounded[at]) < 1e-5));
});

t.test('what a peer hands over is checked: hash, format, sizes, numbers', async (t) => {
  const bytes = encodeStudent(net(4, [5, 7, 3]));
  const hash = contentHash(bytes);
  const peer = createIdentity(new Uint8Array(32).fill(1)).key;
  const students = new StudentCache({ inputWidth: 5, width: 3 });
  for (let at = 0; at < bytes.length; at++) {
    const flipped = bytes.slice();
    flipped[at] ^= 1 << (at % 8);
    const outcome = students.keep(peer, flipped, hash);
    if (outcome.ok || outcome.code !== 'hash') t.fail(`byte ${at} was flipped and kept`);
    // even with a hash of its own, a broken file is refused or is another student; it never throws
    students.keep(createIdentity(new Uint8Array(32).fill(2)).key, flipped, contentHash(flipped));
  }
  t.equal(students.hashOf(peer), undefined);
  t.match(students.keep(peer, bytes.subarray(0, 40), contentHash(bytes.subarray(0, 40))), { ok: false, code: 'format' });
  const wide = encodeStudent(net(4, [5, 7, 4]));
  t.match(students.keep(peer, wide, contentHash(wide)), { ok: false, code: 'shape' });
  const infinite = encodeStudent(
    new DenseNet([{ weights: new Float64Array(15).fill(1e300), bias: new Float64Array(3), activation: 'identity' }]),
  );
  t.match(students.keep(peer, infinite, contentHash(infinite)), { ok: false, code: 'format', reason: /BTM_NONFINITE/ });
  t.match(students.keep(peer, bytes, hash), { ok: true, bytes: bytes.length });
  t.equal(students.hashOf(peer), hash);
});

/** A peer that answers value * its inputs' sum, and remembers what it was asked. */
function peerOf(value: number, hub: ReturnType<typeof createHub>, calls: Handlers['calls'] = {}) {
  const identity = createIdentity(new Uint8Array(32).fill(value));
  const asked: number[][] = [];
  const gradients: number[][] = [];
  const join = (): Network =>
    new Network({
      transport: hub.join(identity),
      service: {
        stakeOf: () => 1n,
        handlers: {
          query: ({ shape, data }) => {
            asked.push([...data]);
            return { shape: [shape[0], 2], data: Float32Array.from({ length: shape[0] * 2 }, (_, at) => value * data[Math.floor(at / 2)]) };
          },
          backward: (_, gradient) => {
            gradients.push([...gradient.data]);
            return null;
          },
          calls,
        },
      },
    });
  return { key: identity.key, asked, gradients, join };
}

t.test('only the chosen are asked, about their samples, and get the gradients of those', async (t) => {
  const hub = createHub();
  const peers = [1, 2, 3].map((value) => peerOf(value, hub));
  for (const peer of peers) peer.join();
  const asker = new Network({ transport: hub.join(createIdentity(new Uint8Array(32).fill(9))) });
  const query: RoutedQuery = {
    network: asker,
    peers: peers.map(({ key }) => key),
    inputs: Float32Array.of(10, 20, 30),
    batch: 3,
    width: 2,
    selected: Int32Array.of(0, 2, 2, -1, 0, 2),
  };
  const answers = await askChosen(query);
  t.strictSame(
    peers.map(({ asked }) => asked),
    [[[10, 30]], [], [[10, 20, 30]]],
  );
  t.strictSame([...answers.answered], [1, 0, 1, 0, 0, 1, 1, 0, 1]);
  t.strictSame([...answers.responses], [10, 10, 0, 0, 30, 30, 0, 0, 0, 0, 60, 60, 30, 30, 0, 0, 90, 90]);
  t.strictSame(answers.origins, ['peer', 'unasked', 'peer']);
  await returnGradients(
    query,
    answers,
    Float64Array.from({ length: 18 }, (_, at) => at),
  );
  t.strictSame(
    peers.map(({ gradients }) => gradients),
    [[[0, 1, 12, 13]], [], [[4, 5, 10, 11, 16, 17]]],
  );
  const sent = [...asker.traffic().values()].reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  t.equal(sent, 4 * (5 + 5 + 10), 'five sample-requests out, then their inputs and gradients');
});

t.test('a peer goes, its student takes its position, it returns and takes over; without a student zeros', async (t) => {
  const hub = createHub();
  const offer = new StudentOffer();
  const first = peerOf(1, hub, offer.calls());
  const second = peerOf(2, hub);
  let network = first.join();
  second.join();
  const asker = new Network({
    transport: hub.join(createIdentity(new Uint8Array(32).fill(9))),
    bans: { threshold: 1, base_ms: 1, ceiling_ms: 1 },
    stakeOf: () => 1n,
  });
  const students = new StudentCache({ inputWidth: 1, width: 2 });
  const fetched = new Promise((resolve) => students.follow(asker, (_, outcome) => resolve(outcome)));
  const student = new DenseNet([{ weights: Float64Array.of(1.5, 1.5), bias: new Float64Array(2), activation: 'identity' }]);
  const hash = await offer.publish(network, encodeStudent(student));
  t.match(await fetched, { ok: true, hash });
  t.match(await students.fetch(asker, first.key, '0'.repeat(64)), { ok: false, code: 'unreachable' }, 'a hash that is not on offer');

  const query: RoutedQuery = {
    network: asker,
    peers: [first.key, second.key],
    inputs: Float32Array.of(10, 20),
    batch: 2,
    width: 2,
    selected: Int32Array.of(0, 1, 0, 1),
    students,
  };
  await new Promise((resolve) => setTimeout(resolve, 20)); // the refused fetch above was a failure: its ban of 1 ms runs out
  const live = await askChosen(query);
  t.strictSame(live.origins, ['peer', 'peer']);
  await network.close();
  const away = await askChosen(query);
  t.strictSame(away.origins, ['student', 'peer']);
  t.strictSame([...away.responses], [15, 15, 20, 20, 30, 30, 40, 40]);
  const sentBack = await returnGradients(query, away, new Float64Array(8).fill(1));
  t.equal(sentBack[0], null, 'a student gets no gradient');
  const { students: _, ...bare } = query;
  const none = await askChosen(bare);
  t.strictSame(none.origins, ['nobody', 'peer']);
  t.strictSame([...none.answered], [0, 1, 0, 1]);

  network = first.join();
  await new Promise((resolve) => setTimeout(resolve, 20)); // the ban of 1 ms runs out
  const back = await askChosen(query);
  t.strictSame(back.origins, ['peer', 'peer']);
  t.strictSame(back.responses, live.responses);
});

t.test('where there is no room for all students, those of the least useful peers go first', (t) => {
  const wide = net(1, [2, 50_000, 2]);
  const bytes = encodeStudent(wide);
  const hash = contentHash(bytes);
  const worth = (peer: string): number => Number(peer);
  const students = new StudentCache({ inputWidth: 2, width: 2 }, {}, () => true, worth);
  const most = Math.floor((64 * 1024 * 1024) / bytes.length);
  for (let peer = 1; peer <= most; peer++) t.match(students.keep(String(peer), bytes, hash), { ok: true });
  t.match(students.keep('0', bytes, hash), { ok: false, code: 'size' }, 'one that is less useful than all finds no room');
  t.match(students.keep(String(most + 1), bytes, hash), { ok: true });
  t.equal(students.hashOf('1'), undefined, 'the least useful gave way');
  t.equal(students.hashOf('2'), hash);
  t.end();
});
