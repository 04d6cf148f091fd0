// Hostile input: every exported function refuses it with a typed error that names the argument, and never writes to what it was given.
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { headForward, headGradient } from '../../src/head.js';
import { InputError, outputQuadraticForm, peerGram, quadraticForm, removalScores } from '../../src/index.js';

const layer = (extra: object = {}) => ({ weights: [1, 2, 3, 4, 5, 6, 7, 8], bias: [0, 1], activation: 'identity' as const, ...extra });
const sizes = { batch: 3, peers: 2, width: 2 };
const responses = () => Float64Array.from({ length: 12 }, (_, k) => k / 10);
const withResponse = (index: number, value: number) => responses().map((x, k) => (k === index ? value : x));
const head = { layers: [layer()] };
const good = { head, responses: responses(), labels: [0, 1, 1], ...sizes };

/** options, code, argument, index */
type Row = readonly [object | undefined | null, string, string, number?];

const BATCH: readonly Row[] = [
  [{ batch: -1 }, 'BTM_DOMAIN', 'batch'],
  [{ batch: 1.5 }, 'BTM_TYPE', 'batch'],
  [{ batch: '3' }, 'BTM_TYPE', 'batch'],
  [{ batch: Number.NaN }, 'BTM_TYPE', 'batch'],
  [{ batch: 2 ** 40 }, 'BTM_DOMAIN', 'batch'],
  [{ batch: 4 }, 'BTM_SHAPE', 'responses'],
  [{ peers: 0 }, 'BTM_DOMAIN', 'peers'],
  [{ peers: undefined }, 'BTM_TYPE', 'peers'],
  [{ width: 0 }, 'BTM_DOMAIN', 'width'],
  [{ peers: 2 ** 20, width: 2 ** 20 }, 'BTM_DOMAIN', 'peers * width'],
  [{ width: 3 }, 'BTM_SHAPE', 'responses'],
  [{ responses: undefined }, 'BTM_TYPE', 'responses'],
  [{ responses: 'abcdefghijkl' }, 'BTM_TYPE', 'responses'],
  [{ responses: new Int32Array(12) }, 'BTM_TYPE', 'responses'],
  [{ responses: [] }, 'BTM_SHAPE', 'responses'],
  [{ responses: Array.from({ length: 12 }, (_, k) => (k === 4 ? '1' : 1)) }, 'BTM_TYPE', 'responses', 4],
  [{ responses: withResponse(7, Number.NaN) }, 'BTM_NONFINITE', 'responses', 7],
  [{ responses: withResponse(11, Number.POSITIVE_INFINITY) }, 'BTM_NONFINITE', 'responses', 11],
  [{ responses: Float32Array.from(withResponse(0, Number.NEGATIVE_INFINITY)) }, 'BTM_NONFINITE', 'responses', 0],
  [{ head: undefined }, 'BTM_TYPE', 'head.layers'],
  [{ head: null }, 'BTM_TYPE', 'head.layers'],
  [{ head: { layers: [] } }, 'BTM_TYPE', 'head.layers'],
  [{ head: { layers: {} } }, 'BTM_TYPE', 'head.layers'],
  [{ head: { layers: [null] } }, 'BTM_TYPE', 'head.layers[0].bias.length'],
  [{ head: { layers: [layer({ bias: [] })] } }, 'BTM_DOMAIN', 'head.layers[0].bias.length'],
  [{ head: { layers: [layer({ bias: 'ab' })] } }, 'BTM_TYPE', 'head.layers[0].bias'],
  [{ head: { layers: [layer({ bias: [0, Number.NaN] })] } }, 'BTM_NONFINITE', 'head.layers[0].bias', 1],
  [{ head: { layers: [layer({ weights: [1, 2, 3] })] } }, 'BTM_SHAPE', 'head.layers[0].weights'],
  [{ head: { layers: [layer({ weights: [1, 2, 3, 4, 5, 6, 7, Number.NaN] })] } }, 'BTM_NONFINITE', 'head.layers[0].weights', 7],
  [{ head: { layers: [layer({ activation: 'swish' })] } }, 'BTM_DOMAIN', 'head.layers[0].activation'],
  [{ head: { layers: [layer({ activation: undefined })] } }, 'BTM_DOMAIN', 'head.layers[0].activation'],
  [{ head: { layers: [layer(), layer()] } }, 'BTM_SHAPE', 'head.layers[1].weights'],
];

