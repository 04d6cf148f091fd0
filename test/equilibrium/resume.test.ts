// Saved states: refused by name where the run differs or a bit changed, continued where only a limit was raised.
import t from 'tap';
import { InputError } from '../../src/core/errors.js';
import { createGame, type Method, type SolveOptions, solveEquilibrium } from '../../src/equilibrium/index.js';
import { natives, reference } from '../payoff/backends.js';
import { bits } from '../payoff/states.js';
import { randomGame } from './games.js';

const { backend } = natives[1];
const game = randomGame(95, 0, 5, { stake: [1, 2, 1, 0.5, 3] });
const method = { kind: 'projectedGradient', rate: 0.05, order: 'random', seed: 4 } as const;
const options = { game, method, stop: { residual: 0, maxSteps: 50 }, record: { every: 20, weights: true }, backend } as const;

t.test('a state of another run is refused, and the message names what differs', async (test) => {
  const { state } = await solveEquilibrium(options);
  const others: readonly [string, Partial<SolveOptions>][] = [
    ['method.order', { method: { ...method, order: 'sequential' } }],
    ['method.seed', { method: { ...method, seed: 5 } }],
    ['method.rate', { method: { ...method, rate: 0.06 } }],
    ['method.epsilon', { method: { ...method, epsilon: 0.1 } }],
    ['method.kind', { method: { kind: 'spectral' } }],
    ['game.stake', { game: { ...game, stake: [1, 2, 1, 0.5, 4] } }],
    ['game.temperature', { game: { ...game, temperature: 6 } }],
    ['game.alpha and tau', { game: { ...game, alpha: 26 } }],
    ['game.hessian', { game: { ...game, hessian: { kind: 'diagonal', data: [1, 1, 1, 1, 1] } } }],
    ['game.reference', { game: { ...game, reference: 'closed' } }],
    ['game.openDiagonal', { game: { ...game, openDiagonal: true } }],
    ['game.projection', { game: { ...game, projection: 'clipRenormalise' } }],
    ['game.shiftGradient', { game: { ...game, shiftGradient: 'stopped' } }],
    ['game.n', { game: randomGame(95, 0, 4) }],
  ];
  for (const [name, change] of others) {
    const error = await solveEquilibrium({ ...options, ...change, resume: state }).then(
      () => undefined,
      (reason: unknown) => reason,
    );
    test.ok(error instanceof InputError && error.argument === 'resume', `${name} is refused`);
    test.match(String(error), name, `${name} is named`);
  }
});

t.test('a state with any changed bit is refused', async (test) => {
  const { state } = await solveEquilibrium(options);
  for (let at = 0; at < state.length; at += 1 + Math.floor(state.length / 300)) {
    const changed = state.slice();
    changed[at] ^= 1 << (at % 8);
    await test.rejects(solveEquilibrium({ ...options, resume: changed }), { name: 'InputError', argument: 'resume' }, `byte ${at}`);
  }
  for (const length of [0, 7, 44, state.length - 1])
    await test.rejects(
      solveEquilibrium({ ...options, resume: state.slice(0, length) }),
      { name: 'InputError', argument: 'resume' },
      `${length} bytes`,
    );
});

t.test('a run that met its limit continues where the limit is raised, to the bytes of an unbroken run', async (test) => {
  const methods: Method[] = [method, { kind: 'spectral' }, { kind: 'softmax', rate: 0.5 }, { kind: 'projectedGradient', rate: 0.005 }];
  for (const each of methods) {
    const loose = { residual: 0, maxSteps: each.kind === 'spectral' ? 2 : 53 };
    const first = await solveEquilibrium({ ...options, method: each, stop: loose });
    test.equal(first.status.kind, 'stepLimit', each.kind);
    const raised = { ...options, method: each, stop: { residual: 0, maxSteps: 300 } };
    const whole = await solveEquilibrium(raised);
    const resumed = await solveEquilibrium({ ...raised, resume: first.state });
    test.equal(Buffer.compare(Buffer.from(whole.state), Buffer.from(resumed.state)), 0, `${each.kind}: state`);
    test.same(resumed, whole, `${each.kind}: everything`);
  }
});

t.test('a run that converged continues under a tighter rule, and a record rule may change', async (test) => {
  const rules = { game: randomGame(97, 0, 6, { temperature: 1 }), method: { kind: 'spectral' } as const, backend };
  const coarse = await solveEquilibrium({ ...rules, stop: { residual: 1e-2 } });
  const fine = await solveEquilibrium({ ...rules, stop: { residual: 1e-10 }, record: { every: 1, ranking: false }, resume: coarse.state });
  const whole = await solveEquilibrium({ ...rules, stop: { residual: 1e-10 } });
  test.ok(fine.stats.steps > coarse.stats.steps);
  test.equal(bits(fine.weights), bits(whole.weights));
  test.ok(fine.trace.length > 1 && fine.trace.every((entry) => entry.ranking === undefined));
});

