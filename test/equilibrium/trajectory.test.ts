// The known trajectory H01, step by step, on the pure step; and that a step changes nothing but its result.
import t from 'tap';
import { init, statusKindOf, step, weightsOf } from '../../src/equilibrium/index.js';
import { errorRatio, flat, knownAnswer, type Nested } from '../curvature/known-answers.js';

t.test('H01: five steps of the paper', (test) => {
  const record = knownAnswer('H01');
  const { inputs, expected, tolerance } = record;
  const game = {
    n: 3,
    hessian: { kind: 'dense' as const, data: flat(inputs['H']) },
    initialWeights: flat(inputs['W']),
    stake: flat(inputs['s']),
    temperature: inputs['T'] as number,
    alpha: inputs['alphaOverTau'] as number,
    tau: 1,
  };
  let state = init({ game, method: { kind: 'projectedGradient', rate: inputs['lambda_'] as number } });
  for (const [k, weights] of (expected['W_steps'] as readonly Nested[]).entries()) {
    const before = state.values.slice();
    const next = step(state);
    test.same(state.values, before, 'the argument is not changed');
    state = next;
    test.ok(errorRatio(weightsOf(state), flat(weights), tolerance) <= 1, `W after step ${k + 1}`);
  }
  test.equal(statusKindOf(state), 'running');
  test.end();
});
