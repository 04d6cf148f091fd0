import t from 'tap';
import { philox, RandomStream } from '../../src/core/random.js';
import { hashOf } from '../arithmetic/points.js';

t.test('Philox4x32-10 gives the known answers of Random123', async (t) => {
  const ones = 0xffffffff;
  t.same([...philox([0, 0], [0, 0, 0, 0])], [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8]);
  t.same([...philox([ones, ones], [ones, ones, ones, ones])], [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd]);
  t.same(
    [...philox([0xa4093822, 0x299f31d0], [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344])],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  );
});

t.test('a stream draws what the C++ stream draws', async (t) => {
  const random = new RandomStream(7, 3, 5 * 2 ** 32 + 1);
  const drawn: number[] = [];
  for (let i = 0; i < 20_000; i++) {
    drawn.push(random.nextUint32(), random.uniform(), random.normal(), random.integer(10), random.integer(2 ** 40 + 7));
    drawn.push(random.categorical([0, 0.25, 3, 0, 1.5, 0]));
  }
  drawn.push(...random.shuffle(Array.from({ length: 50 }, (_, i) => i)));
  t.equal(hashOf(Float64Array.from(drawn)), 'e7fc200c', 'native/test/random_test.cpp expects this hash');
});

t.test('streams depend on their names alone', async (t) => {
  const first = new RandomStream(1, 2).uniform();
  new RandomStream(1, 3).uniform();
  t.equal(new RandomStream(1, 2).uniform(), first);
  const names = [[1], [2], [1, 0], [1, 1], [1, 0, 0], [0, 1], [2 ** 32], [1, 2 ** 32]] as const;
  const firsts = new Set(names.map(([seed, ...indices]) => new RandomStream(seed, ...indices).nextUint32()));
  t.equal(firsts.size, names.length);
});

t.test('draws have the distributions they promise', async (t) => {
  const random = new RandomStream(9);
  const count = 200_000;
  let sum = 0;
  let squares = 0;
  const faces = [0, 0, 0, 0, 0, 0];
  const chosen = [0, 0, 0];
  for (let i = 0; i < count; i++) {
    const x = random.normal();
    sum += x;
    squares += x * x;
    faces[random.integer(6)]++;
    chosen[random.categorical([1, 0, 3])]++;
  }
  t.ok(Math.abs(sum / count) < 0.01);
  t.ok(Math.abs(squares / count - 1) < 0.02);
  for (const face of faces) t.ok(Math.abs(face - count / 6) < 5 * Math.sqrt(count / 6));
  t.equal(chosen[1], 0);
  t.ok(Math.abs(chosen[2] / count - 0.75) < 0.01);
  const shuffled = random.shuffle([1, 2, 3, 4, 5]);
  t.same([...shuffled].sort(), [1, 2, 3, 4, 5]);
});

t.test('a stream refuses what it cannot draw', async (t) => {
  t.throws(() => new RandomStream(-1), { code: 'BTM_DOMAIN', argument: 'seed' });
  t.throws(() => new RandomStream(1, 0.5), { code: 'BTM_TYPE', argument: 'indices[0]' });
  const random = new RandomStream(1);
  t.throws(() => random.integer(0), { code: 'BTM_DOMAIN' });
  t.throws(() => random.categorical([1, -1]), { code: 'BTM_NEGATIVE', index: 1 });
  t.throws(() => random.categorical([0, 0]), { code: 'BTM_DOMAIN' });
});
