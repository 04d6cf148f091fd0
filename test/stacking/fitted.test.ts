// A pool that is fitted once, and what its rows are: centred and scaled columns, baselines, curvature, removals by either route.
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { prepare } from '../../src/stacking/call.js';
import { baselineAnswers, fittedContributions } from '../../src/stacking/contributions.js';
import { fitPool, rankPool, selectModels } from '../../src/stacking/index.js';
import { measure } from '../../src/stacking/measure.js';
import { sampleRows } from '../../src/stacking/preconditioner.js';

const backend = createBackend({ kind: 'native' });
const SAMPLES = 150;
const CLASSES = 3;

function pool(missing = false) {
  const stream = new RandomStream(20261128, 31);
  const labels = Int32Array.from({ length: SAMPLES }, () => stream.integer(CLASSES));
  const models = [0, 0.5, 1.5].map((skill, i) => ({
    name: `m${i}`,
    answers: Float64Array.from({ length: SAMPLES * CLASSES }, (_, k) =>
      k % CLASSES === labels[Math.floor(k / CLASSES)] ? skill + stream.normal() : stream.normal() + i,
    ),
    ...(missing && i > 0 ? { answered: Uint8Array.from({ length: SAMPLES }, (_, s) => (s % (7 + i) === 3 ? 0 : 1)) } : {}),
  }));
  const features = { name: 'wide', answers: Float64Array.from({ length: SAMPLES * 5 }, () => 3 + 2 * stream.normal()) };
  const weights = Float64Array.from({ length: SAMPLES }, () => 0.5 + stream.uniform());
  return { labels, models: [...models, features], weights, backend, resamples: 200, seed: 4 };
}

t.test('ranking and selecting from a fitted pool is ranking and selecting from its options', async (t) => {
  for (const head of ['stacking', 'vote'] as const) {
    const options = { ...pool(), head, models: pool().models.slice(0, 3) };
    const fitted = await fitPool(options);
    t.same(await rankPool({ fitted }), await rankPool(options));
    t.same(await selectModels({ fitted, budget: 2 }), await selectModels({ ...options, budget: 2 }));
    t.same(await selectModels({ fitted, epsilon: 0.05 }), await selectModels({ ...options, epsilon: 0.05 }));
  }
});

t.test('a fitted pool takes a signal and progress of its own, and nothing that was settled before', async (t) => {
  const fitted = await fitPool(pool());
  const stages = new Set<string>();
  await rankPool({ fitted, onProgress: ({ stage }) => stages.add(stage) });
  t.same([...stages], ['measure', 'refit']);
  await t.rejects(rankPool({ fitted, signal: AbortSignal.abort() }), { code: 'BTM_ABORTED' });
  const abort = new AbortController();
  let reports = 0;
  const onProgress = () => {
    reports += 1;
    abort.abort();
  };
  await t.rejects(rankPool({ fitted, signal: abort.signal, onProgress }), { code: 'BTM_ABORTED' });
  t.equal(reports, 1, 'the next report ends the call');
  const settled = { fitted, level: 0.9 } as Parameters<typeof rankPool>[0];
  await t.rejects(rankPool(settled), { code: 'BTM_DOMAIN', argument: 'level' });
  const wrong = { fitted: {} } as Parameters<typeof rankPool>[0];
  await t.rejects(rankPool(wrong), { code: 'BTM_TYPE', argument: 'fitted' });
  await t.rejects(selectModels({ fitted, epsilon: -1 }), { code: 'BTM_NEGATIVE' });
});

t.test('columns are centred and scaled by model over the samples that it answered, rows without an answer are 0', async (t) => {
  const { design } = prepare(pool(true));
  const { width, starts, weights, features, absent, samples } = design;
  for (let i = 0; i < 4; i++) {
    let mass = 0;
    let square = 0;
    for (let c = starts[i]; c < starts[i + 1]; c++) {
      let sum = 0;
      for (let row = 0; row < samples; row++) {
        const x = features[row * width + c];
        if (absent?.[row * 4 + i] === 1) {
          if (x !== 0) t.fail(`model ${i}, row ${row}: ${x} without an answer`);
          continue;
        }
        sum += weights[row] * x;
        square += weights[row] * x * x;
        mass += weights[row];
      }
      t.ok(Math.abs(sum) < 1e-10, `column ${c}`);
    }
    t.ok(Math.abs(square / mass - 1) < 1e-12, `scale of model ${i}`);
  }
  const expected = Array.from({ length: SAMPLES }, (_, s) => s % 9).filter((rest) => rest === 3).length;
  t.equal(absent?.filter((flag, k) => k % 4 === 2 && flag === 1).length, expected);
});