const LOSS: readonly Row[] = [
  [{ loss: 'hinge' }, 'BTM_DOMAIN', 'loss'],
  [{ loss: 3 }, 'BTM_DOMAIN', 'loss'],
  [{ loss: 'toString' }, 'BTM_DOMAIN', 'loss'],
];

const LABELS: readonly Row[] = [
  [{ labels: [0, 1] }, 'BTM_SHAPE', 'labels'],
  [{ labels: [0, 1, 2] }, 'BTM_LABEL', 'labels', 2],
  [{ labels: [0, -1, 1] }, 'BTM_LABEL', 'labels', 1],
  [{ labels: [0.5, 0, 1] }, 'BTM_LABEL', 'labels', 0],
  [{ labels: [Number.NaN, 0, 1] }, 'BTM_LABEL', 'labels', 0],
  [{ labels: '011' }, 'BTM_TYPE', 'labels'],
  [{ targets: new Float64Array(6) }, 'BTM_DOMAIN', 'targets'],
  [{ loss: 'squaredError' }, 'BTM_DOMAIN', 'labels'],
  [{ loss: 'squaredError', labels: undefined, targets: new Float64Array(5) }, 'BTM_SHAPE', 'targets'],
  [{ loss: 'binaryCrossEntropy', labels: undefined, targets: [0, 1, 0, 1.5, 0, 0] }, 'BTM_DOMAIN', 'targets', 3],
  [{ loss: 'binaryCrossEntropy', labels: undefined, targets: [0, 1, Number.NaN, 1, 0, 0] }, 'BTM_NONFINITE', 'targets', 2],
];

const REMOVAL: readonly Row[] = [
  [{ estimator: 'guess' }, 'BTM_DOMAIN', 'estimator'],
  [{ estimator: 0 }, 'BTM_DOMAIN', 'estimator'],
  [{ reduction: 'max' }, 'BTM_DOMAIN', 'reduction'],
  [{ labels: undefined, estimator: 'ablation' }, 'BTM_TYPE', 'labels'],
  [{ labels: undefined, estimator: 'taylor2', loss: 'squaredError' }, 'BTM_TYPE', 'targets'],
  [{ estimator: 'monteCarloFisher', draws: 0 }, 'BTM_DOMAIN', 'draws'],
  [{ estimator: 'monteCarloFisher', draws: 1.5 }, 'BTM_TYPE', 'draws'],
  [{ estimator: 'monteCarloFisher', seed: -1 }, 'BTM_DOMAIN', 'seed'],
  [{ estimator: 'monteCarloFisher', firstSample: -1 }, 'BTM_DOMAIN', 'firstSample'],
];

const GRADIENT: readonly Row[] = [
  [{ reduction: 'none' }, 'BTM_DOMAIN', 'reduction'],
  [{ labels: undefined }, 'BTM_TYPE', 'labels'],
  [{ outputGradient: new Float64Array(6) }, 'BTM_DOMAIN', 'outputGradient'],
  [{ labels: undefined, outputGradient: new Float64Array(5) }, 'BTM_SHAPE', 'outputGradient'],
  [{ labels: undefined, outputGradient: [0, 0, 0, Number.NaN, 0, 0] }, 'BTM_NONFINITE', 'outputGradient', 3],
];

