/** The deadline of a peer by its formula: median + deviations * 1.4826 * MAD of its recent answers, doubled for every timeout. */
import t from 'tap';
import { AdaptiveDeadline, checkDeadlineOptions, DEFAULT_DEADLINE, median } from '../../src/network/deadline.js';

const options = { floor_ms: 10, ceiling_ms: 1000, initial_ms: 200, deviations: 2, window: 4 };

t.test('the middle value, or the mean of the middle two', async (t) => {
  const given = [5, 1, 4];
  t.equal(median(given), 4);
  t.same(given, [5, 1, 4], 'the input is left as it is');
  t.equal(median([10, 9, 100, 1]), 9.5);
  t.equal(median([7]), 7);
});

t.test('before the first answer, after answers, and with a window that has gone round', async (t) => {
  const deadline = new AdaptiveDeadline(options);
  t.equal(deadline.current_ms(), 200);
  const close = (wanted: number) => t.ok(Math.abs(deadline.current_ms() - wanted) < 1e-9, `${deadline.current_ms()} against ${wanted}`);
  for (const elapsed of [40, 20, 100, 60]) deadline.answered(elapsed);
  close(50 + 2 * 1.4826 * 20); // |x - 50| = 10, 30, 50, 10
  deadline.answered(400); // in the place of 40: 20, 60, 100, 400
  close(80 + 2 * 1.4826 * 40);
  deadline.answered(400); // in the place of 20: 60, 100, 400, 400
  close(250 + 2 * 1.4826 * 150);
});

t.test('every timeout doubles it up to the ceiling, an answer ends that, and it is never below the floor', async (t) => {
  const deadline = new AdaptiveDeadline(options);
  deadline.answered(1);
  t.equal(deadline.current_ms(), 10);
  for (const wanted of [20, 40, 80, 160, 320, 640, 1000, 1000]) {
    deadline.timedOut();
    t.equal(deadline.current_ms(), wanted);
  }
  deadline.answered(1);
  t.equal(deadline.current_ms(), 10);
});

t.test('options: defaults, and what cannot be is named', async (t) => {
  t.same(checkDeadlineOptions(undefined), DEFAULT_DEADLINE);
  t.same(checkDeadlineOptions({ window: 1, floor_ms: 10_000 }), { ...DEFAULT_DEADLINE, window: 1, floor_ms: 10_000 });
  for (const [wrong, name] of [
    [{ floor_ms: 0 }, 'floor_ms'],
    [{ ceiling_ms: Number.NaN }, 'ceiling_ms'],
    [{ initial_ms: -1 }, 'initial_ms'],
    [{ deviations: 0 }, 'deviations'],
    [{ window: 0 }, 'window'],
    [{ window: 1.5 }, 'window'],
    [{ window: 4097 }, 'window'],
    [{ floor_ms: 10_001 }, 'floor_ms'],
  ] as const) {
    t.throws(() => checkDeadlineOptions(wrong), { name: 'InputError', argument: `deadline.${name}` }, JSON.stringify(wrong));
  }
});
