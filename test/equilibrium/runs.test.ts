// Runs that are cut: cancelled in time, resumed to the same bytes; the same for solveMany, traces and manual loops.
import t from 'tap';
import { InputError } from '../../src/core/errors.js';
import { init, solveEquilibrium, solveMany, statusKindOf, step, weightsOf } from '../../src/equilibrium/index.js';
import { natives, reference } from '../payoff/backends.js';
import { bits } from '../payoff/states.js';
import { randomGame } from './games.js';

const { backend } = natives[1];
const method = { kind: 'projectedGradient', rate: 0.005 } as const;

t.test('a run killed at any checkpoint and resumed gives the bytes of an unbroken one', async (test) => {
  const game = randomGame(80, 0, 7);
  const options = { game, method, stop: { maxSteps: 500 }, record: { every: 50, weights: true }, certificate: { starts: 2 }, backend };
  const saved: Uint8Array[] = [];
  const whole = await solveEquilibrium({ ...options, checkpointEvery: 70, onCheckpoint: (state) => saved.push(state) });
  test.equal(saved.length, 7, 'one checkpoint every 70 steps');
  test.equal(whole.trace.length, 11, 'the start, every 50 steps, the end');
  for (const state of saved) {
    const resumed = await solveEquilibrium({ ...options, resume: state });
    test.same(Buffer.from(resumed.state).equals(whole.state), true, 'state and trace');
    test.same(resumed, whole, 'everything else');
  }
  const other = { ...options, game: randomGame(80, 1, 7), resume: saved[0] };
  await test.rejects(solveEquilibrium(other), InputError, 'a state of another game is refused');
  await test.rejects(solveEquilibrium({ ...options, resume: saved[0].slice(0, 50) }), InputError, 'so is half a state');
});

t.test('a signal ends long runs at a whole step, with the state reached', async (test) => {
  for (const n of [10, 200]) {
    const games = n === 10 ? Array.from({ length: 40 }, (_, k) => randomGame(81, k, n)) : [{ ...randomGame(81, 0, 8), ...largeGame(n) }];
    const abort = new AbortController();
    let reports = 0;
    const onProgress = ({ stepsDone }: { stepsDone: number }) => {
      reports += 1;
      if (stepsDone > 0) abort.abort(); // steps were made: the run is under way
    };
    const stop = { residual: 0, maxSteps: 1e9 };
    const result = await solveMany({ games, method, stop, failure: { onCycle: 'continue' }, signal: abort.signal, onProgress, backend });
    test.ok(result.status.includes('aborted'), `n = ${n}: aborted`);
    test.ok(reports > 0 && result.steps[0] > 0 && result.steps[0] < 1e9, 'steps were made, progress was reported');
    test.ok(
      result.steps.every((steps) => Number.isInteger(steps)),
      'whole steps',
    );
    const again = await solveMany({
      games: [games[0]],
      method,
      stop: { ...stop, maxSteps: result.steps[0] },
      failure: { onCycle: 'continue' },
      backend,
    });
    test.equal(bits(again.weights), bits(result.weights.slice(0, n * n)), 'the weights of as many steps of a run that was not cut');
  }
});

/** A diagonal Hessian, so that a large game costs nothing to draw. */
function largeGame(n: number) {
  const initialWeights = new Float64Array(n * n).fill(1 / n);
  return { n, hessian: { kind: 'diagonal' as const, data: Float64Array.from({ length: n }, (_, j) => 1 + j / n) }, initialWeights };
}

t.test('a signal that has fired already starts nothing', async (test) => {
  const result = await solveEquilibrium({ game: randomGame(82, 0, 4), method, signal: AbortSignal.abort(), backend });
  test.match(result.status, { kind: 'aborted', message: /resume/ });
  test.equal(result.stats.steps, 0);
});

t.test('a manual loop of pure steps ends where the solver ends, to the bit', async (test) => {
  const game = randomGame(83, 0, 5);
  let state = init({ game, method: { kind: 'spectral' } });
  while (statusKindOf(state) === 'running') state = step(state);
  const solved = await solveEquilibrium({ game, method: { kind: 'spectral' }, backend });
  test.equal(bits(weightsOf(state)), bits(solved.weights));
  test.equal(statusKindOf(state), solved.status.kind);
});

