/**
 * The equilibrium of a small game by a loop of your own: each step is a value, so the loop may log, stop, or change its mind. The
 * library's own loop finds the same weights to the bit.
 *
 * Run: `node solver-loop.mjs`
 */
import { certify, createGame, init, networkRanking, solveEquilibrium, statusKindOf, step, weightsOf } from 'intermodel';

const n = 3;
const game = createGame({
  n,
  temperature: 5,
  alpha: 25,
  tau: 1,
  hessian: { kind: 'shared', data: [2, 0.5, 0, 0.5, 3, 0.2, 0, 0.2, 1] },
  initialWeights: new Float64Array(n * n).fill(1 / n),
});
const method = { kind: 'spectral' };

let state = init({ game, method });
let steps = 0;
while (statusKindOf(state) === 'running' && steps < 10_000) {
  state = step(state);
  steps++;
}
const weights = weightsOf(state);
const rows = Array.from({ length: n }, (_, i) => Array.from(weights.subarray(i * n, (i + 1) * n), (w) => w.toFixed(3)).join(' '));
console.log(`${statusKindOf(state)} after ${steps} steps\n${rows.join('\n')}`);

const { worst } = certify({ game, weights });
const ranking = networkRanking({ weights, stake: new Float64Array(n).fill(1), n });
console.log(`largest residual ${worst.natural.toExponential(0)}, best paid: participant ${ranking.indexOf(Math.max(...ranking))}`);

const solved = await solveEquilibrium({ game, method });
console.log(`the library's own loop agrees to the bit: ${solved.weights.every((w, k) => w === weights[k])}`);
