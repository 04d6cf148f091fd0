/** `intermodel rank`: which models of a pool are worth keeping, from their saved answers, or what peers are worth to a given head. */

import { type Command, Option } from 'commander';
import { ESTIMATORS, LOSSES, REDUCTIONS } from '../core/closed-lists.js';
import { InputError } from '../core/errors.js';
import { outputFile } from '../core/user-files.js';
import { isPromptfoo } from '../data/index.js';
import { addBackendOptions, wholeNumber } from './backend-option.js';
import { addPoolOptions } from './pool-input.js';
import type { RankHeadFlags } from './rank-head.js';
import type { RankPoolFlags } from './rank-pool.js';

/** Options that only one of the two forms reads. */
const HEAD_ONLY = ['estimator', 'loss', 'reduction', 'draws'] as const;

type RankFlags = RankHeadFlags & RankPoolFlags;

export function rankCommand(program: Command): void {
  const command = program
    .command('rank')
    .description('rank the models of a pool by what their absence costs, from files of answers (docs/how-to/rank-a-pool.md)')
    .argument('[files...]', 'answers: .npy, .csv, .parquet, one file a model or several models in one; - for standard input');
  addPoolOptions(command)
    .option('--no-refit', 'do not fit the head again without each model')
    .addOption(new Option('--estimator <name>', 'with --head FILE: how removal is estimated').choices(ESTIMATORS).default('gaussNewton'))
    .addOption(new Option('--loss <name>', "with --head FILE: overrides the file's loss").choices(LOSSES))
    .addOption(new Option('--reduction <name>', 'with --head FILE: over the samples').choices(REDUCTIONS).default('mean'))
    .option('--draws <number>', 'with --head FILE: targets drawn per sample (monteCarloFisher)', wholeNumber, 16)
    .option('--out <file>', 'also save the result: a page (.html), .csv or .json')
    .option('--json', 'print the result as one line of JSON');
  addBackendOptions(command).action(async (files: string[], flags: RankFlags) => {
    const input = await headFile(files, flags);
    if (input !== null) {
      const file = flags.out === undefined ? undefined : await outputFile('--out', flags.out, { endings: ['.json', '.csv'] });
      const { rankHead } = await import('./rank-head.js'); // reads its file with an optional package
      return rankHead(input, flags, file);
    }
    if (flags.head.endsWith('.json')) {
      const file = flags.out === undefined ? undefined : await outputFile('--out', flags.out, { endings: ['.json', '.csv'] });
      const { rankHeadOverFiles } = await import('./rank-head.js');
      return rankHeadOverFiles(files, flags, file);
    }
    const misplaced = HEAD_ONLY.find((name) => command.getOptionValueSource(name) === 'cli');
    if (misplaced !== undefined) {
      throw new InputError('BTM_DOMAIN', 'is read with --head FILE only', { argument: `--${misplaced}` });
    }
    const file = flags.out === undefined ? undefined : await outputFile('--out', flags.out, { endings: ['.html', '.csv', '.json'] });
    const { rankFiles } = await import('./rank-pool.js');
    return rankFiles(files, flags, file);
  });
}

/** The file with a head of the user's own and its responses, as --head or, as before, the only argument. */
async function headFile(files: readonly string[], flags: RankFlags): Promise<string | null> {
  if (flags.head.endsWith('.json')) return files.length === 0 ? flags.head : null;
  const [only] = files;
  return files.length === 1 && only.endsWith('.json') && flags.labels === undefined && !(await isPromptfoo(only)) ? only : null;
}
