import t from 'tap';
import { figure4CurvesTask, figure4Task } from '../../src/sweep/experiments.js';
import { layoutOf, parseShard, rowOfShard, shardUnits, unitOfShard } from '../../src/sweep/layout.js';
import { cellsOf, methodName, type SweepSpec, sweepTask } from '../../src/sweep/spec.js';

const SPEC: SweepSpec = {
  seed: 1,
  trials: 5,
  grid: { n: [3, 4], hessian: ['wishart', 'diagonal-uniform'], temperature: [1, 5], alpha: [1, 10, 25] },
};

t.test('a task is named by its content, not by how it was written', async (t) => {
  const task = sweepTask(SPEC);
  const reordered = {
    grid: { alpha: [1, 10, 25], temperature: [1, 5], hessian: ['wishart', 'diagonal-uniform'], n: [3, 4] },
    trials: 5,
    seed: 1,
  } as const;
  t.equal(sweepTask(reordered).hash, task.hash);
  t.equal(sweepTask({ ...SPEC, grid: { ...SPEC.grid, tau: [1] } }).hash, task.hash, 'a default written out is the same task');
  const others: SweepSpec[] = [
    { ...SPEC, seed: 2 },
    { ...SPEC, trials: 6 },
    { ...SPEC, keepRankings: true },
    { ...SPEC, stop: { residual: 1e-7 } },
    { ...SPEC, grid: { ...SPEC.grid, alpha: [1, 25, 10] } },
    { ...SPEC, grid: { ...SPEC.grid, method: [{ kind: 'projectedGradient', rate: 0.005 }] } },
  ];
  const hashes = new Set([task.hash, ...others.map((spec) => sweepTask(spec).hash)]);
  t.equal(hashes.size, 1 + others.length, 'anything that changes a result changes the hash');
  t.throws(() => {
    (task.grid.alpha as number[])[0] = 3;
  }, TypeError);
});

t.test('cells are every combination once, Hessians changing slowest', async (t) => {
  const cells = cellsOf(sweepTask(SPEC));
  t.equal(cells.length, 24);
  t.equal(new Set(cells.map((cell) => JSON.stringify(cell))).size, 24);
  t.same(
    cells.slice(0, 6).map(({ n, hessian }) => [n, hessian]),
    new Array(6).fill([3, 'wishart']),
  );
  t.same(
    cells.slice(0, 4).map(({ temperature, alpha }) => [temperature, alpha]),
    [
      [1, 1],
      [1, 10],
      [1, 25],
      [5, 1],
    ],
  );
});

t.test('a wrong sweep is refused with the axis and the place', async (t) => {
  const grid = SPEC.grid;
  const cases: [unknown, string, string | RegExp][] = [
    [{ ...SPEC, grid: { ...grid, alpha: [1, -1] } }, 'BTM_NEGATIVE', 'grid.alpha[1]'],
    [{ ...SPEC, grid: { ...grid, temperature: [0] } }, 'BTM_DOMAIN', 'grid.temperature[0]'],
    [{ ...SPEC, grid: { ...grid, temperature: [] } }, 'BTM_SHAPE', 'grid.temperature'],
    [{ ...SPEC, grid: { alpha: [1] } }, 'BTM_TYPE', 'grid.temperature'],
    [{ ...SPEC, grid: { ...grid, alpha: [1, Number.NaN] } }, 'BTM_NONFINITE', 'grid.alpha[1]'],
    [{ ...SPEC, grid: { ...grid, alpha: [1, 1] } }, 'BTM_DOMAIN', 'grid.alpha'],
    [{ ...SPEC, grid: { ...grid, n: [2.5] } }, 'BTM_TYPE', 'grid.n[0]'],
    [{ ...SPEC, grid: { ...grid, hessian: ['gauss'] } }, 'BTM_DOMAIN', 'grid.hessian[0]'],
    [{ ...SPEC, grid: { ...grid, heat: [1] } }, 'BTM_DOMAIN', 'grid.heat'],
    [{ ...SPEC, grid: { ...grid, tau: [0] } }, 'BTM_DOMAIN', 'grid.tau'],
    [{ ...SPEC, grid: { ...grid, method: [{ kind: 'spectral', rate: 1 }] } }, 'BTM_DOMAIN', 'grid.method[0].rate'],
    [{ ...SPEC, grid: { ...grid, method: [{ kind: 'projectedGradient' }] } }, 'BTM_TYPE', 'grid.method[0].rate'],
    [{ ...SPEC, grid: { ...grid, openDiagonal: ['yes'] } }, 'BTM_TYPE', 'grid.openDiagonal[0]'],
    [{ ...SPEC, seed: -1 }, 'BTM_DOMAIN', 'seed'],
    [{ ...SPEC, trials: 0 }, 'BTM_DOMAIN', 'trials'],
    [{ ...SPEC, stop: { maxSteps: 0 } }, 'BTM_DOMAIN', 'stop.maxSteps'],
  ];
  for (const [spec, code, argument] of cases) t.throws(() => sweepTask(spec as SweepSpec), { code, argument }, String(argument));
});

t.test('shards hold every row once, in order', async (t) => {
  const task = sweepTask(SPEC);
  const layout = layoutOf(task);
  t.equal(layout.unitRows, 6);
  t.equal(layout.units, 20);
  for (const count of [1, 2, 3, 7, 20, 25]) {
    const rows: number[] = [];
    for (let index = 1; index <= count; index++) {
      const shard = { index, count };
      const units = shardUnits(layout, shard);
      const own = Array.from({ length: units * layout.unitRows }, (_, k) => rowOfShard(layout, shard, k));
      t.same(
        own,
        [...own].sort((a, b) => a - b),
      );
      if (units > 0) t.equal(layout.unit(unitOfShard(shard, 0)).firstRow, own[0]);
      rows.push(...own);
    }
    t.same(
      rows.sort((a, b) => a - b),
      Array.from({ length: 120 }, (_, row) => row),
      `${count} shards`,
    );
  }
});

t.test('a shard is written 3/8', async (t) => {
  t.same(parseShard('3/8'), { index: 3, count: 8 });
  for (const text of ['0/8', '9/8', '3', '3/0', '-1/2', '1.5/2', 'a/b', '1/2/3'])
    t.throws(() => parseShard(text), { name: 'InputError' }, text);
});

t.test('a method has one name', async (t) => {
  t.equal(methodName({ kind: 'spectral' }), 'spectral');
  t.equal(
    methodName({ kind: 'projectedGradient', rate: 0.005, order: 'random', seed: 3 }),
    'projectedGradient(rate=0.005;order=random;seed=3)',
  );
});

t.test('the experiments of the paper refuse options that are not an object', async (t) => {
  for (const make of [figure4Task, figure4CurvesTask]) t.throws(() => make(null as never), { code: 'BTM_TYPE', argument: 'options' });
});
