/**
 * Strategies on real participants: digits, one process, stake over 40 blocks beside the honest twin of the same seed, without defences and with those that
 * the map chose. Results go to a file, line by line; the same command continues it.
 *   node lib/test/long/scenario-real.js OUT.jsonl [SEEDS 7,8,9] [PARTICIPANTS 16]
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { createBackend } from '../../src/backend/index.js';
import { loadMnist } from '../../src/data/dataset.js';
import { entriesOf } from '../../src/demo/demo-roster.js';
import { memberBuilder } from '../../src/demo/population.js';
import { type RunRecord, type RunSettings, resolveSettings, runLocally } from '../../src/run/index.js';
import { playing } from '../../src/run/playing.js';
import { cabal, copier, freeRider, hoarder, honest, loud, poisoner, type Strategy, thief } from '../../src/scenario/index.js';

const [file, seeds = '7,8,9', count = '16'] = process.argv.slice(2) as [string, ...string[]];
const participants = Number(count);
/** 31 blocks while training, 8 in which rows move to the last measurement, and one that pays for it. */
const base: Partial<RunSettings> = {
  ...{ participants, rounds: 40, blocks: 31, closingBlocks: 8, largestShard: 2000 },
  ...{ validation: 300, blockValidation: 64, refitSamples: 600, refitSteps: 100, emission: 'l1', tau: 20 },
};
const defended: Partial<RunSettings> = { othersOnly: 1, ratingShare: 1 / participants, answerBound: 4 };
/** One specialist lies; three of them as a cabal. */
const liar = Math.min(7, participants - 3);
const strategies: [string, Strategy, number[]][] = [
  ['honest', honest, [liar]],
  ['free rider, zeros', freeRider('zeros'), [liar]],
  ['free rider, noise', freeRider('random'), [liar]],
  ['copier of rows', copier(1), [liar]],
  ['thief', thief(1), [liar]],
  ['poisoner, flipped labels', poisoner('flipped'), [liar]],
  ['poisoner, NaN', poisoner('nan'), [liar]],
  ['poisoner, times 10', loud(10), [liar]],
  ['poisoner, times 1000', loud(1000), [liar]],
  ['hoarder', hoarder, [liar]],
  ['cabal of 3', cabal(1), [liar, liar + 1, liar + 2]],
];

interface Line {
  readonly seed: number;
  readonly defence: string;
  readonly name: string;
  readonly coalition: readonly number[];
  /** [blocks]: stake of everybody at the end of each block. */
  readonly stake: readonly (readonly number[])[];
  readonly scores: readonly (readonly number[])[];
  /** Mean cross-entropy of the honest heads. */
  readonly honestLoss: number;
}

const done: Line[] = existsSync(file)
  ? readFileSync(file, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((text) => JSON.parse(text) as Line)
  : [];
const backend = createBackend({ kind: 'native' });
const data = await loadMnist();

for (const seed of seeds.split(',').map(Number)) {
  for (const [name, strategy, coalition] of strategies) {
    for (const [defence, extra] of [
      ['none', {}],
      ['defended', defended],
    ] as const) {
      if (done.some((line) => line.seed === seed && line.name === name && line.defence === defence)) continue;
      const settings = resolveSettings({ ...base, ...extra });
      const build = memberBuilder({ roster: entriesOf({ settings, seed }, data), data, settings, seed, backend });
      const members = Array.from({ length: participants }, (_, index) => (relay: Parameters<typeof build>[1]) => build(index, relay));
      const twin = done.find((line) => line.seed === seed && line.name === 'honest' && line.defence === 'none');
      const worth = Float64Array.from({ length: participants }, (_, j) => twin?.scores.reduce((sum, row) => sum + row[j], 0) ?? 0);
      const attacked = playing({ members, coalition, strategy, worth, settings, outputs: data.train.classes, seed, backend });
      const used = process.cpuUsage();
      const record = await runLocally({ members: attacked, settings, seed, backend });
      const { user, system } = process.cpuUsage(used);
      const line = lineOf(record, { seed, defence, name, coalition });
      done.push(line);
      appendFileSync(file, `${JSON.stringify(line)}\n`);
      const share = shareAtEnd(line);
      console.log(
        `seed ${seed}, ${defence}, ${name}: share ${share.toFixed(4)}, honest loss ${line.honestLoss.toFixed(3)} (${((user + system) / 1e6).toFixed(0)} s of processor time)`,
      );
    }
  }
}
printTable();

function lineOf({ results, blocks }: RunRecord, about: Pick<Line, 'seed' | 'defence' | 'name' | 'coalition'>): Line {
  const others = results.filter((result) => result !== null && !about.coalition.includes(result.index));
  return {
    ...about,
    stake: blocks.map(({ stake }) => [...stake]),
    scores: results.map((result) => result?.measurement.ideal ?? []),
    honestLoss: others.reduce((sum, result) => sum + (result?.evaluation.head.loss ?? 0), 0) / others.length,
  };
}

function shareAtEnd({ stake, coalition }: Pick<Line, 'stake' | 'coalition'>): number {
  const last = stake.at(-1) as readonly number[];
  return coalition.reduce((sum, k) => sum + last[k], 0) / last.reduce((sum, s) => sum + s, 0);
}

function printTable(): void {
  const blocks = done[0]?.stake.length;
  console.log(
    `\ndigits, ${participants} participants, seeds ${seeds}, ${blocks} blocks, tau ${base.tau}, l1; share at the end over that of the honest twin, minus 1`,
  );
  for (const [name, , coalition] of strategies.slice(1)) {
    const cells = ['none', 'defended'].map((defence) => {
      const own = done.filter((line) => line.name === name && line.defence === defence);
      return own.map((line) => {
        const twin = done.find((one) => one.seed === line.seed && one.name === 'honest' && one.defence === defence) as Line;
        return `${(100 * (shareAtEnd(line) / shareAtEnd({ ...twin, coalition }) - 1)).toFixed(1)} %`;
      });
    });
    console.log(`${name.padEnd(26)} none: ${cells[0]?.join(', ').padEnd(30)} defended: ${cells[1]?.join(', ')}`);
  }
}
