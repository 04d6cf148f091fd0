/** Tables as samples: which rows, classes and codes, by hand; and data by name. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { ColumnBuilder, type Table } from '../../src/data/table.js';
import { tableSamples } from '../../src/data/table-samples.js';
import { dataNamed, nameOfData, placeOfData } from '../../src/run/named-data.js';
import { tableOnDisk } from '../support/table-file.js';

/** A table of these columns, by name. */
function tableOf(cells: Readonly<Record<string, readonly (string | number)[]>>): Table {
  const columns = Object.entries(cells).map(([name, values]) => {
    const builder = new ColumnBuilder(name, false);
    for (const value of values) builder.add(String(value));
    return builder.build();
  });
  return { source: 'made-up.csv', rows: Object.values(cells)[0]!.length, columns };
}

const numbers = Array.from({ length: 10 }, (_, row) => row);

t.test('every fifth labelled row is kept from training; rows of rare labels are left out', (t) => {
  const label = ['b', 'a', 'rare', 'a', 'b', 'a', 'b', 'a', 'b', '', 'a', 'b', 'a'];
  const table = tableOf({ x: label.map((_, row) => row), label });
  const { train, test, name } = tableSamples('made up', table, { label: 'label', classes: 2, bins: 1 });
  t.equal(name, 'made up');
  t.same([train.classes, test.classes], [2, 2]);
  // labelled rows in order: 0 b, 1 a, 3 a, 4 b, [5 a], 6 b, 7 a, 8 b, 10 a, [11 b], 12 a; a is more frequent
  t.same([...train.labels], [1, 0, 0, 1, 1, 0, 1, 0, 0]);
  t.same([...test.labels], [0, 1]);
  t.same(
    [...train.images],
    [0, 1, 3, 4, 6, 7, 8, 10, 12].map((x) => Math.round((255 * x) / 12)),
  );
  t.same(
    [...test.images],
    [5, 11].map((x) => Math.round((255 * x) / 12)),
  );
  t.end();
});

t.test('a number fills the pieces between the quantiles of the training rows below it', (t) => {
  const x = [0, 1, 2, 4, 100, 6, 8, 12, 16, -5];
  const { train, test } = tableSamples('made up', tableOf({ x, label: numbers.map((row) => row % 2) }), { label: 'label', bins: 2 });
  // training rows 0 1 2 4 6 8 12 16: edges are their first, the one in the middle, and the last
  t.equal(train.width, 2);
  const piece = (value: number) => [Math.min(1, Math.max(0, value / 6)), Math.min(1, Math.max(0, (value - 6) / 10))];
  t.same(
    [...train.images],
    [0, 1, 2, 4, 6, 8, 12, 16].flatMap(piece).map((part) => Math.round(255 * part)),
  );
  t.same([...test.images], [255, 255, 0, 0], 'beyond the edges as at them');
  t.end();
});

t.test('texts with few values are places, an empty cell is in none, identifiers and constants are left out', (t) => {
  const label = numbers.map((row) => `c${row % 2}`);
  const colour = ['red', 'red', 'blue', 'green', '', 'red', 'blue', 'red', 'blue', 'red'];
  const long = Array.from({ length: 40 }, (_, row) => `id ${row}`);
  const table = tableOf({ colour, one: numbers.map(() => 7), gap: ['', 1, 2, 3, 4, 5, 6, 7, 8, 9], label });
  const { train, test } = tableSamples('made up', table, { label: 'label', bins: 1 });
  t.equal(train.width, 4, 'three colours and one number');
  t.same([...train.images.subarray(0, 4)], [255, 0, 0, 0], 'no number there');
  t.same([...test.images.subarray(0, 4)], [0, 0, 0, Math.round((255 * 3) / 7)], 'no colour there');
  const many = tableOf({ id: long, label: long.map((_, row) => row % 2) });
  t.throws(() => tableSamples('made up', many, { label: 'label' }), { code: 'BTM_SHAPE', argument: 'made-up.csv' });
  t.equal(tableSamples('made up', many, { label: 'label', features: ['id'] }).train.width, 32, 'unless it was asked for');
  t.end();
});

t.test('what cannot be predicted is refused', (t) => {
  const table = tableOf({ x: numbers, label: numbers.map(() => 'same') });
  t.throws(() => tableSamples('made up', table, { label: 'label' }), { code: 'BTM_SHAPE', message: /only 1 of 2 classes/ });
  t.throws(() => tableSamples('made up', table, { label: 'none' }), { code: 'BTM_DOMAIN', message: /no column 'none'/ });
  t.throws(() => tableSamples('made up', table, { label: 'x', classes: 1 }), { code: 'BTM_DOMAIN', argument: 'classes' });
  t.throws(() => tableSamples('made up', table, { label: 'x', bins: 0 }), { code: 'BTM_DOMAIN', argument: 'bins' });
  t.throws(() => tableSamples('made up', table, { label: 'x' }), { message: /of 10 classes in its made up/ });
  t.end();
});

t.test('data by name: a table of one’s own, and what three packages ship', async (t) => {
  const name = tableOnDisk();
  const own = await dataNamed(name);
  t.same([own.train.samples, own.test.samples, own.train.classes, own.train.width], [1200, 300, 5, 35]);
  t.equal(nameOfData(own.name), name);
  t.equal(placeOfData('data/a.csv#kind', '/home'), '/home/data/a.csv#kind');
  t.equal(placeOfData('table', '/home'), 'table');
  await t.rejects(dataNamed(name.replace('#kind', '')), { code: 'BTM_DOMAIN', argument: 'data', message: /#COLUMN/ });
  await t.rejects(dataNamed(name.replace('#kind', '#')), { code: 'BTM_DOMAIN', argument: 'data' });
  await t.rejects(dataNamed(name.replace('#kind', '#sort')), { code: 'BTM_DOMAIN' });
  await t.rejects(dataNamed(join(t.testdir(), 'nothing.csv#kind')), { code: 'BTM_IO' });
  const broken = join(t.testdir(), 'broken.parquet');
  writeFileSync(broken, 'no parquet');
  await t.rejects(dataNamed(`${broken}#kind`), { code: 'BTM_TYPE' });
  for (const [shipped, classes] of [
    ['text', 8],
    ['table', 10],
  ] as const) {
    const { train, test, name: called } = await dataNamed(shipped);
    t.equal(nameOfData(called), shipped);
    t.equal(train.classes, classes);
    t.ok(train.samples > 10_000 && test.samples > 2_000, `${train.samples} and ${test.samples}`);
  }
});
