/** Bounds that decide a result: ties, step lengths, saved states of other sizes. */
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { DenseNet } from '../../src/participant/models/dense-net.js';
import { refitHead } from '../../src/participant/refit-head.js';
import { type Samples, scoreClasses } from '../../src/participant/samples.js';
import { restoreArrays } from '../../src/participant/saved.js';

t.test('of equal outputs the first counts as the answer', (t) => {
  const outputs = Float64Array.of(1, 1, 0, 1, 1, 0);
  t.equal(scoreClasses(outputs, Int32Array.of(0, 1)).accuracy, 0.5);
  t.equal(scoreClasses(outputs, Int32Array.of(1, 1)).accuracy, 0);
  t.end();
});

t.test('a state with more or fewer arrays, or of other lengths, is refused and changes nothing', (t) => {
  const target = Float64Array.of(1, 2);
  for (const saved of [[Float64Array.of(3, 4), Float64Array.of(5)], [], [Float64Array.of(3)], undefined]) {
    t.throws(() => restoreArrays([target], saved, 'weights'), { code: 'BTM_SHAPE', argument: 'saved.weights' });
  }
  t.same([...target], [1, 2]);
  restoreArrays([target], [Float64Array.of(3, 4)], 'weights');
  t.same([...target], [3, 4]);
  t.end();
});

t.test('refitting steps fall linearly from twice the rate to zero, and the loss is the mean of the last tenth', (t) => {
  const head = DenseNet.random({
    ...{ widths: [2, 1], activation: 'identity', outputActivation: 'identity', seed: 1, stream: [1] },
    ...{ optimiser: { learningRate: 0.1 }, backend: createBackend({ kind: 'native' }) },
  });
  const samples: Samples = {
    size: 6,
    inputs: new Float32Array(6),
    targets: { loss: 'squaredError', targets: Float64Array.of(1, 2, 3, 4, 5, 6) },
  };
  const rates: number[] = [];
  const losses: number[] = [];
  const { learnTargets } = head;
  head.learnTargets = (...call) => {
    rates.push(call[3] ?? 1);
    const lesson = learnTargets.apply(head, call);
    losses.push(lesson.loss);
    return lesson;
  };
  const responses = Float64Array.from({ length: 12 }, (_, at) => at / 12);
  const loss = refitHead(head, { samples, responses, steps: 20, batch: 3, seed: 2, stream: [3] });
  t.same(
    rates,
    Array.from({ length: 20 }, (_, step) => 2 * (1 - step / 20)),
  );
  t.equal(loss, (losses[18]! + losses[19]!) / 2);
  t.end();
});
