/** Who takes part in the demonstration, as a table written by hand. */
import t from 'tap';
import { buildRoster } from '../../src/demo/roster.js';

t.test('sixteen participants: five generalists, seven specialists and the four odd ones', async (t) => {
  const roster = buildRoster({ participants: 16, classes: 10, largestShard: 1000, seed: 3 });
  const rows = roster.map(({ name, samples, hidden, activation }) => [name, samples, hidden, activation]);
  t.same(rows.slice(0, 5), [
    ['generalist-0', 1000, 64, 'relu'],
    ['generalist-1', 900, 48, 'tanh'],
    ['generalist-2', 800, 32, 'relu'],
    ['generalist-3', 700, 24, 'tanh'],
    ['generalist-4', 600, 16, 'relu'],
  ]);
  t.same(rows.slice(5, 12), [
    ['specialist-0', 300, 16, 'tanh'],
    ['specialist-1', 450, 12, 'relu'],
    ['specialist-2', 300, 10, 'tanh'],
    ['specialist-3', 450, 8, 'relu'],
    ['specialist-4', 300, 6, 'tanh'],
    ['specialist-5', 450, 5, 'relu'],
    ['specialist-6', 300, 4, 'tanh'],
  ]);
  t.same(rows.slice(12), [
    ['scarce-0', 100, 32, 'relu'],
    ['shuffled-0', 500, 32, 'relu'],
    ['noise-0', 250, 0, 'relu'],
    ['copy-0', 250, 0, 'relu'],
  ]);
  t.equal(roster.at(-1)!.copyOf, 0);
  t.match(roster[2]!.description, 'all 10 classes, 800 samples');
});

t.test('specialists take two and three classes in turn, each class once before any comes again', async (t) => {
  const specialists = buildRoster({ participants: 16, classes: 10, largestShard: 1000, seed: 3 }).slice(5, 12);
  t.same(
    specialists.map(({ classes }) => classes.length),
    [2, 3, 2, 3, 2, 3, 2],
  );
  t.same(
    specialists
      .slice(0, 4)
      .flatMap(({ classes }) => classes)
      .sort((a, b) => a - b),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
  for (const { classes, description } of specialists) {
    t.same(
      classes,
      [...classes].sort((a, b) => a - b),
    );
    t.match(description, `classes ${classes.join(', ')} only`);
  }
  const other = buildRoster({ participants: 16, classes: 10, largestShard: 1000, seed: 4 }).slice(5, 12);
  t.notSame(
    other.map(({ classes }) => classes),
    specialists.map(({ classes }) => classes),
    'the seed decides',
  );
});
