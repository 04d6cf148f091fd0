/**
 * How well the rankings of the demonstration agree with their truths, on three kinds of data: nine runs and the table of docs/concepts/participant.md.
 * node lib/test/long/demo-agreement.js [--seeds 7,8,9] [--data mnist,text,table] [--participants N] [--estimator NAME]
 */
import { parseArgs } from 'node:util';
import { runDemo } from '../../src/demo/demo.js';
import type { RankingName } from '../../src/demo/result.js';
import { MEASURE_ESTIMATORS } from '../../src/participant/measure.js';
import { dataNamed } from '../../src/run/named-data.js';
import { RUN_DEFAULTS } from '../../src/run/settings.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '7,8,9' },
    data: { type: 'string', default: 'mnist,text,table' },
    participants: { type: 'string', default: String(RUN_DEFAULTS.participants) },
    estimator: { type: 'string', default: RUN_DEFAULTS.estimator },
  },
});
const participants = Number(values.participants);
const estimator = MEASURE_ESTIMATORS.find((name) => name === values.estimator) ?? RUN_DEFAULTS.estimator;
const NOISE: readonly RankingName[] = ['ablation', 'ablationByRow', 'ideal', 'ledger'];
const mean = (numbers: readonly number[]): number => numbers.reduce((sum, x) => sum + x, 0) / numbers.length;

console.log(`${participants} participants, ${estimator}, ${RUN_DEFAULTS.rounds} rounds`);
console.log(
  '| data | seed | ideal, ablation | ledger, ablation by row | ledger, ablation | noise by ablation, by row, ideal, ledger | processor s |',
);
console.log('|---|---|---|---|---|---|---|');
for (const data of values.data.split(',')) {
  const loaded = await dataNamed(data);
  const [ideal, ledger]: [number[], number[]] = [[], []];
  let last = true;
  for (const seed of values.seeds.split(',').map(Number)) {
    const before = process.cpuUsage();
    const result = await runDemo({ data: loaded, seed, participants, estimator });
    const { user, system } = process.cpuUsage(before);
    const spearman = (a: RankingName, b: RankingName): number =>
      result.agreement.find((pair) => pair.a === a && pair.b === b)?.spearman ?? Number.NaN;
    const noise = result.participants.findIndex(({ role }) => role === 'noise');
    const places = NOISE.map((name) => result.rankings.find((ranking) => ranking.name === name)!.positions[noise]!);
    last &&= places.every((place) => place > 0.75 * participants);
    ideal.push(spearman('ablation', 'ideal'));
    ledger.push(spearman('ablationByRow', 'ledger'));
    const cells = [ideal.at(-1)!, ledger.at(-1)!, spearman('ablation', 'ledger')].map((value) => value.toFixed(3));
    console.log(`| ${data} | ${seed} | ${cells.join(' | ')} | ${places.join(', ')} | ${((user + system) / 1e6).toFixed(1)} |`);
  }
  console.log(
    `| ${data} | mean | ${mean(ideal).toFixed(3)} | ${mean(ledger).toFixed(3)} | | ${last ? 'last quarter' : 'NOT in the last quarter'} | |`,
  );
}
