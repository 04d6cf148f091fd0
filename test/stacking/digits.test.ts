// A real pool: eight models of the MNIST digits, trained with the package's own fits, ranked by one call.
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { type ImageDataset, loadMnist } from '../../src/data/dataset.js';
import { lossesOf } from '../../src/stacking/cross-fit.js';
import type { Design } from '../../src/stacking/design.js';
import { fitHeads } from '../../src/stacking/fit.js';
import { rankPool } from '../../src/stacking/index.js';
import { precondition } from '../../src/stacking/preconditioner.js';

const TRAIN = 2000;
const TEST = 2000;
const CLASSES = 10;
const { kernels } = createBackend({ kind: 'native' });

/** Means of 2 x 2 pixels in part of the image, about 0: [samples, cells]. */
function look(images: ImageDataset, samples: number, rows: readonly [number, number], columns: readonly [number, number]): Float64Array {
  const cells: number[] = [];
  for (let s = 0; s < samples; s++) {
    for (let r = rows[0]; r < rows[1]; r++) {
      for (let c = columns[0]; c < columns[1]; c++) {
        const at = (s * 28 + 2 * r) * 28 + 2 * c;
        const { images: pixels } = images;
        cells.push((pixels[at] + pixels[at + 1] + pixels[at + 28] + pixels[at + 29]) / 1020 - 0.13);
      }
    }
  }
  return Float64Array.from(cells);
}

/** A softmax regression trained on some of the samples; returns its logits of the test images. */
function train(features: Float64Array, labels: Int32Array, weights: Float64Array, test: Float64Array): Float64Array {
  const width = features.length / TRAIN;
  const design: Design = {
    samples: TRAIN,
    width,
    outputs: CLASSES,
    loss: 'softmaxCrossEntropy',
    features,
    starts: Int32Array.of(0, width),
    absent: null,
    labels,
    targets: new Float64Array(0),
    weights,
    order: labels,
    foldStarts: Int32Array.of(0, TRAIN),
    means: new Float64Array(width),
    scales: Float64Array.of(1),
  };
  const preconditioner = precondition(kernels, design, new Float64Array(TRAIN).fill(0.1), 1e-3);
  const [{ parameters }] = fitHeads(kernels, design, [{ fold: null, l2: 1e-3, without: [] }], preconditioner, {
    tolerance: 1e-3,
    maxSteps: 60,
  });
  const logits = new Float64Array(TEST * CLASSES);
  kernels.matMul(
    logits,
    test,
    parameters.subarray(0, width * CLASSES),
    parameters.subarray(width * CLASSES),
    TEST,
    width,
    CLASSES,
    false,
    false,
  );
  t.ok(lossesOf(kernels, design, new Float64Array(TRAIN * CLASSES)).every((loss) => Math.abs(loss - Math.log(CLASSES)) < 1e-12));
  return logits;
}

t.test('eight models of the digits: noise and shuffled labels last, copies named, no effect found of noise', async (t) => {
  const { train: known, test } = await loadMnist();
  const labels = Int32Array.from(known.labels.subarray(0, TRAIN));
  const even = new Float64Array(TRAIN).fill(1);
  const model = (rows: readonly [number, number], columns: readonly [number, number], own = labels, weights = even) =>
    train(look(known, TRAIN, rows, columns), own, weights, look(test, TEST, rows, columns));
  const stream = new RandomStream(20261128, 10);
  const whole = model([0, 14], [0, 14]);
  const models = [
    { name: 'whole', answers: whole },
    { name: 'top', answers: model([0, 7], [0, 14]) },
    { name: 'bottom', answers: model([7, 14], [0, 14]) },
    { name: 'left', answers: model([0, 14], [0, 7]) },
    {
      name: 'few-class',
      answers: model(
        [0, 14],
        [7, 14],
        labels,
        even.map((_, s) => (labels[s] < 5 ? 1 : 0)),
      ),
    },
    { name: 'shuffled', answers: model([0, 14], [0, 14], Int32Array.from(stream.shuffle(labels))) },
    { name: 'noise', answers: Float64Array.from({ length: TEST * CLASSES }, () => stream.normal()) },
    { name: 'copy', answers: whole.slice() },
  ];
  const ranking = await rankPool({ models, labels: Int32Array.from(test.labels.subarray(0, TEST)), classes: CLASSES, tolerance: 1e-5 });
  const of = (name: string) => ranking.models.find((found) => found.name === name) ?? ranking.models[0];
  t.same(
    ranking.models
      .filter(({ position }) => position > 6)
      .map(({ name }) => name)
      .sort(),
    ['noise', 'shuffled'],
  );
  t.same(ranking.copies, [[0, 7]]);
  t.match(of('copy').verdict.text, 'whole');
  const { low, high } = of('noise').worth;
  t.ok(low <= 0 && high >= 0, `the interval of noise covers 0: ${low}, ${high}`);
  t.equal(of('noise').verdict.code, 'noEffect', JSON.stringify(of('noise').worth));
  for (const name of ['top', 'bottom', 'left']) t.ok(of(name).worth.low > 0, `${name}: ${of(name).worth.low}`);
  t.ok(
    (ranking.accuracy ?? 0) > Math.max(...ranking.models.map(({ accuracy }) => accuracy ?? 0)),
    'together they are better than the best',
  );
  t.comment(ranking.models.map((m) => `${m.name} ${m.position} ${m.worth.value.toFixed(4)} ${m.verdict.text}`).join('; '));
});
