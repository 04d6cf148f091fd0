// biome-ignore-all lint/correctness/noPrecisionLoss: right values keep all the digits they were computed with
// Where short formulas lose all digits: floors among the answers, saturated softmax, offsets, tiny responses. Right values come from
// 400-digit arithmetic. Every backend gives the same bits there as well.
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { type Estimator, outputQuadraticForm, peerGram, removalScores } from '../../src/curvature.js';
import { type Activation, type Head, headGradient, type Loss } from '../../src/head.js';
import { backends, natives, reference } from './backends.js';

/** Largest difference relative to the right value. */
function worst(actual: ArrayLike<number>, right: readonly number[]): number {
  return Math.max(...right.map((x, k) => (actual[k] === x ? 0 : Math.abs(actual[k] - x) / Math.abs(x))));
}

const linear = (weights: readonly number[], outputs: number): Head => ({
  layers: [{ weights, bias: new Float64Array(outputs), activation: 'identity' }],
});

for (const { name, backend } of backends) {
  t.test(`a margin of 55: first-order scores of a saturated softmax (${name})`, (test) => {
    const base = { head: linear([40, 12, 3, 0, 0, 0], 2), responses: [1, 1, 1], labels: [0], batch: 1, peers: 3, width: 1, backend };
    const right: Record<string, readonly number[]> = {
      gaussNewton: [2.0793302800120049e-21, 1.8713972520108044e-22, 1.1696232825067528e-23],
      taylor2: [1.0916483970063026e-21, 1.0916483970063026e-22, 9.7468606875562731e-24],
      firstOrder: [5.1983257000300123e-23, 1.5594977100090037e-23, 3.8987442750225092e-24],
      empiricalFisher: [2.7022590083592517e-45, 2.4320331075233266e-46, 1.5200206922020791e-47],
      monteCarloFisher: [2.7022590083592517e-45, 2.4320331075233266e-46, 1.5200206922020791e-47],
      ablation: [3.0590227371372048e-7, 2.1151180417768304e-19, 2.4803209271669545e-23],
      relativeEntropy: [3.0590227371372043e-7, 2.1149620920058295e-19, 2.0904464996647036e-23],
    };
    for (const [estimator, values] of Object.entries(right)) {
      const { scores } = removalScores({ ...base, estimator: estimator as Estimator });
      test.ok(worst(scores, values) < 1e-14, `${estimator}: ${worst(scores, values)}`);
    }
    const { layers, loss } = headGradient({ ...base, reduction: 'sum' });
    const rest = 1.2995814250075031e-24; // e^-55 / (1 + e^-55)
    test.ok(worst([loss!, ...layers[0].bias], [rest, -rest, rest]) < 1e-14, `headGradient ${loss} ${layers[0].bias}`);
    test.end();
  });

  t.test(`floors as people write them: exact estimators (${name})`, (test) => {
    const average = (outputs: number) =>
      linear(
        Array.from({ length: outputs }, (_, c) => Array.from({ length: 2 * outputs }, (_, k) => (k % outputs === c ? 0.5 : 0))).flat(),
        outputs,
      );
    for (const floor of [-1e30, -3.4028234663852886e38, -Number.MAX_VALUE]) {
      const two = { head: average(2), responses: [-1, floor, -2, -0.5], labels: [0], batch: 1, peers: 2, width: 2, backend };
      test.ok(worst(removalScores({ ...two, estimator: 'ablation' }).scores, [1.1368710061148999, 0]) < 1e-15, `ablation, ${floor}`);
      test.ok(worst(removalScores({ ...two, estimator: 'relativeEntropy' }).scores, [1.1368710061148999, 0]) < 1e-15, `KL, ${floor}`);
      const three = { ...two, head: average(3), responses: [-1, -3, -0.5, -2, -0.5, floor], width: 3 };
      const ablation = removalScores({ ...three, estimator: 'ablation' });
      test.ok(worst(ablation.scores, [0.56093158623605638, 0.39933877618251814]) < 1e-15, `ablation, ${floor}: ${ablation.scores}`);
      const entropy = removalScores({ ...three, estimator: 'relativeEntropy' });
      test.ok(worst(entropy.scores, [0.12310808712185449, 0.72770640051816956]) < 1e-15, `KL, ${floor}: ${entropy.scores}`);
      const form = removalScores({ ...three, estimator: 'gaussNewton' });
      test.ok(worst(form.scores, [0.24613408273759835, 0.13845042153989907]) < 1e-15, `gaussNewton, ${floor}`);
      // all masked by both: the class takes no part, whatever the sum of two floors overflows to
      const summed = { ...two, head: linear([1, 0, 1, 0, 0, 1, 0, 1], 2), responses: [-1, floor, -2, floor] };
      test.same(removalScores({ ...summed, estimator: 'relativeEntropy' }).scores, [0, 0], `both masked, ${floor}`);
    }
    test.end();
  });

  t.test(`binary cross-entropy: saturated, floored, and beyond the exponential (${name})`, (test) => {
    const one = (parts: readonly number[], target: number, estimator: Estimator) =>
      removalScores({
        head: linear([1, 1], 1),
        responses: parts,
        targets: [target],
        loss: 'binaryCrossEntropy',
        batch: 1,
        peers: 2,
        width: 1,
        estimator,
        backend,
      }).scores[0];
    test.ok(worst([one([40, 0], 1, 'firstOrder')], [1.6993417021166356e-16]) < 1e-14, 'the gradient of a certain target');
    test.ok(worst([one([40, 0], 1, 'relativeEntropy')], [0.69314718055994514]) < 1e-14);
    test.ok(worst([one([-1e30, 0], 0, 'ablation')], [Math.LN2]) < 1e-15, 'a floor');
    test.ok(worst([one([-1e30, 0], 0, 'relativeEntropy')], [Math.LN2]) < 1e-15, 'a floor');
    test.ok(worst([one([1e30, -3], 1, 'relativeEntropy')], [Math.log1p(Math.exp(3))]) < 1e-15, 'a ceiling over -3');
    test.ok(worst([one([-700, 1000], 1, 'relativeEntropy')], [3.5985919554659976e-128]) < 1e-12, 'z = 300, v = 700');
    test.ok(worst([one([63, -40], 0, 'relativeEntropy')], [39.999999993432397]) < 1e-14);
    test.end();
  });

  t.test(`the mean of a form about a large offset (${name})`, (test) => {
    const form = (logits: readonly number[], c: number) =>
      outputQuadraticForm({
        loss: 'softmaxCrossEntropy',
        logits,
        vectors: [1 + c, 2 + c, 3 + c],
        batch: 1,
        outputs: 3,
        peers: 1,
        backend,
      })[0];
    for (const c of [0, 1, 2 ** 20, 2 ** 21, 2 ** 22, 2 ** 30, 2 ** 40, 2 ** 50, -(2 ** 50), 1e15]) {
      test.ok(worst([form([0, Math.log(2), Math.log(3)], c)], [5 / 9]) < 1e-15 * 4, `${c}: ${form([0, Math.log(2), Math.log(3)], c)}`);
      test.ok(worst([form([0.1, 0.2, 0.3], c)], [0.6633453325180451]) < 1e-15 * 4, `${c}`);
    }
    const head = linear([1, 0, 0, 1, 0, 1], 3);
    const responses = [2 ** 45, 1];
    const call = {
      head: { layers: [{ ...head.layers[0], weights: [1, 0, 1, 1, 1, 2] }] },
      responses,
      batch: 1,
      peers: 2,
      width: 1,
      backend,
    };
    const { gram } = peerGram(call);
    const { scores } = removalScores({ ...call, estimator: 'gaussNewton' });
    test.strictSame([gram[0], gram[3]], [...scores], 'the diagonal of the gram is the score');
    test.equal(gram[0], 0, 'what a peer adds to every class changes nothing');
    test.ok(Math.abs(gram[1]) < 1e-15 && gram[3] > 0.1, `${gram}`);
    test.end();
  });

  t.test(`a response of 1e-17 before each activation: exact removals (${name})`, (test) => {
    const right: Record<string, readonly (readonly [number, number])[]> = {
      tanh: [
        [3.8647887407910067e-18, 5.5965014454069832e-36],
        [0.19024270448934285, 0.016256970822481538],
      ],
      sigmoid: [
        [1.4142126529529169e-18, 5.7336498699960183e-37],
        [0.069754809976967053, 0.0014818852987344656],
      ],
      relu: [
        [5.467381519846139e-18, 1.2390777257453159e-35],
        [0.24223042728492656, 0.030978109877832435],
      ],
      gelu: [
        [4.705651845394383e-18, 1.0750183376820856e-35],
        [0.1968657313466182, 0.023113305595611414],
      ],
    };
    for (const [activation, [tiny, half]] of Object.entries(right)) {
      const head: Head = {
        layers: [
          { weights: [1, 0.5, 0.25, -0.5], bias: [0.125, 0.25], activation: activation as Activation },
          { weights: [1, -1, 0.5, 0.5], bias: [0, 0], activation: 'identity' },
        ],
      };
      for (const [response, [ablation, entropy]] of [
        [1e-17, tiny],
        [0.5, half],
      ] as const) {
        const call = { head, responses: [1, response], labels: [0], batch: 1, peers: 2, width: 1, backend };
        const scores = (estimator: Estimator) => [removalScores({ ...call, estimator }).scores[1]];
        test.ok(worst(scores('ablation'), [ablation]) < 1e-13, `${activation}, ${response}: ${scores('ablation')}`);
        test.ok(worst(scores('relativeEntropy'), [entropy]) < 1e-13, `${activation}, ${response}: ${scores('relativeEntropy')}`);
      }
    }
    test.end();
  });
}

