// Third routes for the projections: every support tried in turn, bisection, and random feasible points that must not be closer.
import fc from 'fast-check';
import t from 'tap';
import { projectBoundedStep, projectSimplex, residuals } from '../../src/projection.js';
import { reference as backend } from '../payoff/backends.js';

/** The projection by trying all supports: the closest among the affine solutions that are feasible. */
function bruteForce(y: readonly number[], floor: number): number[] {
  const n = y.length;
  let best: number[] = [];
  let least = Number.POSITIVE_INFINITY;
  for (let support = 1; support < 2 ** n; support++) {
    const members = y.map((_, j) => (support >> j) & 1);
    const count = members.reduce((a, b) => a + b, 0);
    const theta = (y.reduce((sum, entry, j) => sum + (members[j] === 1 ? entry - floor : 0), 0) - (1 - n * floor)) / count;
    const w = y.map((entry, j) => (members[j] === 1 ? entry - theta : floor));
    if (w.some((entry) => entry < floor - 1e-12)) continue;
    const distance = w.reduce((sum, entry, j) => sum + (entry - y[j]) ** 2, 0);
    if (distance < least - 1e-13) [best, least] = [w, distance];
  }
  return best;
}

/** The bounded step by bisection on t in P(c + t d), over scales up to `limit`. */
function bisection(c: readonly number[], d: readonly number[], epsilon: number, limit: number): Float64Array {
  const n = c.length;
  const at = (time: number) => projectSimplex({ rows: c.map((entry, j) => entry + time * d[j]), n, backend });
  const far = (w: Float64Array) => Math.hypot(...w.map((entry, j) => entry - c[j]));
  if (far(at(limit)) <= epsilon) return at(limit);
  let [low, high] = [0, limit];
  for (let k = 0; k < 200; k++) {
    const middle = (low + high) / 2;
    if (far(at(middle)) <= epsilon) low = middle;
    else high = middle;
  }
  return at(low);
}

const entry = fc.double({ min: -3, max: 3, noNaN: true });
const onSimplex = (n: number) =>
  fc.array(fc.oneof(fc.constant(0), fc.double({ min: 1e-3, max: 1, noNaN: true })), { minLength: n, maxLength: n }).map((raw) => {
    const sum = raw.reduce((a, b) => a + b, 0);
    return sum > 0 ? raw.map((w) => w / sum) : raw.map(() => 1 / n);
  });
const distance = (a: ArrayLike<number>, b: ArrayLike<number>) => Math.hypot(...Array.from(a, (entry, j) => entry - b[j]));
const dot = (a: ArrayLike<number>, b: ArrayLike<number>) => Array.from(a).reduce((sum, entry, j) => sum + entry * b[j], 0);

t.test('the simplex projection is the closest over all supports', (test) => {
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 7 }), fc.double({ min: 0, max: 1, noNaN: true }), (y, share) => {
      const floor = share / y.length / 2;
      const w = projectSimplex({ rows: y, n: y.length, floor, backend });
      return distance(w, bruteForce(y, floor)) < 1e-12;
    }),
    { numRuns: 400 },
  );
  test.pass('400 rows');
  test.end();
});

t.test('a projected row projects to itself, and a constant added changes nothing', (test) => {
  fc.assert(
    fc.property(fc.array(entry, { minLength: 1, maxLength: 20 }), (y) => {
      const n = y.length;
      const w = projectSimplex({ rows: y, n, backend });
      const again = projectSimplex({ rows: w, n, backend });
      const shifted = projectSimplex({ rows: y.map((value) => value + 1024), n, backend });
      return distance(w, again) < 1e-15 * n && distance(w, shifted) < 1e-11 && w.every((value) => value >= 0);
    }),
  );
  test.pass('idempotent and shift-invariant');
  test.end();
});