t.test('rows beyond the first block stand where they belong', async (t) => {
  const samples = 150;
  const width = 4100; // blocks of 64 rows
  const stream = new RandomStream(20261128, 32);
  const answers = Float64Array.from({ length: samples * width }, () => stream.normal());
  const labels = Int32Array.from({ length: samples }, (_, s) => s % 2);
  const { design } = prepare({ models: [{ name: 'wide', answers }], labels, backend, resamples: 100 });
  for (const [row, column] of [
    [0, 0],
    [63, 4099],
    [64, 5],
    [128, 1],
    [149, 4099],
  ]) {
    const x = design.features[row * width + column] * design.scales[0] + design.means[column];
    t.ok(Math.abs(x - answers[design.order[row] * width + column]) < 1e-12, `row ${row}, column ${column}`);
  }
});

t.test('a baseline is the mean over the other folds of the samples that were answered', async (t) => {
  const { design } = prepare(pool(true));
  const { width, starts, weights, features, absent, foldStarts } = design;
  baselineAnswers(design, 'mean').forEach((means, fold) => {
    for (let i = 0; i < 4; i++) {
      for (let c = starts[i]; c < starts[i + 1]; c++) {
        let sum = 0;
        let mass = 0;
        for (let row = 0; row < design.samples; row++) {
          if ((row >= foldStarts[fold] && row < foldStarts[fold + 1]) || absent?.[row * 4 + i] === 1) continue;
          sum += weights[row] * features[row * width + c];
          mass += weights[row];
        }
        if (Math.abs(means[c] - sum / mass) > 1e-13) t.fail(`fold ${fold}, column ${c}: ${means[c]}, not ${sum / mass}`);
      }
    }
  });
  t.pass('compared with sums over the rows');
});

t.test('removals are the same whether the head or its contributions are handed over', async (t) => {
  const fitted = await fitPool(pool());
  const { design, units } = fitted.call;
  const parameters = fitted.fit?.heads.map((head) => head.parameters) ?? [];
  for (const baseline of ['mean', 'zero'] as const) {
    const [direct, through] = [design, { ...design, absent: new Uint8Array(SAMPLES * 4) }].map((given) =>
      measure(backend, given, fittedContributions(backend.kernels, given, parameters, baseline), units),
    );
    for (const key of ['ablation', 'gaussNewton', 'linearShare', 'byClass', 'gram'] as const) {
      const largest = direct[key].reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      t.ok(
        direct[key].every((x, k) => Math.abs(x - through[key][k]) <= 1e-12 * largest),
        `${key}, ${baseline}`,
      );
    }
  }
});

t.test('worth is the weighted mean change of the loss when a mean answer stands in, by plain sums', async (t) => {
  const fitted = await fitPool(pool());
  const { design } = fitted.call;
  const { width, outputs, starts, features, labels, weights, foldStarts } = design;
  const heads = fitted.fit?.heads ?? [];
  const means = baselineAnswers(design, 'mean');
  const loss = (x: Float64Array, head: Float64Array, label: number): number => {
    const z = Float64Array.from({ length: outputs }, (_, c) =>
      x.reduce((sum, value, d) => sum + value * head[d * outputs + c], head[width * outputs + c]),
    );
    return Math.log(z.reduce((sum, value) => sum + Math.exp(value), 0)) - z[label];
  };
  const { models } = await rankPool({ fitted });
  models.forEach(({ worth }, i) => {
    let sum = 0;
    let mass = 0;
    for (let row = 0; row < SAMPLES; row++) {
      const fold = foldStarts.findIndex((end, f) => f > 0 && row < end) - 1;
      const x = features.slice(row * width, (row + 1) * width);
      const without = x.map((value, d) => (d >= starts[i] && d < starts[i + 1] ? means[fold][d] : value));
      const head = heads[fold].parameters;
      sum += weights[row] * (loss(without, head, labels[row]) - loss(x, head, labels[row]));
      mass += weights[row];
    }
    t.ok(Math.abs(worth.value - sum / mass) < 1e-12, `model ${i}: ${worth.value}, ${sum / mass}`);
  });
});

t.test('rows that hold a sum: large values by themselves, the others each for a step', async (t) => {
  const few = Float64Array.of(3, 1, 2);
  t.same(sampleRows(few, 3), { rows: [0, 1, 2], shares: [3, 1, 2] });
  const stream = new RandomStream(20261128, 5);
  const values = Float64Array.from({ length: 5000 }, (_, k) => (k % 1000 === 7 ? 50 : stream.uniform()));
  const total = values.reduce((sum, value) => sum + value, 0);
  const { rows, shares } = sampleRows(values, 200);
  t.ok(rows.length > 150 && rows.length < 210, `${rows.length} rows`);
  for (const large of [7, 1007, 2007, 3007, 4007]) t.equal(shares[rows.indexOf(large)], 50);
  t.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - total) < 2 * (total / 200));
  const mean = rows.reduce((sum, row, r) => sum + shares[r] * row, 0) / total;
  const whole = values.reduce((sum, value, row) => sum + value * row, 0) / total;
  t.ok(Math.abs(mean - whole) < 30, 'spread evenly');
});