t.test('the same bits on every backend, with every kind of hard row in one batch', (test) => {
  const stream = new RandomStream(20261128, 0);
  const losses: readonly Loss[] = ['softmaxCrossEntropy', 'binaryCrossEntropy', 'squaredError'];
  const estimators: readonly Estimator[] = [
    'gaussNewton',
    'taylor2',
    'firstOrder',
    'empiricalFisher',
    'monteCarloFisher',
    'relativeEntropy',
    'ablation',
  ];
  const [batch, peers, width] = [41, 5, 3];
  for (const outputs of [1, 2, 7, 9, 17]) {
    for (const hidden of [[], ['tanh'], ['gelu'], ['relu'], ['sigmoid']] as const) {
      const widths = [peers * width, ...hidden.map(() => 6), outputs];
      const layers = widths.slice(1).map((rows, l) => ({
        weights: Float64Array.from({ length: rows * widths[l] }, () => stream.normal()),
        bias: Float64Array.from({ length: rows }, () => stream.normal()),
        activation: (l < hidden.length ? hidden[l] : 'identity') as Activation,
      }));
      const scales = [1e-17, 1, 1, 30, 400, 2e3, 1e6, -1e30, -Number.MAX_VALUE];
      const responses = Float64Array.from({ length: batch * peers * width }, () => {
        const scale = scales[stream.integer(scales.length)];
        return scale < -1e20 && stream.uniform() < 0.5 ? scale : Math.min(Math.abs(scale), 1e6) * stream.normal();
      });
      for (const loss of losses) {
        const data = { head: { layers }, responses, batch, peers, width, loss };
        const compared =
          loss === 'softmaxCrossEntropy'
            ? { labels: Array.from({ length: batch }, () => stream.integer(outputs)) }
            : { targets: Array.from({ length: batch * outputs }, () => stream.integer(2)) };
        const run = (backend: typeof reference) =>
          [
            ...estimators.flatMap((estimator) => {
              const result = removalScores({ ...data, ...compared, estimator, reduction: 'none', draws: 5, backend });
              return [result.scores, result.linearShare!];
            }),
            peerGram({ ...data, factor: 'stacked', backend }).factor,
            headGradient({ ...data, ...compared, backend }).layers[0].weights,
          ] as const;
        const expected = run(reference);
        for (const { name, backend } of natives) {
          const actual = run(backend);
          const different = expected.findIndex((array, k) => array.some((x, at) => !Object.is(x, actual[k][at])));
          if (different >= 0) test.fail(`${name}: ${loss}, ${outputs} outputs, ${hidden}: result ${different}`);
        }
      }
    }
  }
  test.pass(`${natives.length} native configurations compared`);
  test.end();
});
