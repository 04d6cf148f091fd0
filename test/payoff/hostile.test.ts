// What the functions of rankings, competition and payoffs refuse, with which code and index; and that they leave their inputs alone.
import t from 'tap';
import { competitionMask, maskedInputs } from '../../src/competition.js';
import { InputError, type InputErrorCode } from '../../src/core/errors.js';
import { stepEpoch } from '../../src/epoch.js';
import { headWeightGradient, payoffGradient, weightGradient } from '../../src/payoff.js';
import { projectBoundedStep, projectSimplex, residuals } from '../../src/projection.js';
import { correlations, idealRanking, inflate, interRanking, networkRanking } from '../../src/ranking.js';
import { reference as backend, backends } from './backends.js';

const weights = [0.75, 0.25, 0.5, 0.5];
const standing = { weights, stake: [1, 2], temperature: 1, n: 2, backend };
const hessian = { kind: 'dense' as const, data: [2, 1, 1, 3, 1, 0, 0, 4] };
const game = { ...standing, hessian, alpha: 1, tau: 1 };
const head = { ...standing, participant: 0, inputGradient: [1, 2], responses: [1, 2], batch: 1, width: 1 };

const epoch = { weights, steps: [0, 0, 0, 0], epsilon: 0.1, stake: [1, 2], tau: 1, n: 2, backend };
const own = Float64Array.from(weights);

type Row = [label: string, call: () => unknown, code: InputErrorCode, argument: string, index?: number];
const REFUSED: Row[] = [
  ['scores of the wrong length', () => idealRanking({ scores: [1, 2, 3], n: 2, backend }), 'BTM_SHAPE', 'scores'],
  ['no participants', () => idealRanking({ scores: [], n: 2, backend }), 'BTM_SHAPE', 'scores'],
  ['a score that is NaN', () => idealRanking({ scores: [1, Number.NaN, 3, 4], backend }), 'BTM_NONFINITE', 'scores', 1],
  ['a score that is a string', () => idealRanking({ scores: [1, '2' as never, 3, 4], backend }), 'BTM_TYPE', 'scores', 1],
  ['no scores at all', () => idealRanking({} as never), 'BTM_TYPE', 'scores'],
  ['a negative score as a weight', () => interRanking({ scores: [1, 2, -3, 4], backend }), 'BTM_NEGATIVE', 'scores', 2],
  ['a row that does not sum to 1', () => networkRanking({ weights: [0.5, 0.5, 0.5, 0.51], n: 2, backend }), 'BTM_ROWSUM', 'weights', 1],
  ['a negative weight', () => networkRanking({ weights: [1.5, -0.5, 0.5, 0.5], n: 2, backend }), 'BTM_NEGATIVE', 'weights', 1],
  ['a negative stake', () => networkRanking({ weights, stake: [1, -1], n: 2, backend }), 'BTM_NEGATIVE', 'stake', 1],
  ['stake for another n', () => networkRanking({ weights, stake: [1], n: 2, backend }), 'BTM_SHAPE', 'stake'],
  ['a fractional n', () => networkRanking({ weights, n: 1.5, backend }), 'BTM_TYPE', 'n'],
  ['a negative n', () => networkRanking({ weights, n: -1, backend }), 'BTM_DOMAIN', 'n'],
  ['a negative tau', () => inflate({ stake: [1], ranking: [1], tau: -1, backend }), 'BTM_NEGATIVE', 'tau'],
  ['an infinite tau', () => inflate({ stake: [1], ranking: [1], tau: Number.POSITIVE_INFINITY, backend }), 'BTM_NONFINITE', 'tau'],
  ['a negative rank', () => inflate({ stake: [1], ranking: [-1], tau: 1, backend }), 'BTM_NEGATIVE', 'ranking', 0],
  ['an unknown norm', () => inflate({ stake: [1], ranking: [1], tau: 1, norm: 'max' as never, backend }), 'BTM_DOMAIN', 'norm'],
  ['T = 0', () => competitionMask({ ...standing, temperature: 0 }), 'BTM_DOMAIN', 'temperature'],
  ['T < 0', () => competitionMask({ ...standing, temperature: -1 }), 'BTM_DOMAIN', 'temperature'],
  ['T NaN', () => competitionMask({ ...standing, temperature: Number.NaN }), 'BTM_NONFINITE', 'temperature'],
  ['T so small that 1/T overflows', () => competitionMask({ ...standing, temperature: 1e-310 }), 'BTM_DOMAIN', 'temperature'],
  ['no temperature', () => competitionMask({ weights, n: 2 } as never), 'BTM_TYPE', 'temperature'],
  ['an unknown shift gradient', () => competitionMask({ ...standing, shiftGradient: 'no' as never }), 'BTM_DOMAIN', 'shiftGradient'],
  ['a participant outside', () => maskedInputs({ ...head, participant: 2 }), 'BTM_DOMAIN', 'participant'],
  ['responses of the wrong length', () => headWeightGradient({ ...head, responses: [1] }), 'BTM_SHAPE', 'responses'],
  [
    'an asymmetric Hessian',
    () => weightGradient({ ...game, hessian: { kind: 'shared', data: [2, 1, 1.1, 3] } }),
    'BTM_SYMMETRY',
    'hessian.data',
    1,
  ],
  ['an unknown storage', () => weightGradient({ ...game, hessian: { kind: 'sparse' as never, data: [] } }), 'BTM_DOMAIN', 'hessian.kind'],
  ['low rank without a rank', () => weightGradient({ ...game, hessian: { kind: 'lowRank', data: [1, 2] } }), 'BTM_TYPE', 'hessian.rank'],
  [
    'a Hessian for another n',
    () => weightGradient({ ...game, hessian: { kind: 'diagonal', data: [1, 2, 3] } }),
    'BTM_SHAPE',
    'hessian.data',
  ],
  ['initial without weights', () => weightGradient({ ...game, reference: 'initial' }), 'BTM_TYPE', 'initialWeights'],
  ['tau = 0 in a ratio', () => payoffGradient({ ...game, tau: 0 }), 'BTM_DOMAIN', 'tau'],
  ['a negative alpha', () => payoffGradient({ ...game, alpha: -1 }), 'BTM_NEGATIVE', 'alpha'],
  ['an epoch from rows off the simplex', () => stepEpoch({ ...epoch, weights: [0.5, 0.5, 0.5, 0.51] }), 'BTM_ROWSUM', 'weights', 1],
  ['an epoch with a step that is NaN', () => stepEpoch({ ...epoch, steps: [0, 0, Number.NaN, 0] }), 'BTM_NONFINITE', 'steps', 2],
  ['an epoch over its own weights', () => stepEpoch({ ...epoch, weights: own, out: own }), 'BTM_DOMAIN', 'out'],
  ['an epoch with stake for another n', () => stepEpoch({ ...epoch, stake: [1] }), 'BTM_SHAPE', 'stake'],
  ['a floor above 1/n', () => projectSimplex({ rows: [1, 2], n: 2, floor: 0.6, backend }), 'BTM_DOMAIN', 'floor'],
  ['an infinite row', () => projectSimplex({ rows: [1, Number.POSITIVE_INFINITY], n: 2, backend }), 'BTM_NONFINITE', 'rows', 1],
  ['epsilon = 0', () => projectBoundedStep({ rows: weights, steps: weights, epsilon: 0, n: 2, backend }), 'BTM_DOMAIN', 'epsilon'],
  ['steps for other rows', () => projectBoundedStep({ rows: weights, steps: [1], epsilon: 1, n: 2, backend }), 'BTM_SHAPE', 'steps'],
  [
    'a start off the simplex',
    () => projectBoundedStep({ rows: [1, 1], steps: [0, 0], epsilon: 1, n: 2, backend }),
    'BTM_ROWSUM',
    'rows',
    0,
  ],
  [
    'a gradient that is NaN',
    () => residuals({ weights, gradient: [1, 2, 3, Number.NaN], epsilon: 1, n: 2, backend }),
    'BTM_NONFINITE',
    'gradient',
    3,
  ],
  ['vectors of two lengths', () => correlations([1, 2], [1]), 'BTM_SHAPE', 'b'],
];

