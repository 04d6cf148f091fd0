/**
 * Rows that compete: how near the ledger comes to the equilibrium of the measured game, and to exact ablation. The table of docs/concepts/participant.md.
 * node lib/test/long/competing.js [--seeds 7,8,9] [--prices 500,2000,8000,32000] [--participants 8]
 */
import { parseArgs } from 'node:util';
import { loadMnist } from '../../src/data/dataset.js';
import { runDemo } from '../../src/demo/demo.js';
import type { RankingName } from '../../src/demo/result.js';

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '7,8,9' },
    prices: { type: 'string', default: '500,2000,8000,32000' },
    participants: { type: 'string', default: '8' },
  },
});
const [seeds, prices] = [values.seeds, values.prices].map((list) => list.split(',').map(Number)) as [number[], number[]];
const participants = Number(values.participants);
const data = await loadMnist();

console.log(`${participants} participants, seeds ${values.seeds}, 120 rounds, 40 blocks while training and 20 after it`);
console.log(
  '| tokens to a nat | ledger, equilibrium | ledger, ablation | ledger, ablation by row | weight on oneself | place of noise by the ledger | processor s |',
);
console.log('|---|---|---|---|---|---|---|');
for (const lossPrice of prices) {
  const columns: string[][] = [[], [], [], [], [], []];
  for (const seed of seeds) {
    const before = process.cpuUsage();
    const result = await runDemo({ data, seed, participants, blocks: 40, closingBlocks: 20, rows: 'competing', lossPrice });
    const { user, system } = process.cpuUsage(before);
    const agreement = (a: RankingName, b: RankingName): string =>
      (result.agreement.find((pair) => pair.a === a && pair.b === b)?.spearman ?? Number.NaN).toFixed(3);
    const own = result.weights.reduce((sum, row, i) => sum + row[i]! / participants, 0);
    const noise = result.participants.findIndex(({ role }) => role === 'noise');
    const place = result.rankings.find(({ name }) => name === 'ledger')!.positions[noise]!;
    const cells = [agreement('ledger', 'competitive'), agreement('ablation', 'ledger'), agreement('ablationByRow', 'ledger')];
    for (const [k, cell] of [...cells, own.toFixed(2), String(place), ((user + system) / 1e6).toFixed(0)].entries()) columns[k]!.push(cell);
  }
  console.log(`| ${lossPrice} | ${columns.map((column) => column.join(', ')).join(' | ')} |`);
}
