// The known answers A*, B*, C* through the public functions, on every backend.
import t from 'tap';
import { outputQuadraticForm, peerGram, quadraticForm, removalScores } from '../../src/curvature.js';
import { headForward, headGradient } from '../../src/head.js';
import { backends } from './backends.js';
import { errorRatio, flat, type KnownAnswer, knownAnswer } from './known-answers.js';

/** z = sum of the responses: one identity block for each peer. */
function additive(peers: number, outputs: number) {
  const weights = new Float64Array(outputs * peers * outputs);
  for (let o = 0; o < outputs; o++) for (let i = 0; i < peers; i++) weights[o * peers * outputs + i * outputs + o] = 1;
  return { layers: [{ weights, bias: new Float64Array(outputs), activation: 'identity' as const }] };
}

for (const { name, backend } of backends) {
  const pass = (test: { ok(value: boolean, message: string): boolean }, record: KnownAnswer, actual: ArrayLike<number>, field: string) => {
    const ratio = errorRatio(actual, flat(record.expected[field]), record.tolerance);
    test.ok(ratio <= 1, `${record.id} ${field}: error ${ratio.toPrecision(2)} of the tolerance (${name})`);
  };
  const three = flat(knownAnswer('B01').inputs['F']);
  const batch = { head: additive(3, 3), responses: three, batch: 1, peers: 3, width: 3, backend };

  t.test(`output forms, ${name}`, (test) => {
    for (const id of ['A01', 'A02', 'A03', 'A04', 'A05']) {
      const record = knownAnswer(id);
      const logits = record.inputs['logits'] === undefined ? flat(record.inputs['p']).map(Math.log) : flat(record.inputs['logits']);
      const form = {
        loss: 'softmaxCrossEntropy' as const,
        logits,
        vectors: flat(record.inputs['v']),
        batch: 1,
        outputs: logits.length,
        peers: 1,
      };
      pass(test, record, outputQuadraticForm({ ...form, backend }), 'q');
    }
    const squared = knownAnswer('A07');
    const v = flat(squared.inputs['v']);
    const q = outputQuadraticForm({ loss: 'squaredError', logits: [7, -2], vectors: v, batch: 1, outputs: 2, peers: 1, backend });
    pass(test, squared, q, 'q_half_sum');
    const binary = knownAnswer('A08');
    const logits = flat(binary.inputs['logits']);
    const vectors = flat(binary.inputs['v']);
    pass(test, binary, outputQuadraticForm({ loss: 'binaryCrossEntropy', logits, vectors, batch: 1, outputs: 2, peers: 1, backend }), 'q');
    test.end();
  });

  t.test(`square root of the output Hessian, ${name}`, (test) => {
    // Unit responses through the identity: column i of the factor is S^T e_i, so the factor is S^T itself.
    const record = knownAnswer('A06');
    const bias = flat(record.inputs['p']).map(Math.log);
    const head = additive(3, 3);
    const shifted = { layers: [{ ...head.layers[0], bias: bias.map((b) => b - 1) }] };
    const gram = peerGram({ ...batch, head: shifted, responses: [1, 0, 0, 0, 1, 0, 0, 0, 1] });
    const transposed = [0, 1, 2].flatMap((i) => [0, 1, 2].map((c) => gram.factor[c * 3 + i]));
    pass(test, record, transposed, 'S');
    pass(test, record, gram.gram, 'H');
    test.end();
  });

  t.test(`removal scores, ${name}`, (test) => {
    const labels = flat(knownAnswer('B02').inputs['labels']);
    pass(test, knownAnswer('B01'), headForward(batch), 'logits');
    pass(test, knownAnswer('B01'), removalScores(batch).scores, 'q');
    pass(test, knownAnswer('B02'), removalScores({ ...batch, labels, estimator: 'ablation' }).scores, 'delta');
    pass(test, knownAnswer('B03'), removalScores({ ...batch, estimator: 'relativeEntropy' }).scores, 'kl');
    pass(test, knownAnswer('B04'), removalScores({ ...batch, labels, estimator: 'firstOrder' }).scores, 'first_order');
    pass(test, knownAnswer('B05'), removalScores({ ...batch, labels, estimator: 'empiricalFisher' }).scores, 'q');
    pass(test, knownAnswer('B07'), removalScores({ ...batch, estimator: 'diagonal' }).scores, 'q');
    const half = flat(knownAnswer('B03').expected['half_quad']);
    const first = flat(knownAnswer('B04').expected['first_order']);
    const taylor = removalScores({ ...batch, labels, estimator: 'taylor2' });
    test.ok(
      errorRatio(
        taylor.scores,
        half.map((q, i) => q + first[i]),
        knownAnswer('B04').tolerance,
      ) <= 1,
      'taylor2 is both terms',
    );
    const share = first.map((l, i) => Math.abs(l) / (Math.abs(l) + half[i]));
    test.ok(errorRatio(taylor.linearShare ?? [], share, knownAnswer('B04').tolerance) <= 1, 'linearShare');
    test.equal(removalScores(batch).linearShare, null, 'no labels, no linear share');
    test.end();
  });

  t.test(`Fisher is the Hessian: the exact label expectation, ${name}`, (test) => {
    const record = knownAnswer('B06');
    const p = flat(knownAnswer('A06').inputs['p']);
    const expectation = [0, 0, 0];
    for (const [y, probability] of p.entries()) {
      const { scores } = removalScores({ ...batch, labels: [y], estimator: 'empiricalFisher' });
      for (let i = 0; i < 3; i++) expectation[i] += probability * scores[i];
    }
    pass(test, record, expectation, 'q');
    test.end();
  });

  t.test(`gram, factor and Shapley values, ${name}`, (test) => {
    const gram = peerGram(batch);
    pass(test, knownAnswer('B08'), gram.gram, 'G');
    pass(test, knownAnswer('B08'), gram.factor, 'factor');
    pass(
      test,
      knownAnswer('B08'),
      [0, 4, 8].map((k) => gram.gram[k]),
      'diag',
    );
    pass(test, knownAnswer('B09'), gram.shapley, 'phi');
    pass(test, knownAnswer('B09'), [gram.shapley.reduce((a, b) => a + b)], 'total');
    test.end();
  });

  t.test(`exact Shapley values of the ablation game, by removal of sets, ${name}`, (test) => {
    const record = knownAnswer('B10');
    const labels = flat(record.inputs['labels']);
    const lossWithout = (kept: readonly number[]) => {
      const responses = three.map((x, k) => (kept.includes(Math.floor(k / 3)) ? x : 0));
      return headGradient({ ...batch, responses, labels }).loss as number;
    };
    const phi = [0, 0, 0];
    for (const order of [
      [0, 1, 2],
      [0, 2, 1],
      [1, 0, 2],
      [1, 2, 0],
      [2, 0, 1],
      [2, 1, 0],
    ]) {
      order.forEach((peer, k) => {
        phi[peer] += (lossWithout(order.slice(k + 1)) - lossWithout(order.slice(k))) / 6;
      });
    }
    pass(test, record, phi, 'phi');
    pass(test, record, [phi.reduce((a, b) => a + b)], 'total');
    test.end();
  });

  t.test(`batch reductions, ${name}`, (test) => {
    const two = { head: additive(2, 2), responses: flat(knownAnswer('B11').inputs['F']), batch: 2, peers: 2, width: 2, backend };
    const labels = flat(knownAnswer('B11').inputs['labels']);
    pass(test, knownAnswer('B11'), removalScores({ ...two, labels, estimator: 'empiricalFisher', reduction: 'none' }).scores, 'per_sample');
    pass(
      test,
      knownAnswer('B11'),
      removalScores({ ...two, labels, estimator: 'empiricalFisher', reduction: 'sum' }).scores,
      'sum_of_squares',
    );
    for (const reduction of ['none', 'sum', 'mean'] as const)
      pass(test, knownAnswer('B12'), removalScores({ ...two, reduction }).scores, reduction);
    test.end();
  });

  t.test(`dense heads, ${name}`, (test) => {
    const linear = knownAnswer('C01');
    const blocks = linear.inputs['A'] as readonly (readonly (readonly number[])[])[];
    const weights = [0, 1, 2].flatMap((o) => [0, 1].flatMap((i) => blocks[i][o]));
    const head = { layers: [{ weights, bias: flat(linear.inputs['b']), activation: 'identity' as const }] };
    const one = { head, responses: flat(linear.inputs['F']), batch: 1, peers: 2, width: 2, backend };
    pass(test, linear, headForward(one), 'logits');
    pass(test, linear, removalScores(one).scores, 'q');

    const mlp = knownAnswer('C02');
    const layers = [
      { weights: flat(mlp.inputs['W1']), bias: flat(mlp.inputs['b1']), activation: 'tanh' as const },
      { weights: flat(mlp.inputs['W2']), bias: flat(mlp.inputs['b2']), activation: 'identity' as const },
    ];
    const labels = flat(mlp.inputs['labels']);
    const deep = { head: { layers }, responses: flat(mlp.inputs['F']), labels, batch: 1, peers: 2, width: 2, backend };
    pass(test, mlp, headForward(deep), 'logits');
    const gradient = headGradient(deep);
    pass(test, mlp, [gradient.loss as number], 'loss');
    pass(test, mlp, gradient.responses, 'grad');
    pass(test, mlp, removalScores(deep).scores, 'gauss_newton');
    pass(test, mlp, removalScores({ ...deep, estimator: 'empiricalFisher' }).scores, 'empirical_fisher');
    pass(test, mlp, removalScores({ ...deep, estimator: 'firstOrder' }).scores, 'first_order');
    pass(test, mlp, removalScores({ ...deep, estimator: 'ablation' }).scores, 'ablation');

    const nisp = knownAnswer('C03');
    const second = [{ weights: flat(nisp.inputs['W']), bias: [0, 0], activation: 'relu' as const }];
    const outputs = { weights: [1, 0, 0, 2], bias: [0, 0], activation: 'identity' as const }; // carries ones to s = [1, 2]
    const scores = { head: { layers: [...second, outputs] }, responses: [0, 0], batch: 1, peers: 2, width: 1, backend };
    pass(test, nisp, removalScores({ ...scores, estimator: 'nisp' }).scores, 's_in');
    test.end();
  });

  t.test(`storages of a Hessian agree, ${name}`, (test) => {
    const { gram, factor, rank } = peerGram(batch);
    const vectors = [1, -2, 0.5, 0.25, 1, 1];
    const shared = quadraticForm({ hessian: { kind: 'shared', data: gram }, vectors, n: 3, backend });
    const lowRank = quadraticForm({ hessian: { kind: 'lowRank', data: factor, rank }, vectors, n: 3, backend });
    const dense = quadraticForm({ hessian: { kind: 'dense', data: [...gram, ...gram] }, vectors, n: 3, backend });
    test.same(dense, shared, 'dense and shared, to the bit');
    test.ok(
      shared.every((q, k) => Math.abs(q - lowRank[k]) < 1e-14),
      'low rank',
    );
    const diagonal = quadraticForm({ hessian: { kind: 'diagonal', data: [1, 2, 3] }, vectors, n: 3, backend });
    test.same(diagonal, [9.75, 5.0625], 'diagonal');
    test.end();
  });

  t.test(`an empty batch gives zeros and no error (H02), ${name}`, (test) => {
    const empty = { head: additive(3, 3), responses: [], labels: [], batch: 0, peers: 3, width: 3, backend };
    for (const estimator of ['gaussNewton', 'ablation', 'monteCarloFisher', 'diagonal', 'nisp'] as const) {
      for (const reduction of ['sum', 'mean'] as const) {
        test.same(removalScores({ ...empty, estimator, reduction }).scores, [0, 0, 0], `${estimator} ${reduction}`);
      }
      test.equal(removalScores({ ...empty, estimator, reduction: 'none' }).scores.length, 0, `${estimator} none`);
    }
    const { labels: _, ...unlabelled } = empty;
    test.same(peerGram(unlabelled).gram, new Float64Array(9), 'gram');
    test.same(peerGram(unlabelled).rank, 0, 'rank');
    const gradient = headGradient(empty);
    test.equal(gradient.loss, 0, 'loss');
    test.ok(
      gradient.layers[0].weights.every((g) => g === 0),
      'gradient',
    );
    test.equal(headForward(unlabelled).length, 0, 'logits');
    test.end();
  });
}
