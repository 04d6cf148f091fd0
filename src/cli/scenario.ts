/** `intermodel scenario`: does lying pay? One scenario beside its honest twin, a map of many, and the lists of words. */
import type { Command } from 'commander';
import { packageVersion } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import { requirePackages } from '../core/optional-packages.js';
import { checkOutputFolder, outputFile } from '../core/user-files.js';
import { scenarioPage } from '../report/index.js';
import {
  type BreakEven,
  breakEven,
  checkMap,
  DEFENCES,
  groupsOf,
  type MapCell,
  type MapSpec,
  mapHash,
  type Paying,
  payingOf,
  playGroup,
  runMap,
  STRATEGIES,
} from '../scenario/index.js';
import { type HessianLaw, parseShard } from '../sweep/index.js';
import { abortOnInterrupt } from './interrupt.js';
import { printOut } from './print.js';
import { progressDisplay } from './progress.js';
import { textTable } from './text-table.js';

interface Flags {
  readonly players: string;
  readonly members: string;
  readonly blocks: string;
  readonly temperature: string;
  readonly tau: string;
  readonly law: string;
  readonly trials: string;
  readonly seed: string;
  readonly json?: boolean;
}

interface RunFlags extends Flags {
  readonly strategy: string;
  readonly defence: string;
  readonly stake: string;
  readonly ratio: string;
  readonly breakEven?: boolean;
}

interface MapFlags extends Flags {
  readonly strategies?: string;
  readonly defences?: string;
  readonly stakes: string;
  readonly ratios: string;
  readonly out: string;
  readonly page?: string;
  readonly jobs?: string;
  readonly shard?: string;
}

export function scenarioCommand(program: Command): void {
  const scenario = program.command('scenario').description('find out whether lying pays (docs/concepts/scenario.md)');
  addShared(scenario.command('run').description('play one strategy against one defence, beside its honest twin'))
    .requiredOption('--strategy <word>', 'what the coalition plays; `scenario list` names them')
    .option('--defence <words>', 'one defence, or several joined by +', 'paper')
    .option('--stake <part>', 'part of all stake that the coalition holds at the start', '0.1')
    .option('--ratio <x>', 'alpha / tau, the price of a unit of loss', '0.1')
    .option('--break-even', 'also find the stake at which the strategy begins to pay')
    .action(runAction);
  addShared(scenario.command('map').description('play every strategy against every defence over stakes and prices'))
    .option('--strategies <words>', 'comma-separated; default: all')
    .option('--defences <words>', 'comma-separated; default: all')
    .option('--stakes <list>', 'parts of all stake', '0.01,0.05,0.1,0.15,0.2,0.25,0.3,0.35,0.4,0.45,0.49')
    .option('--ratios <list>', 'values of alpha / tau', '0,0.01,0.1,1,10')
    .option('--jobs <count>', 'worker threads; default: one for each core')
    .option('--shard <i/N>', 'play this part only')
    .option('--page <file>', 'write a page with heat maps and curves')
    .requiredOption('--out <folder>', 'where results go; the same command continues a map that was stopped')
    .action(mapAction);
  scenario.command('list').description('name the strategies and defences').option('--json', 'print JSON').action(listAction);
}

function addShared(command: Command): Command {
  return command
    .option('--players <count>', 'players in the network', '10')
    .option('--members <count>', 'players in the coalition', '1')
    .option('--blocks <count>', 'blocks to play', '40')
    .option('--temperature <T>', 'T of the mask, in units of the mean stake of a player', '0.1')
    .option('--tau <tokens>', 'inflation of a block; a player holds one token at the start on average', '0.1')
    .option('--law <name>', 'law of the Hessians: wishart, wishart-quality or diagonal-uniform', 'wishart-quality')
    .option('--trials <count>', 'worlds drawn', '20')
    .option('--seed <number>', 'seed of everything random', '0')
    .option('--json', 'print JSON');
}

function sharedOf(flags: Flags): Omit<MapSpec, 'strategies' | 'defences' | 'stakes' | 'ratios'> {
  return {
    players: numberOf('--players', flags.players),
    members: numberOf('--members', flags.members),
    blocks: numberOf('--blocks', flags.blocks),
    temperature: numberOf('--temperature', flags.temperature),
    tau: numberOf('--tau', flags.tau),
    law: lawOf(flags.law),
    trials: numberOf('--trials', flags.trials),
    seed: numberOf('--seed', flags.seed),
  };
}

function runAction(flags: RunFlags): void {
  const spec = checkMap({
    ...sharedOf(flags),
    strategies: [flags.strategy],
    defences: [flags.defence],
    stakes: flags.breakEven === true ? [0.01, 0.49] : [numberOf('--stake', flags.stake)],
    ratios: [numberOf('--ratio', flags.ratio)],
  });
  const stake = numberOf('--stake', flags.stake);
  const group = groupsOf({ ...spec, stakes: [stake] })[0]!;
  const cell = playGroup({ ...spec, stakes: [stake] }, group).cells[0]!;
  const pays = flags.breakEven === true ? breakEven(spec, flags.strategy, flags.defence, cell.ratio) : undefined;
  if (flags.json === true) {
    printOut(JSON.stringify({ spec, cell, ...(pays === undefined ? {} : { breakEven: pays }) }));
    return;
  }
  const lines = [assumptionsOf(spec), '', tableOf([cell])];
  if (pays !== undefined) lines.push('', describeBreakEven(pays));
  printOut(lines.join('\n'));
}