t.test('rows in a random order: exactly as many steps as allowed, on every backend, and the same as one at a time', async (test) => {
  for (const maxSteps of [0, 1, 20, 64, 65, 130]) {
    const found = await solveEquilibrium({ ...options, stop: { residual: 0, maxSteps } });
    test.equal(found.stats.steps, maxSteps);
    test.equal(found.status.kind, 'stepLimit');
    const oracle = await solveEquilibrium({ ...options, stop: { residual: 0, maxSteps }, backend: reference });
    test.equal(bits(oracle.weights), bits(found.weights), `${maxSteps} steps`);
  }
  const ended = await solveEquilibrium({ ...options, stop: { residual: 1e-3 } });
  test.equal(ended.status.kind, 'converged', 'a run that ends, ends');
});

t.test('n = 176 and long records fit into a state', async (test) => {
  const n = 176;
  const large = {
    n,
    hessian: { kind: 'diagonal', data: new Float64Array(n).fill(1) },
    initialWeights: new Float64Array(n * n).fill(1 / n),
    temperature: 10,
    alpha: 50,
    tau: 1,
  } as const;
  const found = await solveEquilibrium({ game: large, method: { kind: 'spectral' }, stop: { maxSteps: 1 }, backend });
  test.equal(found.state.length > 8 * (4 * n * n), true);
  const long = await solveEquilibrium({
    game: randomGame(96, 0, 30),
    method: { kind: 'projectedGradient', rate: 0.005 },
    stop: { residual: 0, maxSteps: 400 },
    failure: { onCycle: 'continue' },
    record: { every: 1, weights: true },
    backend,
  });
  test.equal(long.trace.length, 401);
  test.ok(long.state.length > 8 * 401 * 930);
});

t.test('masks that are all saturated are not called converged', async (test) => {
  const n = 3;
  const initialWeights = [0.5, 0.3, 0.2, 0.2, 0.5, 0.3, 0.3, 0.2, 0.5];
  const terms = { n, hessian: { kind: 'diagonal', data: [1, 2, 3] }, initialWeights, alpha: 25, tau: 1 } as const;
  const cold = await solveEquilibrium({ game: { ...terms, temperature: 1e-9 }, method: { kind: 'spectral' }, backend });
  test.match(cold.status, { kind: 'saturated', message: /100 % of the mask entries are saturated/ });
  test.equal(cold.stats.deadShare, 1);
  const rich = await solveEquilibrium({
    game: { ...terms, stake: [1e18, 1e18, 1e18], temperature: 5 },
    method: { kind: 'spectral' },
    backend,
  });
  test.equal(rich.status.kind, 'saturated');
  const fine = await solveEquilibrium({ game: { ...terms, temperature: 5 }, method: { kind: 'spectral' }, backend });
  test.equal(fine.status.kind, 'converged');
  test.notMatch(fine.status.message, /saturated/);
  await test.rejects(solveEquilibrium({ game: { ...terms, stake: [1e18, 1, 1], temperature: 1e-300 }, method, backend }), {
    name: 'InputError',
    argument: 'temperature',
  });
});

t.test('a game is frozen: what is changed after createGame does not reach it; options are read anew at every call', async (test) => {
  const rules = { method: { kind: 'projectedGradient', rate: 0.05 } as const, stop: { maxSteps: 5, residual: 0 }, backend };
  for (const make of [(list: number[]) => list, (list: number[]) => Float64Array.from(list)]) {
    const data = make([1, 2, 3]);
    const terms = {
      n: 3,
      hessian: { kind: 'diagonal', data },
      initialWeights: new Float64Array(9).fill(1 / 3),
      temperature: 2,
      alpha: 5,
      tau: 1,
    } as const;
    const frozen = createGame(terms);
    const before = await solveEquilibrium({ ...rules, game: frozen });
    data[0] = 30;
    const after = await solveEquilibrium({ ...rules, game: frozen });
    test.equal(bits(after.weights), bits(before.weights), 'the game did not move');
    const anew = await solveEquilibrium({ ...rules, game: terms });
    test.not(bits(anew.weights), bits(before.weights), 'options are read anew');
    const second = await solveEquilibrium({ ...rules, game: createGame(terms) });
    test.equal(bits(second.weights), bits(anew.weights), 'and a new game holds the new entries');
    data[1] = Number.NaN;
    test.throws(() => createGame(terms), { code: 'BTM_NONFINITE' });
    await test.rejects(solveEquilibrium({ ...rules, game: terms }), { code: 'BTM_NONFINITE' });
  }
  const data = [1, 2, 3];
  const terms = {
    n: 3,
    hessian: { kind: 'diagonal', data } as const,
    initialWeights: new Float64Array(9).fill(1 / 3),
    temperature: 2,
    alpha: 5,
    tau: 1,
  };
  test.equal(createGame(terms).hessians, createGame({ ...terms, alpha: 6 }).hessians, 'unchanged entries are shared');
  test.end();
});
