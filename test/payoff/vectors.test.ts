// The known answers D*, E*, F* through the public functions, on every backend.
import t from 'tap';
import { competitionMask } from '../../src/competition.js';
import { headWeightGradient, maskedLoss, payoffGradient, weightGradient } from '../../src/payoff.js';
import { projectBoundedStep, projectSimplex, residuals } from '../../src/projection.js';
import { correlations, diagonalRatio, diagonalShare, inflate, networkRanking, rankGradient } from '../../src/ranking.js';
import { errorRatio, flat, type KnownAnswer, knownAnswer, type Nested } from '../curvature/known-answers.js';
import { backends } from './backends.js';

for (const { name, backend } of backends) {
  const close = (
    test: { ok(value: boolean, message: string): unknown },
    record: KnownAnswer,
    field: string,
    actual: ArrayLike<number>,
    expected?: Nested,
  ) => {
    const ratio = errorRatio(actual, flat(expected ?? record.expected[field]), record.tolerance);
    test.ok(ratio <= 1, `${record.id} ${field}: error ${ratio.toPrecision(2)} of the tolerance (${name})`);
  };
  const standing = (record: KnownAnswer) => ({
    weights: flat(record.inputs['W']),
    stake: flat(record.inputs['s']),
    temperature: record.inputs['T'] as number,
    n: flat(record.inputs['s']).length,
    backend,
  });
  const dense = (record: KnownAnswer) => ({ kind: 'dense' as const, data: flat(record.inputs['H']) });

  t.test(`mask and its derivative, ${name}`, (test) => {
    const d01 = knownAnswer('D01');
    const mask = competitionMask(standing(d01));
    close(test, d01, 'mu', mask.shift);
    close(test, d01, 'mask', mask.mask);
    const d02 = knownAnswer('D02');
    close(test, d02, 'own', competitionMask(standing(d02)).derivative);
    close(test, d02, 'own_mu_stopgrad', competitionMask({ ...standing(d02), shiftGradient: 'stopped' }).derivative);
    // the cross term -s_k sigma' / (n T) against the own term s_i sigma' (1 - 1/n) / T: equal and opposite for n = 2
    test.ok(Math.abs(competitionMask(standing(d02)).derivative[0] + (d02.expected['cross_00_wrt_w10'] as number)) < 1e-13, 'D02 cross');
    test.end();
  });

  t.test(`sigma' in the tails, ${name}`, (test) => {
    const d07 = knownAnswer('D07');
    const xs = flat(d07.inputs['x']);
    // one open participant among stake-free ones: w = (1, 0), stake (x, 0), so x_00 = x (1 - 1/2) / T with T = 1/2
    for (const [k, x] of xs.entries()) {
      const { mask, derivative } = competitionMask({ weights: [1, 0, 1, 0], stake: [x, 0], temperature: 0.5, n: 2, backend });
      close(test, d07, `sigma(${x})`, [mask[0]], [flat(d07.expected['sigma'])[k]]);
      close(test, d07, `dsigma(${x})`, [derivative[0] / x], [flat(d07.expected['dsigma'])[k]]);
    }
    test.end();
  });

  t.test(`loss and gradient in every storage, ${name}`, (test) => {
    const d03 = knownAnswer('D03');
    const found = weightGradient({ ...standing(d03), hessian: dense(d03) });
    close(test, d03, 'loss', found.loss);
    close(test, d03, 'grad', found.gradient);
    const d04 = knownAnswer('D04');
    const shared = { kind: 'shared' as const, data: flat(d04.inputs['H_shared']) };
    const factor = flat(d04.inputs['A']);
    const twice = [...shared.data, ...shared.data];
    const forms = [
      shared,
      { kind: 'lowRank' as const, data: factor, rank: 2 },
      { kind: 'lowRank' as const, data: [...factor, ...factor], rank: 2 },
      { kind: 'dense' as const, data: twice },
    ];
    for (const hessian of forms) {
      const { loss, gradient } = weightGradient({ ...standing(d04), hessian });
      close(test, d04, 'loss', loss);
      close(test, d04, 'grad', gradient);
    }
    const d05 = knownAnswer('D05');
    const diagonal = flat(d05.inputs['H_diag']);
    for (const data of [diagonal, [...diagonal, ...diagonal]]) {
      const { loss, gradient } = weightGradient({ ...standing(d05), hessian: { kind: 'diagonal', data } });
      close(test, d05, 'loss', loss);
      close(test, d05, 'grad', gradient);
    }
    const d06 = knownAnswer('D06');
    const still = { ...standing(d06), hessian: dense(d06), reference: 'initial' as const, initialWeights: flat(d06.inputs['W0']) };
    close(test, d06, 'loss', maskedLoss(still));
    close(test, d06, 'grad', weightGradient(still).gradient);
    test.end();
  });

  t.test(`through a real head, ${name}`, (test) => {
    const d08 = knownAnswer('D08');
    const { gradient, inner } = headWeightGradient({
      ...standing(d08),
      participant: d08.inputs['i'] as number,
      inputGradient: flat(d08.inputs['G']),
      responses: flat(d08.inputs['F']),
      batch: 2,
      width: 2,
    });
    close(test, d08, 'inner', inner);
    close(test, d08, 'grad', gradient);
    test.end();
  });

  t.test(`ranking, inflation, payoff, ${name}`, (test) => {
    const e01 = knownAnswer('E01');
    const weights = flat(e01.inputs['W']);
    const stake = flat(e01.inputs['s']);
    const ranking = networkRanking({ weights, stake, n: 2, backend });
    close(test, e01, 'R', ranking);
    close(test, e01, 'R_unweighted', networkRanking({ weights, n: 2, backend }));
    const paid = inflate({ stake, ranking, tau: 10, backend });
    close(test, e01, 'S_next', paid.stake);
    test.equal(paid.minted, 14, 'E01: l2 mints the l1 norm over the l2 norm, times tau');
    const even = inflate({ stake, ranking, tau: 10, norm: 'l1', backend });
    test.ok(Math.abs(even.minted - 10) < 1e-14, 'l1 mints exactly tau');
    test.equal(inflate({ stake, ranking, tau: 10, norm: 'none', backend }).minted, 35, 'none mints tau times the total rank');

    const e02 = knownAnswer('E02');
    const nothing = { kind: 'diagonal' as const, data: [0, 0] };
    const raw = { weights, stake, temperature: 1, n: 2, hessian: nothing, alpha: 1, tau: 1, backend };
    close(test, e02, 'raw', rankGradient({ weights, stake, n: 2, backend }));
    close(test, e02, 'l2', rankGradient({ weights, stake, n: 2, norm: 'l2', backend }));
    close(test, e02, 'raw', payoffGradient(raw).gradient);
    close(test, e02, 'raw', payoffGradient({ ...raw, scaling: 'absolute' }).gradient);

    const e03 = knownAnswer('E03');
    const bet = { ...standing(e03), hessian: dense(e03), alpha: e03.inputs['alphaOverTau'] as number, tau: 1 };
    close(test, e03, 'grad', payoffGradient(bet).gradient);
    const literal = payoffGradient({ ...bet, utility: 'gain' }).gradient;
    test.ok(literal[1] < 0 && payoffGradient(bet).gradient[1] > 0, 'as printed, the payoff rewards losing inputs (R-01)');
    test.end();
  });

  t.test(`projections and residuals, ${name}`, (test) => {
    const f01 = knownAnswer('F01');
    (f01.inputs['rows'] as readonly Nested[]).forEach((row, k) => {
      const rows = flat(row);
      close(test, f01, `row ${k}`, projectSimplex({ rows, n: rows.length, backend }), (f01.expected['rows'] as readonly Nested[])[k]);
    });
    const f02 = knownAnswer('F02');
    close(test, f02, 'w', projectSimplex({ rows: flat(f02.inputs['y']), n: 3, floor: f02.inputs['gamma'] as number, backend }));
    const f03 = knownAnswer('F03');
    close(test, f03, 'rows', projectSimplex({ rows: flat(f03.inputs['rows']), n: 3, backend }));
    const f04 = knownAnswer('F04');
    (f04.inputs['cases'] as unknown as { c: number[]; d: number[]; eps: number }[]).forEach(({ c, d, eps }, k) => {
      const w = projectBoundedStep({ rows: c, steps: d, epsilon: eps, n: 3, backend });
      close(test, f04, `case ${k}`, w, (f04.expected['w'] as readonly Nested[])[k]);
    });
    const f05 = knownAnswer('F05');
    const exact = projectBoundedStep({
      rows: flat(f05.inputs['c']),
      steps: flat(f05.inputs['d']),
      epsilon: f05.inputs['eps'] as number,
      n: 3,
      backend,
    });
    close(test, f05, 'exact', exact);
    const f06 = knownAnswer('F06');
    const row = { weights: flat(f06.inputs['w']), gradient: flat(f06.inputs['g']), epsilon: f06.inputs['eps'] as number, n: 3, backend };
    close(test, f06, 'fw_gap', residuals(row).gap);
    close(test, f06, 'natural', residuals(row).natural);
    const f07 = knownAnswer('F07');
    const local = { weights: flat(f07.inputs['c']), gradient: flat(f07.inputs['g']), epsilon: f07.inputs['eps'] as number, n: 3, backend };
    close(test, f07, 'regret', residuals(local).regret);
    test.end();
  });
}

t.test('self-weight and correlation', (test) => {
  const e04 = knownAnswer('E04');
  const weights = flat(e04.inputs['W']);
  test.ok(Math.abs((diagonalShare({ weights, n: 2 }) ?? Number.NaN) - 0.45) < 1e-15, 'E04');
  const e05 = knownAnswer('E05');
  const identity = flat(e05.inputs['W']);
  test.equal(diagonalShare({ weights: identity, n: 2 }), 1, 'E05 share');
  test.equal(diagonalRatio({ weights: identity, n: 2 }), null, 'nothing is given to others');
  const { pearson, spearman, kendall } = correlations(networkRanking({ weights: identity, n: 2, backend: backends[0].backend }), [1, 2]);
  for (const found of [pearson, spearman, kendall]) {
    test.equal(found.value, null, 'E05: undefined, not 0');
    test.match(found.reason, /constant/, 'and it says why');
  }
  test.end();
});
