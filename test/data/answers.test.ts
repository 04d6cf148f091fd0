// Every file of answers reads to the same numbers, and what does not fit is refused by name.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { encodeNpy, joinPool, namesFromPaths, readAnswers, readColumn, readNpy } from '../../src/data/index.js';
import { halfToNumber, NPY_TYPES } from '../../src/data/npy-values.js';

/** A .npy file of the given type: values encoded by DataView, not by the reader. */
function npy(type: string, order: '<' | '>', shape: readonly number[], values: readonly number[], fortran = false): Uint8Array {
  const size = Number(type[1]);
  const header = `{'descr': '${size === 1 ? '|' : order}${type}', 'fortran_order': ${fortran ? 'True' : 'False'}, 'shape': (${shape.join(', ')},), }\n`;
  const bytes = new Uint8Array(10 + header.length + size * values.length);
  bytes.set(Buffer.from('\x93NUMPY\x01\x00', 'latin1'));
  const view = new DataView(bytes.buffer);
  view.setUint16(8, header.length, true);
  bytes.set(Buffer.from(header, 'latin1'), 10);
  values.forEach((value, k) => {
    const at = 10 + header.length + size * k;
    const little = order === '<';
    if (type === 'f8') view.setFloat64(at, value, little);
    else if (type === 'f4') view.setFloat32(at, value, little);
    else if (type === 'f2') view.setUint16(at, HALF[value], little);
    else if (size === 8) view.setBigInt64(at, BigInt(value), little);
    else if (size === 4) view.setInt32(at, value, little);
    else if (size === 2) view.setInt16(at, value, little);
    else view.setInt8(at, value);
  });
  return bytes;
}

/** Half-precision bits from the standard's own examples. */
const HALF: Readonly<Record<number, number>> = { 0: 0x0000, 1: 0x3c00, 2: 0x4000, 3: 0x4200, 4: 0x4400, 5: 0x4500 };

t.test('every numeric type, either byte order, rows or columns first, in memory and from a file', async (t) => {
  const folder = t.testdir();
  for (const type of NPY_TYPES) {
    const truth = type === 'b1' ? [0, 1, 0, 1, 1, 0] : [0, 1, 2, 3, 4, 5];
    for (const order of ['<', '>'] as const) {
      const path = join(folder, `${type}.npy`);
      writeFileSync(path, npy(type, order, [2, 3], truth));
      t.same([...(await readNpy(path)).data], truth, `${order}${type}`);
      writeFileSync(path, npy(type, order, [2, 3], truth, true)); // [[0, 2, 4], [1, 3, 5]]
      t.same(
        [...(await readNpy(path)).data],
        [0, 2, 4, 1, 3, 5].map((at) => truth[at]),
        `${order}${type}, columns first`,
      );
    }
  }
  t.equal(halfToNumber(0x0001), 2 ** -24);
  t.equal(halfToNumber(0xfbff), -65504);
  t.equal(halfToNumber(0x7c00), Number.POSITIVE_INFINITY);
  t.ok(Number.isNaN(halfToNumber(0x7e00)));
  writeFileSync(join(folder, 'cut.npy'), npy('f8', '<', [2, 3], [0, 1, 2, 3, 4, 5]).subarray(0, -3));
  await t.rejects(readNpy(join(folder, 'cut.npy')), { code: 'BTM_SHAPE', message: /takes 48 bytes, but holds 45/ });
  writeFileSync(
    join(folder, 'big.npy'),
    encodeNpy(
      [300000, 5],
      Float64Array.from({ length: 1500000 }, (_, k) => k),
    ),
  );
  const big = await readNpy(join(folder, 'big.npy')); // 12 MB: several pieces, none of whose ends is known
  t.ok(big.data.every((value, k) => value === k));
});

t.test('a column a class, a row a (model, sample, class), and an array give the same answers', async (t) => {
  const folder = t.testdir({
    'wide.csv': 'id,cat,dog\nx,0.9,0.1\ny,0.25,0.75\n',
    'long.csv': 'model,id,class,probability\nm,y,dog,0.75\nm,x,cat,0.9\nm,y,cat,0.25\nm,x,dog,0.1\n',
    'labels.csv': 'id,label\ny,dog\nx,cat\n',
  });
  writeFileSync(join(folder, 'array.npy'), encodeNpy([2, 2], Float64Array.of(0.25, 0.75, 0.9, 0.1)));
  const labels = await readColumn(join(folder, 'labels.csv'));
  const read = await readAnswers(['wide.csv', 'long.csv', 'array.npy'].map((name) => join(folder, name)));
  const { models, classNames, labels: values } = joinPool(read, { labels });
  t.same(classNames, ['cat', 'dog']);
  t.same([...values], [1, 0]);
  for (const model of models) t.same([...model.answers], [0.25, 0.75, 0.9, 0.1], model.name);
  t.same(
    models.map(({ name }) => name),
    ['wide', 'm', 'array'],
  );
});

t.test('samples that a model lacks, and rows of NaN, are answers that are not there', async (t) => {
  const folder = t.testdir({
    'a.csv': 'id,0,1\nx,0.9,0.1\nz,,\n',
    'labels.csv': 'id,label\nx,0\ny,1\nz,1\n',
    'half.csv': 'id,0,1\nx,0.9,\ny,1,0\nz,1,0\n',
  });
  const labels = await readColumn(join(folder, 'labels.csv'));
  const [a] = joinPool(await readAnswers([join(folder, 'a.csv')]), { labels }).models;
  t.same([...(a.answered ?? [])], [1, 0, 0]);
  const half = await readAnswers([join(folder, 'half.csv')]);
  t.throws(() => joinPool(half, { labels }), { code: 'BTM_NONFINITE', message: /'half', row 1.*1 of 2/ });
});

