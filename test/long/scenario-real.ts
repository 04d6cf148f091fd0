/**
 * Strategies on real participants: digits, one process, stake over 40 blocks beside the honest twin of the same seed, without defences, with those that
 * the map chose, and with peers that answer the same scored as one. Results go to a file, line by line; the same command continues it.
 *   node lib/test/long/scenario-real.js OUT.jsonl [--seeds 7,8,9] [--participants 16] [--only NAME;NAME]
 */
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { createBackend } from '../../src/backend/index.js';
import { loadMnist } from '../../src/data/dataset.js';
import { entriesOf } from '../../src/demo/demo-roster.js';
import { memberBuilder } from '../../src/demo/population.js';
import { type RunRecord, type RunSettings, resolveSettings, runLocally } from '../../src/run/index.js';
import { playing } from '../../src/run/playing.js';
import { cabal, copier, freeRider, hoarder, honest, loud, poisoner, type Strategy, thief } from '../../src/scenario/index.js';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '7,8,9' },
    participants: { type: 'string', default: '16' },
    only: { type: 'string' },
  },
});
const [file] = positionals;
if (file === undefined) throw new Error('name a file for the results');
const participants = Number(values.participants);
/** 31 blocks while training, 8 in which rows move to the last measurement, and one that pays for it. */
const base: Partial<RunSettings> = {
  ...{ participants, rounds: 40, blocks: 31, closingBlocks: 8, largestShard: 2000 },
  ...{ validation: 300, blockValidation: 64, refitSamples: 600, refitSteps: 100, emission: 'l1', tau: 20 },
};
const defences: readonly (readonly [string, Partial<RunSettings>])[] = [
  ['none', { answerBound: 1e6 }],
  ['bound 16', { answerBound: 16 }],
  ['defended', { othersOnly: 1, ratingShare: 1 / participants, answerBound: 4 }],
  ['copies as one', { answerBound: 1e6, copyDistance: 0.01 }],
];
/** Defences that only some strategies can notice: the others are played without. */
const concerned: Readonly<Record<string, readonly string[]>> = {
  'bound 16': ['honest', 'poisoner, times 10', 'poisoner, times 1000'],
  'copies as one': ['honest', 'thief'],
};
/** One specialist lies; three of them as a cabal. */
const liar = Math.min(7, participants - 3);
const strategies: readonly (readonly [string, Strategy, readonly number[]])[] = [
  ['honest', honest, [liar]],
  ['free rider, zeros', freeRider('zeros'), [liar]],
  ['copier of rows', copier(1), [liar]],
  ['thief', thief(1), [liar]],
  ['poisoner, flipped labels', poisoner('flipped'), [liar]],
  ['hoarder', hoarder, [liar]],
  ['cabal of 3', cabal(1), [liar, liar + 1, liar + 2]],
  ['free rider, noise', freeRider('random'), [liar]],
  ['poisoner, NaN', poisoner('nan'), [liar]],
  ['poisoner, times 10', loud(10), [liar]],
  ['poisoner, times 1000', loud(1000), [liar]],
];

interface Line {
  readonly seed: number;
  readonly defence: string;
  readonly name: string;
  readonly coalition: readonly number[];
  /** [blocks]: stakes of all at the end of each block. */
  readonly stake: readonly (readonly number[])[];
  readonly scores: readonly (readonly number[])[];
  /** Mean cross-entropy of the heads outside the coalition. */
  readonly honestLoss: number;
  readonly processor_s: number;
}

const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
const done: Line[] = text
  .split('\n')
  .filter(Boolean)
  .map((line) => JSON.parse(line) as Line);
const found = (seed: number, name: string, defence: string): Line | undefined =>
  done.find((line) => line.seed === seed && line.name === name && line.defence === defence);
const seeds = values.seeds.split(',').map(Number);
const only = values.only?.split(';');
const backend = createBackend({ kind: 'native' });
const data = await loadMnist();

for (const seed of seeds) {
  for (const [defence, extra] of defences) {
    for (const [name, strategy, coalition] of strategies) {
      if (found(seed, name, defence) !== undefined || (only !== undefined && name !== 'honest' && !only.includes(name))) continue;
      if (concerned[defence]?.includes(name) === false) continue;
      const settings = resolveSettings({ ...base, ...extra });
      const build = memberBuilder({ roster: entriesOf({ settings, seed }, data), data, settings, seed, backend });
      const members = Array.from({ length: participants }, (_, index) => (relay: Parameters<typeof build>[1]) => build(index, relay));
      const worth = worthIn(found(seed, 'honest', 'none'));
      const attacked = playing({ members, coalition, strategy, worth, settings, outputs: data.train.classes, seed, backend });
      const used = process.cpuUsage();
      const record = await runLocally({ members: attacked, settings, seed, backend });
      const { user, system } = process.cpuUsage(used);
      const line = lineOf(record, { seed, defence, name, coalition, processor_s: (user + system) / 1e6 });
      done.push(line);
      appendFileSync(file, `${JSON.stringify(line)}\n`);
      const { honestLoss, processor_s } = line;
      console.log(
        `seed ${seed}, ${defence}, ${name}: share ${shareAtEnd(line).toFixed(4)}, honest loss ${honestLoss.toFixed(3)} (${processor_s.toFixed(0)} s of processor time)`,
      );
    }
  }
}
printTable();

/** What the answers of each are worth to all, in the honest run; a thief takes the best. */
function worthIn(twin: Line | undefined): Float64Array {
  return Float64Array.from({ length: participants }, (_, j) => twin?.scores.reduce((sum, row) => sum + row[j], 0) ?? 0);
}

function lineOf({ results, blocks }: RunRecord, about: Pick<Line, 'seed' | 'defence' | 'name' | 'coalition' | 'processor_s'>): Line {
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

/** Share of stake at the end over that of the honest twin under the same defences, minus 1, seed after seed. */
function printTable(): void {
  console.log(`\ndigits, ${participants} participants, seeds ${values.seeds}, ${done[0]?.stake.length} blocks, tau ${base.tau}, l1`);
  console.log(`| strategy | ${defences.map(([name]) => name).join(' | ')} |\n|---|${defences.map(() => '---').join('|')}|`);
  for (const [name, , coalition] of strategies.slice(1)) {
    const cells = defences.map(([defence]) =>
      seeds.flatMap((seed) => {
        const [line, twin] = [found(seed, name, defence), found(seed, 'honest', defence)];
        if (line === undefined || twin === undefined) return [];
        return [`${(100 * (shareAtEnd(line) / shareAtEnd({ ...twin, coalition }) - 1)).toFixed(1)} %`];
      }),
    );
    console.log(`| ${name} | ${cells.map((cell) => cell.join(', ') || '-').join(' | ')} |`);
  }
}