const form = { loss: 'softmaxCrossEntropy', logits: [1, 2, 3, 4], vectors: [1, 2, 3, 4, 5, 6, 7, 8], batch: 2, outputs: 2, peers: 2 };
const FORM: readonly Row[] = [
  ...LOSS,
  [{ loss: undefined }, 'BTM_DOMAIN', 'loss'],
  [{ logits: [1, 2, 3] }, 'BTM_SHAPE', 'logits'],
  [{ logits: [1, 2, Number.POSITIVE_INFINITY, 4] }, 'BTM_NONFINITE', 'logits', 2],
  [{ vectors: [1] }, 'BTM_SHAPE', 'vectors'],
  [{ vectors: [1, Number.NaN, 3, 4, 5, 6, 7, 8] }, 'BTM_NONFINITE', 'vectors', 1],
  [{ outputs: 0 }, 'BTM_DOMAIN', 'outputs'],
  [{ batch: -2 }, 'BTM_DOMAIN', 'batch'],
  [{ peers: null }, 'BTM_TYPE', 'peers'],
];

const quadratic = { hessian: { kind: 'shared', data: [2, 1, 1, 3] }, vectors: [1, 2, 3, 4], n: 2 };
const QUADRATIC: readonly Row[] = [
  [{ n: 0 }, 'BTM_DOMAIN', 'n'],
  [{ n: 3 }, 'BTM_SHAPE', 'vectors'],
  [{ vectors: undefined }, 'BTM_TYPE', 'vectors'],
  [{ vectors: [1, 2, 3, Number.NaN] }, 'BTM_NONFINITE', 'vectors', 3],
  [{ hessian: undefined }, 'BTM_DOMAIN', 'hessian.kind'],
  [{ hessian: { kind: 'sparse', data: [] } }, 'BTM_DOMAIN', 'hessian.kind'],
  [{ hessian: { kind: 'shared', data: [1, 2, 3] } }, 'BTM_SHAPE', 'hessian.data'],
  [{ hessian: { kind: 'shared' } }, 'BTM_TYPE', 'hessian.data'],
  [{ hessian: { kind: 'shared', data: [1, 2, Number.NaN, 4] } }, 'BTM_NONFINITE', 'hessian.data', 2],
  [{ hessian: { kind: 'shared', data: [2, 1, 1.5, 3] } }, 'BTM_SYMMETRY', 'hessian.data', 1],
  [{ hessian: { kind: 'dense', data: [2, 1, 1, 3] } }, 'BTM_SHAPE', 'hessian.data'],
  [{ hessian: { kind: 'dense', data: [2, 1, 1, 3, 2, 1, 0, 3] } }, 'BTM_SYMMETRY', 'hessian.data', 5],
  [{ hessian: { kind: 'lowRank', data: [1, 2] } }, 'BTM_TYPE', 'hessian.rank'],
  [{ hessian: { kind: 'lowRank', data: [1, 2], rank: 2 } }, 'BTM_SHAPE', 'hessian.data'],
  [{ hessian: { kind: 'diagonal', data: [1] } }, 'BTM_SHAPE', 'hessian.data'],
];

function refuses(name: string, call: (options: never) => unknown, base: object, rows: readonly Row[]): void {
  t.test(name, (test) => {
    for (const bad of [undefined, null, 3, 'text', []]) test.throws(() => call(bad as never), InputError, `${name}(${String(bad)})`);
    for (const [change, code, argument, index] of rows) {
      const label = `${code} ${argument}${index === undefined ? '' : `[${index}]`}`;
      try {
        call({ ...base, ...change } as never);
        test.fail(`${label}: was accepted`);
      } catch (error) {
        const { code: got, argument: where, index: at } = error as InputError;
        test.ok(error instanceof InputError && got === code && where === argument && at === index, `${label}: ${(error as Error).message}`);
      }
    }
    test.end();
  });
}

