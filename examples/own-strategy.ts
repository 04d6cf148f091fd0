/**
 * A strategy and a defence of one's own, played against each other. From a clone:
 *   npm run build && node lib/examples/own-strategy.js
 */
import { compareWithTwin, type Defence, drawWorld, type Strategy } from 'intermodel/scenario';

/** Gives its whole row to the peer that the network rated highest in the block before, hoping to be paid back. */
const flatterer: Strategy = {
  name: 'flatterer',
  row({ rows, identities, self }) {
    const before = rows(1);
    const rated = Float64Array.from({ length: identities }, (_, j) => {
      let sum = 0;
      for (let i = 0; i < identities; i++) sum += before[i * identities + j]!;
      return j === self ? 0 : sum;
    });
    return rated.map((sum) => Number(sum === Math.max(...rated)));
  },
};

/** A row counts only as far as it spreads: each weight is capped at three times the even share. */
const spread: Defence = { name: 'spread', weigh: (rows, _rating, n) => rows.map((weight) => Math.min(weight, 3 / n)) };

for (const defences of [[], [spread]]) {
  let gain = 0;
  const trials = 20;
  for (let trial = 0; trial < trials; trial++) {
    const world = drawWorld('wishart-quality', { seed: 7, trial, n: 10 });
    const options = {
      world,
      coalition: [0],
      strategy: flatterer,
      defences,
      stakeShare: 0.2,
      blocks: 40,
      temperature: 0.1,
      alpha: 0.001,
      tau: 0.1,
    };
    gain += compareWithTwin(options).gain / trials;
  }
  const against = defences.length === 0 ? 'the paper' : spread.name;
  console.log(
    `${flatterer.name} against ${against}: gain ${(100 * gain).toFixed(1)} % (seed 7, n 10, ${trials} trials, 40 blocks, stake 0.2)`,
  );
}
