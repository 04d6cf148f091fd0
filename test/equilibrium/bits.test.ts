// The native loop holds the reference's bits after 1,000 steps: every storage, method and option, in lanes or alone, in any company.
import t from 'tap';
import type { Backend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { openBatch, runBatch } from '../../src/equilibrium/batch.js';
import { createGame, type Game, type GameOptions, type Method } from '../../src/equilibrium/index.js';
import { runSettings } from '../../src/equilibrium/settings.js';
import { natives, reference } from '../payoff/backends.js';
import { bits, hessianOf, simplexRows, stakes } from '../payoff/states.js';
import { randomGame } from './games.js';

const STEPS = 1000;
// no stop rule may end a run early, so that every step is compared
const STOP = { residual: 0, maxSteps: 10 * STEPS };
const KEEP_GOING = { onCycle: 'continue' as const };

async function finalState(backend: Backend, games: readonly Game[], method: Method, steps: number): Promise<string> {
  const batch = openBatch(games, method, runSettings(method, STOP, KEEP_GOING, games[0].n), backend);
  await runBatch(batch, 0, steps, undefined);
  const out = new Float64Array(batch.states.length);
  batch.handle.read(out);
  return bits(out);
}

/** Games of one storage with different thetas: temperatures, prices, references, shift gradients, open diagonals, projections. */
function variedGames(n: number, storage: number, count: number): Game[] {
  const stream = new RandomStream(40, n, storage);
  const hessian = hessianOf(stream, n, storage);
  return Array.from({ length: count }, (_, k) => {
    const options: GameOptions = {
      n,
      hessian: k < 5 ? hessian : hessianOf(new RandomStream(41, n, k), n, storage),
      initialWeights: simplexRows(stream, n, n).slice(),
      stake: stakes(stream, n).map((s) => s + 0.1),
      temperature: [0.1, 0.5, 2, 5][k % 4],
      alpha: 1 + 10 * k,
      tau: 0.5 + k,
      reference: (['ones', 'initial', 'closed'] as const)[k % 3],
      shiftGradient: k % 2 === 0 ? 'exact' : 'stopped',
      openDiagonal: k % 4 === 3,
      projection: k % 5 === 4 ? 'clipRenormalise' : 'exact',
      scaling: k % 2 === 0 ? 'ratio' : 'absolute',
    };
    return createGame(options, reference);
  });
}

const METHODS: Method[] = [{ kind: 'projectedGradient', rate: 0.005 }, { kind: 'spectral' }, { kind: 'softmax', rate: 0.5 }];

for (const n of [1, 2, 7, 10, 33]) {
  const steps = n > 10 ? STEPS / 5 : STEPS; // the reference's multiply-add is slow
  t.test(`n = ${n}, ${steps} steps`, async (test) => {
    for (let storage = 0; storage < 6; storage++) {
      const method = METHODS[storage % 3];
      const games = variedGames(n, storage, n > 10 ? 1 : 3);
      const expected = await finalState(reference, games, method, steps);
      for (const { name, backend } of natives) {
        if ((await finalState(backend, games, method, steps)) !== expected) test.fail(`storage ${storage}, ${method.kind}, ${name}`);
      }
      test.pass(`storage ${storage}, ${method.kind}`);
    }
  });
}

t.test('every method on every storage, 11 games together: shared and own Hessians, full and partial vectors', async (test) => {
  for (const n of [3, 5]) {
    for (let storage = 0; storage < 6; storage++) {
      const games = variedGames(n, storage, 11);
      for (const method of METHODS) {
        const expected = await finalState(reference, games, method, 60);
        for (const { name, backend } of natives) {
          if ((await finalState(backend, games, method, 60)) !== expected) test.fail(`n ${n}, storage ${storage}, ${method.kind}, ${name}`);
        }
      }
      test.pass(`n = ${n}, storage ${storage}`);
    }
  }
});

t.test('rows in order, at random, and with bounded steps', async (test) => {
  const methods: Method[] = [
    { kind: 'projectedGradient', rate: 0.05, order: 'sequential' },
    { kind: 'projectedGradient', rate: 0.05, order: 'random', seed: 3 },
    { kind: 'projectedGradient', rate: 0.5, epsilon: 0.01 },
  ];
  for (const method of methods) {
    const games = variedGames(5, 0, 3);
    const expected = await finalState(reference, games, method, 40);
    for (const { name, backend } of natives)
      test.equal(await finalState(backend, games, method, 40), expected, `${JSON.stringify(method)}, ${name}`);
  }
});

t.test('the same bits whatever the company: alone, in a crowd, in another order, in pieces', async (test) => {
  const { backend } = natives[0];
  const method = METHODS[1];
  const games = Array.from({ length: 19 }, (_, k) => createGame(randomGame(42, k, 6), reference));
  const length = 4 * 36 + 8;
  const crowd = await finalState(backend, games, method, 50);
  const hexLength = length * 16;
  for (const k of [0, 7, 18]) {
    test.equal(await finalState(backend, [games[k]], method, 50), crowd.slice(k * hexLength, (k + 1) * hexLength), `game ${k} alone`);
  }
  const backwards = await finalState(backend, games.slice().reverse(), method, 50);
  test.equal(backwards.slice(-hexLength), crowd.slice(0, hexLength), 'in reverse order');
  const settings = runSettings(method, STOP, KEEP_GOING, 6);
  const pieces = openBatch(games, method, settings, backend);
  for (const steps of [1, 7, 30, 12]) await runBatch(pieces, 0, steps, undefined);
  const out = new Float64Array(pieces.states.length);
  pieces.handle.read(out);
  test.equal(bits(out), crowd, 'in four pieces');
});

t.test('large games on few steps: packed rows, upper halves, rows in blocks of the tree', async (test) => {
  for (const [n, storage, steps] of [
    [45, 0, 8],
    [161, 0, 1],
    [170, 5, 7],
    [260, 4, 7],
    [45, 1, 6],
    [75, 2, 6],
    [75, 3, 6],
  ] as const) {
    const method = METHODS[n % 2];
    const games = variedGames(n, storage, 1);
    const expected = await finalState(reference, games, method, steps);
    for (const { name, backend } of natives)
      test.equal(await finalState(backend, games, method, steps), expected, `n = ${n}, storage ${storage}, ${method.kind}, ${name}`);
  }
});
