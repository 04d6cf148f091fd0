/** The barriers of a run, written out by hand. */
import t from 'tap';
import type { Barrier } from '../../src/run/protocol.js';
import { blocksDue, isScheduled } from '../../src/run/schedule.js';

const schedule = { rounds: 6, blocks: 4, closingBlocks: 2 };
const scheduled = (kind: Barrier['kind']): number[] =>
  [0, 1, 2, 3, 4, 5, 6, 7].filter((round) => isScheduled({ kind, round, ...(kind === 'block' ? { height: 1 } : {}) } as Barrier, schedule));

t.test('blocks are spread evenly over the rounds', async (t) => {
  t.same(
    [0, 1, 2, 3, 4, 5, 6].map((round) => blocksDue(round, schedule)),
    [0, 0, 1, 2, 2, 3, 4],
  );
});

t.test('a block closes when all have joined, when one is due, and after the last round', async (t) => {
  t.same(scheduled('block'), [0, 2, 3, 5, 6]);
  const late = { rounds: 3, blocks: 0, closingBlocks: 1 };
  t.same(
    [0, 1, 2, 3].map((round) => isScheduled({ kind: 'block', round, height: 1 } as Barrier, late)),
    [true, false, false, true],
  );
});

t.test('asking and learning happen from the first round to the last; a run continues after any', async (t) => {
  t.same(scheduled('asked'), [1, 2, 3, 4, 5, 6]);
  t.same(scheduled('learnt'), [1, 2, 3, 4, 5, 6]);
  t.same(scheduled('followed'), [0, 1, 2, 3, 4, 5, 6]);
});