async function mapAction(flags: MapFlags): Promise<void> {
  const spec = checkMap({
    ...sharedOf(flags),
    strategies: flags.strategies?.split(',') ?? Object.keys(STRATEGIES).filter((word) => word !== 'honest'),
    defences: flags.defences?.split(',') ?? Object.keys(DEFENCES),
    stakes: flags.stakes.split(',').map((text) => numberOf('--stakes', text)),
    ratios: flags.ratios.split(',').map((text) => numberOf('--ratios', text)),
  });
  if (flags.page !== undefined) requirePackages('drawing figures', ['report']);
  const file = flags.page === undefined ? undefined : await outputFile('--page', flags.page, { endings: ['.html'] });
  await checkOutputFolder('--out', flags.out);
  const progress = progressDisplay('map', 'groups');
  const interrupt = abortOnInterrupt(`everything played so far is in ${flags.out}; the same command continues it`);
  try {
    const { cells, breakEvens } = await runMap({
      spec,
      folder: flags.out,
      signal: interrupt.signal,
      onProgress: (done, total, found) => progress.update(done, total, found),
      ...(flags.jobs === undefined ? {} : { jobs: numberOf('--jobs', flags.jobs) }),
      ...(flags.shard === undefined ? {} : { shard: parseShard(flags.shard) }),
    });
    progress.end();
    const paying = payingOf(cells, breakEvens);
    const command = `intermodel ${process.argv.slice(2).join(' ')}`;
    await file?.write(await scenarioPage({ command, spec, cells, paying, version: packageVersion }));
    const text = [assumptionsOf(spec), ...summaryOf(spec, cells.length, breakEvens.length, paying), '', `results in ${flags.out}`].join(
      '\n',
    );
    printOut(flags.json === true ? JSON.stringify({ spec, cells, breakEvens }) : text);
  } finally {
    progress.end();
    interrupt.dispose();
  }
}

function listAction(flags: { readonly json?: boolean }): void {
  const words = { strategies: Object.keys(STRATEGIES), defences: Object.keys(DEFENCES) };
  const text = Object.entries(words).map(([kind, list]) => `${kind}\n${list.map((word) => `  ${word}`).join('\n')}`);
  printOut(flags.json === true ? JSON.stringify(words) : text.join('\n\n'));
}

function assumptionsOf(spec: MapSpec): string {
  const { seed, players, members, trials, blocks, temperature, tau, law } = spec;
  return `seed ${seed}, n ${players}, coalition ${members}, ${trials} trials, ${blocks} blocks, T ${temperature}, tau ${tau}, law of H ${law}`;
}

function tableOf(cells: readonly MapCell[]): string {
  const headings = ['strategy', 'defence', 'stake', 'alpha/tau', 'gain', 'share at the end', 'honest twin', 'harm', 'Spearman', 'twin'];
  const rows = cells.map((cell) => [
    cell.strategy,
    cell.defence,
    String(cell.stake),
    String(cell.ratio),
    interval(cell.gain),
    interval(cell.share),
    cell.twinShare.toFixed(3),
    interval(cell.harm),
    cell.spearman?.toFixed(3) ?? '-',
    cell.twinSpearman?.toFixed(3) ?? '-',
  ]);
  return textTable(headings, rows, [2, 3, 4, 5, 6, 7, 8, 9]);
}

const interval = ({ mean, low, high }: MapCell['gain']): string => `${mean.toFixed(3)} [${low.toFixed(3)}, ${high.toFixed(3)}]`;

/** Which strategies pay, or what a shard can say of that. */
function summaryOf(spec: MapSpec, cells: number, pairs: number, paying: readonly Paying[]): string[] {
  const name = `map ${mapHash(spec).slice(0, 16)}, ${cells} cells`;
  if (pairs === 0) return [`${name}: a shard that holds no defence whole; which strategies pay is told by the whole map`];
  const rows = paying.map(({ strategy, defence, ratio, best, stakes, ...found }) => [
    strategy,
    defence,
    String(ratio),
    describeStake(found.stake),
    `${describeStake(found.low)} to ${describeStake(found.high)}`,
    `${stakes} of ${spec.stakes.length}`,
    interval(best.gain),
    String(best.stake),
  ]);
  const headings = ['strategy', 'defence', 'alpha/tau', 'pays from stake', '95 % interval', 'stakes', 'largest gain', 'at stake'];
  return [
    `${name}; strategies that pay (interval of the gain above 0 at one stake or more): ${paying.length} of ${pairs}`,
    '',
    textTable(headings, rows, [2, 5, 6, 7]),
  ];
}

function describeBreakEven({ stake, low, high }: BreakEven): string {
  return `begins to pay at: ${describeStake(stake)} (95 % interval ${describeStake(low)} to ${describeStake(high)})`;
}

const describeStake = (stake: number | null): string => (stake === null ? 'never' : stake === 0 ? 'any' : stake.toFixed(3));

function numberOf(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value))
    throw new InputError('BTM_TYPE', `must be a number, got '${text}'`, { argument: option, value: text });
  return value;
}

function lawOf(word: string): HessianLaw {
  const laws: readonly HessianLaw[] = ['wishart', 'wishart-quality', 'diagonal-uniform'];
  const found = laws.find((law) => law === word);
  if (found === undefined)
    throw new InputError('BTM_DOMAIN', `is not a law: '${word}'`, { argument: '--law', value: word, remedy: `Use ${laws.join(', ')}.` });
  return found;
}