t.test('refusals', (test) => {
  for (const [label, call, code, argument, index] of REFUSED) {
    try {
      call();
      test.fail(`${label} was accepted`);
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      test.same([error.code, error.argument, error.index], [code, argument, index], label);
    }
  }
  test.end();
});

t.test('inputs are read only, outputs are new', (test) => {
  const inputs = {
    weights: Float64Array.from(weights),
    stake: Float64Array.of(1, 2),
    data: Float64Array.from(hessian.data),
    steps: Float64Array.of(1, -1, 0.5, 0),
  };
  const before = structuredClone(inputs);
  const buffers: ArrayBufferLike[] = Object.values(inputs).map((array) => array.buffer);
  for (const { name, backend } of backends) {
    const state = {
      ...standing,
      weights: inputs.weights,
      stake: inputs.stake,
      hessian: { kind: 'dense' as const, data: inputs.data },
      alpha: 1,
      tau: 1,
      backend,
    };
    const results = [
      payoffGradient(state).gradient,
      competitionMask(state).mask,
      networkRanking(state),
      projectSimplex({ rows: inputs.weights, n: 2, backend }),
      projectBoundedStep({ rows: inputs.weights, steps: inputs.steps, epsilon: 0.1, n: 2, backend }),
      inflate({ stake: inputs.stake, ranking: inputs.stake, tau: 0, backend }).stake,
    ];
    test.same(inputs, before, `inputs untouched, ${name}`);
    test.notOk(
      results.some((result) => buffers.includes(result.buffer)),
      `outputs are new arrays, ${name}`,
    );
  }
  test.end();
});

t.test('one participant has no competitor: mask 1/2, derivative 0', (test) => {
  for (const { name, backend } of backends) {
    const { mask, derivative } = competitionMask({ weights: [1], temperature: 2, n: 1, backend });
    test.same([mask[0], derivative[0]], [0.5, 0], name);
  }
  test.end();
});

t.test('saturation is reported', (test) => {
  const { deadShare } = competitionMask({ weights: [1, 0, 0, 1], temperature: 0.01, n: 2, backend });
  test.equal(deadShare, 1, 'every x is +-50');
  test.equal(competitionMask({ ...standing }).deadShare, 0, 'none at T = 1');
  test.end();
});