const { labels: _, ...unlabelled } = good;
refuses('removalScores', removalScores, good, [...BATCH, ...LOSS, ...LABELS, ...REMOVAL]);
refuses('peerGram', peerGram, unlabelled, [
  ...BATCH,
  ...LOSS,
  [{ factor: 'sparse' }, 'BTM_DOMAIN', 'factor'],
  [{ reduction: 'none' }, 'BTM_DOMAIN', 'reduction'],
]);
refuses('headForward', headForward, unlabelled, BATCH);
refuses('headGradient', headGradient, good, [...BATCH, ...LOSS, ...LABELS, ...GRADIENT]);
refuses('outputQuadraticForm', outputQuadraticForm, form, FORM);
refuses('quadraticForm', quadraticForm, quadratic, QUADRATIC);

t.test('inputs are never written to, and results never share their memory', (test) => {
  const data = {
    head: { layers: [layer({ weights: Float64Array.from(layer().weights), bias: Float64Array.of(0, 1), activation: 'tanh' })] },
    responses: responses(),
    labels: Int32Array.of(0, 1, 1),
    ...sizes,
  };
  const before = structuredClone(data);
  const results = [
    ...(['gaussNewton', 'monteCarloFisher', 'ablation', 'diagonal', 'nisp'] as const).map((estimator) =>
      removalScores({ ...data, estimator, reduction: 'none' }),
    ),
    peerGram(data),
    headForward(data),
    headGradient(data),
  ];
  test.same(data, before, 'unchanged');
  const memory = new Set<ArrayBufferLike>([data.responses.buffer, data.labels.buffer]);
  for (const { weights, bias } of data.head.layers) {
    memory.add((weights as unknown as Float64Array).buffer);
    memory.add((bias as unknown as Float64Array).buffer);
  }
  const own = (value: unknown): boolean =>
    value instanceof Float64Array
      ? !memory.has(value.buffer)
      : value === null || typeof value !== 'object' || Object.values(value).every(own);
  test.ok(results.every(own), 'own memory');
  test.end();
});

t.test('overflow is a status, not an exception', (test) => {
  const result = removalScores({ ...unlabelled, responses: responses().map((x) => x * 1e200), loss: 'squaredError' });
  test.equal(result.status, 'overflow');
  test.equal(removalScores(unlabelled).status, 'ok');
  test.end();
});

t.test('labels of every integer kind, and arrays of another realm', (test) => {
  const { scores } = removalScores({ ...good, estimator: 'ablation' });
  const kinds = [Uint8Array, Int8Array, Uint16Array, Int32Array, Uint32Array, Float64Array] as const;
  for (const Kind of kinds) test.strictSame(removalScores({ ...good, labels: Kind.from([0, 1, 1]), estimator: 'ablation' }).scores, scores);
  for (const Kind of [BigInt64Array, BigUint64Array]) {
    test.strictSame(removalScores({ ...good, labels: Kind.from([0n, 1n, 1n]), estimator: 'ablation' }).scores, scores);
  }
  for (const label of [2n, -1n, 2n ** 62n]) {
    const refused = { code: 'BTM_LABEL', argument: 'labels', index: 1 };
    test.throws(() => removalScores({ ...good, labels: BigInt64Array.of(0n, label, 1n), estimator: 'ablation' }), refused);
  }
  const away = runInNewContext(
    '({ f64: Float64Array.from(values), f32: Float32Array.from(values), labels: Int32Array.of(0, 1, 1), list: Array.from(values) })',
    { values: [...good.responses] },
  ) as { f64: Float64Array; f32: Float32Array; labels: Int32Array; list: number[] };
  test.notOk(away.f64 instanceof Float64Array, 'it is of another realm');
  const { labels } = away;
  for (const responses of [away.f64, away.list]) {
    test.strictSame(removalScores({ ...good, responses, labels, estimator: 'ablation' }).scores, scores);
  }
  const rounded = removalScores({ ...good, responses: Float32Array.from(good.responses), estimator: 'ablation' }).scores;
  test.strictSame(removalScores({ ...good, responses: away.f32, labels, estimator: 'ablation' }).scores, rounded);
  test.throws(
    () => removalScores({ ...good, responses: new Proxy(good.responses, {}) as never }),
    { code: 'BTM_TYPE' },
    'a proxy is not an array',
  );
  test.end();
});