t.test('shapes and labels that do not fit are refused by name', async (t) => {
  const source = 'labels';
  const labels = { source, values: ['0', '1', '2'], ids: null };
  const answers = (samples: number, width: number) => [
    { name: 'm', source: 'm.npy', samples, width, values: new Float64Array(samples * width), ids: null, columns: null },
  ];
  t.throws(() => joinPool(answers(2, 3), { labels }), { code: 'BTM_SHAPE', argument: 'm.npy', message: /2 rows, but labels has 3/ });
  t.throws(() => joinPool(answers(3, 3), { labels: { ...labels, values: ['1', '2', '3'] } }), {
    code: 'BTM_LABEL',
    message: /from 1 to 3.*Subtract 1/,
  });
  t.throws(() => joinPool(answers(3, 3), { labels: { ...labels, values: ['0', '-100', '1'] } }), {
    code: 'BTM_LABEL',
    index: 1,
    value: -100,
    message: /labels\[1\] is -100.*--ignore=-100/,
  });
  const ignored = joinPool(answers(3, 3), { labels: { ...labels, values: ['0', '-100', '1'] }, ignore: ['-100'] });
  t.same([[...ignored.labels], ignored.leftOut, ignored.models[0].answers.length], [[0, 1], 1, 6]);
  const named = { ...answers(3, 3)[0], ids: ['a', 'b', 'a'] };
  t.throws(() => joinPool([named], { labels: { ...labels, ids: ['a', 'b', 'c'] } }), {
    code: 'BTM_DOMAIN',
    message: /'a' in rows 1 and 3/,
  });
  t.throws(() => joinPool([{ ...named, ids: ['d', 'e', 'f'] }], { labels: { ...labels, ids: ['a', 'b', 'c'] } }), {
    code: 'BTM_SHAPE',
    message: /shares no sample/,
  });
});

t.test('lm-evaluation-harness: log-likelihoods by hash, tasks of one folder together, missing choices far below', async (t) => {
  const line = (hash: string, logs: readonly number[], target: unknown) =>
    JSON.stringify({
      doc_id: 0,
      doc_hash: hash,
      target,
      resps: logs.map((log) => [[String(log), 'False']]),
      filtered_resps: logs.map((log) => [log, false]),
      doc: { choices: ['p', 'q', 'r'].slice(0, logs.length) },
    });
  const folder = t.testdir({
    big: {
      'samples_arc_1.jsonl': `${line('h1', [-1, -2, -3], 0)}\n${line('h2', [-3, -1], '1')}\n`,
      'samples_boolq_1.jsonl': `${line('h3', [-4, -5], 'q')}\n`,
    },
    small: { 'samples_arc_1.jsonl': `${line('h2', [-1, -3], '1')}\n` },
  });
  const paths = ['big/samples_arc_1.jsonl', 'big/samples_boolq_1.jsonl', 'small/samples_arc_1.jsonl'].map((name) => join(folder, name));
  const [big, small] = await readAnswers(paths);
  t.same([big.name, big.width, big.kind, small.name], ['big', 3, 'logits', 'small']);
  t.same(big.ids, ['h1', 'h2', 'h3']);
  t.same(big.labels, ['0', '1', '1']);
  t.same([...big.values], [-1, -2, -3, -3, -1, Number.NEGATIVE_INFINITY, -4, -5, Number.NEGATIVE_INFINITY]);
});

t.test('promptfoo and RouterBench: scores and costs', async (t) => {
  const entry = (provider: object | string, testIdx: number, score: number, cost: number) => ({
    provider,
    testIdx,
    promptIdx: 0,
    success: score > 0.5,
    score,
    cost,
  });
  const results = [entry({ id: 'a' }, 0, 1, 0.2), entry({ id: 'a' }, 1, 0, 0.4), entry('b', 1, 1, 0.1)];
  const folder = t.testdir({
    'promptfoo.json': JSON.stringify({ results: { results } }),
    'router.csv': 'sample_id,prompt,a,b,a|total_cost,b|total_cost\n0,hi,1,0,0.2,0.1\n1,ho,0,1,0.4,0.1\n',
  });
  const [a, b] = await readAnswers([join(folder, 'promptfoo.json')]);
  t.same([a.name, [...a.values], b.name, b.values[1]], ['a', [1, 0], 'b', 1]);
  t.ok(Number.isNaN(b.values[0]));
  t.ok(Math.abs((a.cost ?? 0) - 0.3) < 1e-12);
  const [c, d] = await readAnswers([join(folder, 'router.csv')]);
  t.same([c.name, c.kind, [...c.values], d.name, d.cost], ['a', 'scores', [1, 0], 'b', 0.1]);
});

t.test('names come from file names, with folders only where they are needed', async (t) => {
  t.same(namesFromPaths(['out/a.npy', 'out/b.csv']), ['a', 'b']);
  t.same(namesFromPaths(['x/preds.npy', 'y/preds.npy']), ['x/preds', 'y/preds']);
  t.same(namesFromPaths(['a.npy', 'a.npy']), ['a (1)', 'a (2)']);
});
