// Independent routes to one equilibrium, the fast method against plain ascent, and cycles that are seen and named.
import t from 'tap';
import { type GameOptions, solveEquilibrium, solveMany } from '../../src/equilibrium/index.js';
import { natives } from '../payoff/backends.js';
import { randomGame } from './games.js';

const { backend } = natives[1];
const N = 10;
const difference = (a: Float64Array, b: Float64Array) => a.reduce((most, w, k) => Math.max(most, Math.abs(w - b[k])), 0);

t.test('projection, softmax and the fast method reach the same weights on 100 random games', async (test) => {
  const cells = [5, 10].flatMap((temperature) => [1, 10, 25, 50].map((alpha) => ({ temperature, alpha })));
  let worstPlain = 0;
  let worstSoft = 0;
  for (const [cell, { temperature, alpha }] of cells.entries()) {
    const games = Array.from({ length: cell < 4 ? 13 : 12 }, (_, k) => randomGame(50 + cell, k, N, { temperature, alpha }));
    const fast = await solveMany({ games, method: { kind: 'spectral' }, stop: { residual: 1e-9 }, backend });
    test.ok(
      fast.status.every((kind) => kind === 'converged'),
      `spectral converges, T = ${temperature}, alpha = ${alpha}`,
    );
    const rate = (0.5 * temperature ** 2) / alpha; // the payoff's curvature goes with alpha / T^2
    const stop = { residual: 1e-8, maxSteps: 100_000, checkEvery: 100 };
    const plain = await solveMany({ games, method: { kind: 'projectedGradient', rate }, stop, backend });
    const soft = await solveMany({ games, method: { kind: 'softmax', rate: 4 * rate }, stop, backend });
    worstPlain = Math.max(worstPlain, difference(plain.weights, fast.weights));
    worstSoft = Math.max(worstSoft, difference(soft.weights, fast.weights));
  }
  test.ok(worstPlain <= 1e-4, `projection: ${worstPlain.toExponential(1)}`);
  test.ok(worstSoft <= 1e-4, `softmax: ${worstSoft.toExponential(1)}`);
});

t.test('the fast method takes at most a tenth of the steps, to the same weights', async (test) => {
  const games = Array.from({ length: 100 }, (_, k) => randomGame(60, k, N, { temperature: 5, alpha: 25 }));
  const fast = await solveMany({ games, method: { kind: 'spectral' }, backend });
  const plain = await solveMany({ games, method: { kind: 'projectedGradient', rate: 0.005 }, backend });
  const median = (values: Float64Array) => Array.from(values).sort((a, b) => a - b)[50];
  test.equal(fast.status.filter((kind) => kind === 'converged').length, 100, 'all within 1000 n steps');
  test.ok(median(fast.steps) * 10 <= median(plain.steps), `${median(fast.steps)} steps against ${median(plain.steps)}`);
  test.ok(plain.status.includes('stepLimit'), 'plain ascent runs out of steps on some: that is not reported as converged');
});

t.test('plain ascent at T = 0.1 and alpha / tau = 25 ends in cycles, and says with which period', async (test) => {
  const games = Array.from({ length: 24 }, (_, k) => randomGame(1, k, N, { temperature: 0.1, alpha: 25 }));
  const plain = await solveMany({ games, method: { kind: 'projectedGradient', rate: 0.005 }, backend });
  const cycling = plain.status.flatMap((kind, k) => (kind === 'cycling' ? [k] : []));
  test.ok(cycling.length > 6, `${cycling.length} of 24 cycle`);
  const at = cycling[0];
  const game = games[at];
  const period = plain.period[at];
  const run = (maxSteps: number) =>
    solveEquilibrium({
      game,
      method: { kind: 'projectedGradient', rate: 0.005 },
      stop: { maxSteps },
      failure: { onCycle: 'continue' },
      backend,
    });
  const later = await run(9000);
  const again = await run(9000 + period);
  test.ok(difference(later.weights, again.weights) < 1e-6, `W returns after ${period} steps`);
  const between = await run(9001);
  test.ok(period === 1 || difference(later.weights, between.weights) > 1e-6, 'and moves in between');
  const { status } = await solveEquilibrium({ game, method: { kind: 'projectedGradient', rate: 0.005 }, backend });
  test.match(status, { kind: 'cycling', period, message: /smaller rate/ }, 'with advice');
  const fast = await solveMany({ games, method: { kind: 'spectral' }, backend });
  test.ok(
    fast.status.every((kind) => kind === 'converged'),
    'the fast method converges on the same games',
  );
});

t.test('a game whose best responses are known: a diagonal H and identical participants', async (test) => {
  // every participant weighs peer j by the same h_j and there is no inflation term: columns are shared, masks all 1/2, so rows agree
  const game: GameOptions = {
    n: 3,
    hessian: { kind: 'diagonal', data: [1, 1, 1] },
    initialWeights: [0.6, 0.2, 0.2, 0.1, 0.8, 0.1, 0.3, 0.3, 0.4],
    temperature: 2,
    alpha: 1,
    tau: 0,
    scaling: 'absolute',
  };
  const { status, certificate } = await solveEquilibrium({ game, method: { kind: 'spectral' }, stop: { residual: 1e-12 }, backend });
  test.equal(status.kind, 'converged');
  test.ok(certificate.worst.gap < 1e-11, 'no row gains');
});
