import t from 'tap';
import { duration, secondsLeft } from '../../src/cli/progress.js';

t.test('the time left follows from what this run did, not from what it found', async (t) => {
  t.equal(secondsLeft(50, 100, 0, 10_000), 10);
  t.equal(secondsLeft(50, 100, 40, 10_000), 50, '40 were there before: 10 in 10 s');
  t.equal(secondsLeft(40, 100, 40, 10_000), undefined, 'nothing done yet');
});

t.test('a time is written in words', async (t) => {
  t.same([0.4, 42, 200, 7500].map(duration), ['0 s', '42 s', '3 min 20 s', '2 h 05 min']);
});
