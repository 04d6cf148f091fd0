/** The rankings of a run from what its participants measured, by hand. */
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { buildRankings } from '../../src/demo/rankings.js';
import type { Measurement } from '../../src/participant/measure.js';

const backend = createBackend({ kind: 'reference' });

/** Rankings of participants with these rows of exact ablation. */
function valuesOf(rows: readonly (readonly number[])[]): Record<string, readonly number[]> {
  const n = rows.length;
  const zeros = new Float64Array(n);
  const measurements = rows.map(
    (row): Measurement => ({
      ideal: zeros,
      ablation: Float64Array.from(row),
      shapley: zeros,
      gram: new Float64Array(n * n),
      linearShare: 0,
    }),
  );
  const rankings = buildRankings({ measurements, ledger: zeros, competitive: zeros, estimator: 'gaussNewton', backend });
  return Object.fromEntries(rankings.map(({ name, values }) => [name, values]));
}

t.test('ablation adds nats, ablation by row adds shares', (t) => {
  const { ablation, ablationByRow } = valuesOf([
    [6, 2],
    [0, 0.5],
  ]);
  t.same(ablation, [3, 1.25]);
  t.same(ablationByRow, [0.375, 0.625], 'the second participant counts as much, though its loss is small');
  t.end();
});

t.test('a peer whose removal helps has no share, and a participant that no peer helps gives all the same', (t) => {
  t.same(
    valuesOf([
      [3, 1, -4],
      [-1, 0, -2],
      [0, 0, 2],
    ])['ablationByRow']!.map((share) => share.toFixed(4)),
    [(0.75 + 1 / 3) / 3, (0.25 + 1 / 3) / 3, (1 / 3 + 1) / 3].map((share) => share.toFixed(4)),
  );
  t.same(
    valuesOf([
      [1, -1, -1],
      [0, 1, 0],
      [0, 0, 1],
    ])['ablationByRow'],
    [1 / 9, 4 / 9, 4 / 9],
    'harm that outweighs worth leaves nothing to share out: the row is even, not all for the one above zero',
  );
  t.end();
});