t.test('the bounded step equals bisection, stays within the ball, and nothing random is closer', (test) => {
  const scale = fc.oneof(fc.constant(1), fc.constant(1e-3), fc.constant(1e4));
  const points = fc.integer({ min: 1, max: 9 }).chain((n) =>
    fc.record({
      c: onSimplex(n),
      d: fc.array(entry, { minLength: n, maxLength: n }),
      other: onSimplex(n),
      epsilon: fc.double({ min: 1e-3, max: 2, noNaN: true }),
      scale,
    }),
  );
  fc.assert(
    fc.property(points, ({ c, d, other, epsilon, scale }) => {
      const n = c.length;
      const steps = d.map((value) => value * scale);
      const target = c.map((value, j) => value + steps[j]);
      const w = projectBoundedStep({ rows: c, steps, epsilon, n, backend });
      if (distance(w, c) > epsilon * (1 + 1e-9) + 1e-12) return false;
      if (distance(w, bisection(c, steps, epsilon, 1)) > 1e-7) return false;
      // a feasible point on the way from c to some other point of the simplex
      const reach = Math.min(1, epsilon / Math.max(distance(other, c), 1e-300));
      const candidate = c.map((value, j) => value + reach * (other[j] - value));
      return distance(target, w) <= distance(target, candidate) + 1e-9 * (1 + scale);
    }),
    { numRuns: 400 },
  );
  test.pass('400 steps');
  test.end();
});

t.test('the local regret is reached by bisection, never exceeded by random moves, and bounded by the gap', (test) => {
  const states = fc.integer({ min: 1, max: 8 }).chain((n) =>
    fc.record({
      w: onSimplex(n),
      g: fc.array(entry, { minLength: n, maxLength: n }),
      other: onSimplex(n),
      epsilon: fc.double({ min: 1e-3, max: 2, noNaN: true }),
    }),
  );
  fc.assert(
    fc.property(states, ({ w, g, other, epsilon }) => {
      const n = w.length;
      const { gap, natural, regret } = residuals({ weights: w, gradient: g, epsilon, n, backend });
      const best = bisection(w, g, epsilon, 1e7);
      const gain = dot(g, best) - dot(g, w);
      if (Math.abs(regret[0] - gain) > 1e-6 * (1 + Math.abs(gain))) return false;
      const reach = Math.min(1, epsilon / Math.max(distance(other, w), 1e-300));
      const tried = reach * (dot(g, other) - dot(g, w));
      const projected = projectSimplex({ rows: w.map((value, j) => value + g[j]), n, backend });
      return (
        tried <= regret[0] + 1e-9 &&
        regret[0] <= gap[0] + 1e-12 &&
        Math.abs(gap[0] - (Math.max(...g) - dot(g, w))) < 1e-12 &&
        Math.abs(natural[0] - distance(projected, w)) < 1e-12
      );
    }),
    { numRuns: 400 },
  );
  test.pass('400 rows');
  test.end();
});

t.test('clipping before projecting loses first-order gain where the bound is active', (test) => {
  const c = [1 / 3, 1 / 3, 1 / 3];
  const d = [1, 0, -1];
  const epsilon = Math.sqrt(7 / 24);
  const exact = dot(d, projectBoundedStep({ rows: c, steps: d, epsilon, n: 3, backend })) - dot(d, c);
  const clipped = d.map((value) => (value * epsilon) / Math.hypot(...d));
  const clipThenProject = dot(d, projectSimplex({ rows: c.map((value, j) => value + clipped[j]), n: 3, backend })) - dot(d, c);
  test.ok(clipThenProject < 0.95 * exact, `clip then project gains ${clipThenProject.toFixed(3)} of ${exact.toFixed(3)}`);
  test.end();
});

t.test('an output may lie right beside an input in one buffer, and not a byte inside it', async (t) => {
  const at = (offset: number) => new Float64Array(buffer, 8 * offset, 3);
  const buffer = new ArrayBuffer(8 * 12);
  const move = (rows: number, steps: number, out: number) => {
    at(rows).set([0.2, 0.3, 0.5]);
    at(steps).set([0.1, -0.1, 0]);
    return [...projectBoundedStep({ rows: at(rows), steps: at(steps), out: at(out), n: 3, epsilon: 1 })];
  };
  const moved = [...projectBoundedStep({ rows: [0.2, 0.3, 0.5], steps: [0.1, -0.1, 0], n: 3, epsilon: 1 })];
  t.same(move(0, 3, 6), moved, 'behind both');
  t.same(move(6, 3, 0), moved, 'before both');
  t.same(move(0, 6, 3), moved, 'between them');
  for (const [rows, steps, out] of [
    [0, 3, 2],
    [0, 3, 5],
    [3, 6, 1],
    [3, 6, 8],
    [0, 3, 0],
  ] as const) {
    t.throws(() => move(rows, steps, out), { code: 'BTM_DOMAIN', argument: 'out' }, `${rows}, ${steps}, ${out}`);
  }
});
