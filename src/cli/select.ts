/** `intermodel select`: which models of a pool to keep, from their saved answers. */
import { type Command, InvalidArgumentError } from 'commander';
import { packageVersion } from '../backend/index.js';
import { outputFile } from '../core/user-files.js';
import { type PoolSelection, type SelectedSet, selectModels } from '../stacking/index.js';
import { addBackendOptions, backendOf, wholeNumber } from './backend-option.js';
import { abortOnInterrupt } from './interrupt.js';
import { jsonLine } from './output.js';
import { addPoolOptions, joinFiles, type PoolFlags, poolOptionsOf, readPoolFiles } from './pool-input.js';
import { printOut } from './print.js';
import { stageProgress } from './rank-pool.js';
import { textTable } from './text-table.js';

interface SelectFlags extends PoolFlags {
  readonly epsilon?: number;
  readonly budget?: number;
  readonly exactUpTo?: number;
}

export function selectCommand(program: Command): void {
  const command = program
    .command('select')
    .description('choose the models of a pool that are worth keeping, from files of answers (docs/how-to/rank-a-pool.md)')
    .argument('[files...]', 'answers, as for rank');
  addPoolOptions(command)
    .option(
      '--epsilon <number>',
      'keep the cheapest set whose held-out loss is at most this much above that of all (default: 1 % of it)',
      atLeastZero,
    )
    .option('--budget <number>', 'keep the best set whose costs add up to at most this', atLeastZero)
    .option(
      '--exact-up-to <number>',
      'look at every set in pools of at most this many models (default: 8, up to 12 where that is little work)',
      wholeNumber,
    )
    .option('--out <file>', 'also save the result: .csv (the curve) or .json')
    .option('--json', 'print the result as one line of JSON');
  addBackendOptions(command).action((files: string[], flags: SelectFlags) => select(files, flags));
}

function atLeastZero(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0) || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number of at least 0.');
  return value;
}

async function select(files: readonly string[], flags: SelectFlags): Promise<void> {
  const file = flags.out === undefined ? undefined : await outputFile('--out', flags.out, { endings: ['.csv', '.json'] });
  const backend = backendOf(flags);
  const pool = await joinFiles(await readPoolFiles(files, flags), flags);
  const interrupt = abortOnInterrupt('nothing is kept of an unfinished selection');
  const progress = stageProgress();
  let selection: PoolSelection;
  try {
    selection = await selectModels({
      ...poolOptionsOf(pool, flags),
      ...(flags.epsilon === undefined ? {} : { epsilon: flags.epsilon }),
      ...(flags.budget === undefined ? {} : { budget: flags.budget }),
      ...(flags.exactUpTo === undefined ? {} : { exactUpTo: flags.exactUpTo }),
      backend,
      signal: interrupt.signal,
      onProgress: progress.update,
    });
  } finally {
    progress.end();
    interrupt.dispose();
  }
  const { kind, isa } = backend.describe();
  const output = { kind: 'intermodel-pool-selection', formatVersion: 1, version: packageVersion, backend: { kind, isa }, ...selection };
  await file?.write(file.path.endsWith('.csv') ? curveCsv(selection) : `${JSON.stringify(output, null, 1)}\n`);
  const saved = flags.out === undefined ? '' : `\nsaved to ${flags.out}`;
  printOut(flags.json === true ? jsonLine(output) : `${describe(selection)}${saved}`);
  if (selection.status !== 'ok') process.exitCode = 1;
}

const SEARCHES: Readonly<Record<PoolSelection['search'], string>> = {
  complete: 'every set was looked at: the gap to the best set is 0',
  exchanges: 'removal, addition and exchange one by one: the gap to the best set is not known',
  elimination: 'elimination by the quadratic model of the loss: the gap to the best set is not known',
};

function describe(selection: PoolSelection): string {
  const { chosen, curve, dropped, names, rule, loss, looked, search, level, status } = selection;
  const list = (models: readonly number[]) => models.map((i) => names[i]).join(', ');
  const rows = curve.map((set) => [
    set.models.join() === chosen.models.join() ? '>' : '',
    String(set.models.length),
    String(Number(set.cost.toPrecision(6))),
    set.loss.toFixed(4),
    signed(set.increase.value),
    `[${signed(set.increase.low)}, ${signed(set.increase.high)}]`,
    list(set.models),
  ]);
  const wanted =
    rule.kind === 'epsilon'
      ? `the cheapest set that loses at most ${Number(rule.value.toPrecision(4))} more than all models`
      : `the best set whose cost is at most ${rule.value}`;
  const drop = dropped.length === 0 ? 'Drop none.' : `Drop ${list(dropped)}.`;
  return [
    `${names.length} models, ${selection.samples} samples, loss of all ${loss.toFixed(4)}; ${looked} sets fitted, ${SEARCHES[search]}`,
    '',
    textTable(['', 'models', 'cost', 'loss', 'increase', `${Math.round(100 * level)} %`, 'kept'], rows, [1, 2, 3, 4, 5]),
    '',
    ...(status === 'ok' ? [] : ['No set is within the budget; this is the cheapest model.']),
    `Keep ${list(chosen.models)}: ${wanted}. ${drop}`,
    `The loss changes by ${signed(chosen.increase.value)} [${signed(chosen.increase.low)}, ${signed(chosen.increase.high)}]. The set was chosen on these samples, so other samples will show a little more.`,
  ].join('\n');
}

function signed(value: number): string {
  return (value < 0 ? '' : '+') + value.toFixed(4);
}

function curveCsv({ curve, names }: PoolSelection): string {
  const quote = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const line = (set: SelectedSet): string =>
    [
      set.models.length,
      set.cost,
      set.loss,
      set.increase.value,
      set.increase.low,
      set.increase.high,
      quote(set.models.map((i) => names[i]).join(' ')),
    ].join();
  return `models,cost,loss,increase,increase_low,increase_high,kept\n${curve.map(line).join('\n')}\n`;
}
