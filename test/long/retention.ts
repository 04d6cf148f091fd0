/**
 * The published Monte Carlo of consensus clipping: 64 validators, 448 servers, honest stake 0.6. About a minute for each line.
 *   node lib/test/long/retention.js [trials]
 */
import { type RetentionOptions, retention } from '../../src/scenario/index.js';

const trials = Number(process.argv[2] ?? 3);
const base = { honestStake: 0.6, validators: 64, servers: 448, trials, seed: 1 };
const published: [Partial<RetentionOptions>, number][] = [
  [{ noise: 0 }, 0.6],
  [{ noise: 0.2 }, 0.67],
  [{ noise: 0.4 }, 0.73],
  [{ noise: 0.4, pull: 0.5 }, 0.76],
  [{ noise: 0.4, pull: 0 }, 0.78],
  [{ noise: 0.4, validatorShare: 0.25 }, 0.78],
  [{ noise: 0.4, validatorShare: 0 }, 0.82],
];
let failed = 0;
for (const [options, wanted] of published) {
  const { weight, error } = retention({ ...base, ...options });
  const near = Math.abs(weight - wanted) <= 0.02;
  if (!near) failed++;
  console.log(
    `${near ? 'ok    ' : 'NOT OK'} ${JSON.stringify(options)}: ${weight.toFixed(3)} +- ${error.toFixed(4)}, published ${wanted} (${trials} trials, seed 1)`,
  );
}
process.exitCode = failed === 0 ? 0 : 1;