t.test('solveMany equals solveEquilibrium game by game, on the reference too', async (test) => {
  const games = Array.from({ length: 9 }, (_, k) => randomGame(84, k, 5, { alpha: 1 + 20 * (k % 3) }));
  const many = await solveMany({ games, method: { kind: 'spectral' }, backend });
  const oracle = await solveMany({ games, method: { kind: 'spectral' }, backend: reference });
  test.same(oracle, many, 'every figure');
  for (const [k, game] of games.entries()) {
    const one = await solveEquilibrium({ game, method: { kind: 'spectral' }, backend });
    test.equal(bits(one.weights), bits(many.weights.slice(k * 25, (k + 1) * 25)), `game ${k}`);
    test.equal(one.certificate.worst.gap, many.gap[k]);
  }
  await test.rejects(solveMany({ games: [games[0], randomGame(84, 0, 4)], method, backend }), InputError, 'one size at a time');
});

t.test('brief runs are made at once, the same to the bit, and leave timers their turns', async (test) => {
  const game = randomGame(83, 0, 7);
  const options = { game, method, stop: { maxSteps: 60, residual: 0 }, failure: { onCycle: 'continue' } as const, backend };
  const steps = { every: 1 };
  const whole = await solveEquilibrium({ ...options, stop: { ...options.stop, maxSteps: 60 } });
  const pieces = await solveEquilibrium({ ...options, record: steps });
  test.equal(bits(pieces.weights), bits(whole.weights), 'step by step or in one');
  const plain = await solveEquilibrium({ ...options, backend: reference });
  test.equal(bits(plain.weights), bits(whole.weights), 'and as the reference has it');
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 0);
  const endless = { ...options, record: steps, stop: { maxSteps: 1e9, residual: 0 }, signal: abort.signal };
  const { status, stats } = await solveEquilibrium(endless);
  test.equal(status.kind, 'aborted', 'a timer came to its turn');
  test.ok(stats.steps < 1e9, 'long before the end');
});

t.test('a cancelled run tells the steps it made, and its weights are those of a run of as many steps', async (test) => {
  const game = randomGame(84, 0, 6);
  const abort = new AbortController();
  let done = 0;
  const onProgress = ({ stepsDone }: { stepsDone: number }) => {
    done = stepsDone;
    if (stepsDone > 0) abort.abort();
  };
  const endless = { game, method, stop: { residual: 0, maxSteps: 1e9 }, failure: { onCycle: 'continue' }, backend } as const;
  const cut = await solveEquilibrium({ ...endless, signal: abort.signal, onProgress });
  test.equal(cut.status.kind, 'aborted');
  test.ok(done > 0 && cut.stats.steps >= done, `${cut.stats.steps} steps, ${done} reported`);
  const whole = await solveEquilibrium({ ...endless, stop: { residual: 0, maxSteps: cut.stats.steps } });
  test.equal(bits(cut.weights), bits(whole.weights));
});

t.test('rows that move in an order of their own move as they do step by step, and each order gives other weights', async (test) => {
  const game = randomGame(85, 0, 6);
  const stop = { residual: 0, maxSteps: 70 };
  const seen = new Set<string>();
  for (const order of [
    { order: 'simultaneous' },
    { order: 'sequential' },
    { order: 'random', seed: 1 },
    { order: 'random', seed: 2 },
  ] as const) {
    const inOrder = { kind: 'projectedGradient', rate: 0.05, ...order } as const;
    let state = init({ game, method: inOrder, stop });
    while (statusKindOf(state) === 'running') state = step(state);
    const { weights } = await solveEquilibrium({ game, method: inOrder, stop, backend });
    test.equal(bits(weights), bits(weightsOf(state)), JSON.stringify(order));
    seen.add(bits(weights));
  }
  test.equal(seen.size, 4);
});
