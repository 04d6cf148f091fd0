/** The options of `intermodel sweep`: every part of theta takes a list, separated by commas. */
import { type Command, InvalidArgumentError } from 'commander';
import { InputError } from '../core/errors.js';
import { readUserJson } from '../core/user-files.js';
import type { Method } from '../equilibrium/types.js';
import type { SweepGrid, SweepSpec } from '../sweep/index.js';
import { wholeNumber } from './backend-option.js';

/** What {@link addSweepOptions} adds. */
export interface SweepFlags {
  readonly spec?: string;
  readonly seed: number;
  readonly trials: number;
  readonly n?: number[];
  readonly hessian?: string[];
  readonly stake?: string[];
  readonly initial?: string[];
  readonly temperature?: number[];
  readonly alpha?: number[];
  readonly tau?: number[];
  readonly utility?: string[];
  readonly scaling?: string[];
  readonly reference?: string[];
  readonly projection?: string[];
  readonly shiftGradient?: string[];
  readonly method?: string[];
  readonly rate?: number;
  readonly residual?: number;
  readonly maxSteps?: number;
  readonly keepRankings?: boolean;
}

/** Adds the options that say what is computed. */
export function addSweepOptions(command: Command): Command {
  return command
    .option('--spec <file>', 'read the whole specification from a JSON file instead of the options below (docs/concepts/sweep.md)')
    .option('--seed <number>', 'every random number follows from it', wholeNumber, 1)
    .option('--trials <number>', 'trials per cell', wholeNumber, 100)
    .option('--n <list>', 'participants (default: 10)', numberList)
    .option('--hessian <list>', 'laws of H: wishart, wishart-quality, diagonal-uniform (default: wishart)', textList)
    .option('--stake <list>', 'laws of S: equal, uniform (default: equal)', textList)
    .option('--initial <list>', 'laws of W0: uniform, equal, identity (default: uniform)', textList)
    .option('--temperature <list>', 'T of the mask; needed', numberList)
    .option('--alpha <list>', 'price of loss; with tau = 1 it is alpha / tau; needed', numberList)
    .option('--tau <list>', 'inflation (default: 1)', numberList)
    .option('--utility <list>', 'cost, gain (default: cost)', textList)
    .option('--scaling <list>', 'ratio, absolute (default: ratio)', textList)
    .option('--reference <list>', 'mask that loss is measured against: ones, initial, closed (default: ones)', textList)
    .option('--projection <list>', 'exact, clipRenormalise (default: exact)', textList)
    .option('--shift-gradient <list>', 'exact, stopped (default: exact)', textList)
    .option('--method <list>', 'spectral, projectedGradient, softmax (default: spectral)', textList)
    .option('--rate <number>', 'lambda of projectedGradient', oneNumber, 0.005)
    .option('--residual <number>', 'converged at this natural residual (default: 1e-6)', oneNumber)
    .option('--max-steps <number>', 'steps after which a trial gives up (default: 1000 n)', wholeNumber)
    .option('--keep-rankings', 'keep the ideal and competitive ranking of every trial');
}

/** The specification that the options say; values are checked by sweepTask. */
export async function specOf(flags: SweepFlags): Promise<SweepSpec> {
  if (flags.spec !== undefined) return (await readUserJson(flags.spec)) as SweepSpec;
  const { n, hessian, stake, initial, temperature, alpha, tau, utility, scaling, reference, projection, shiftGradient } = flags;
  const method = flags.method?.map((kind): Method => methodOf(kind, flags.rate ?? 0.005));
  const given = { n, hessian, stake, initial, temperature, alpha, tau, utility, scaling, reference, projection, shiftGradient, method };
  for (const [name, value] of Object.entries({ temperature, alpha })) {
    if (value === undefined) throw new InputError('BTM_TYPE', 'is needed', { argument: `--${name}`, remedy: 'It has no default (R-13).' });
  }
  const grid = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as unknown as SweepGrid;
  const { residual, maxSteps } = flags;
  return {
    seed: flags.seed,
    trials: flags.trials,
    grid,
    stop: { ...(residual === undefined ? {} : { residual }), ...(maxSteps === undefined ? {} : { maxSteps }) },
    keepRankings: flags.keepRankings ?? false,
  };
}

function methodOf(kind: string, rate: number): Method {
  return kind === 'projectedGradient' ? { kind, rate } : ({ kind } as Method);
}

function textList(text: string): string[] {
  return text.split(',').map((part) => part.trim());
}

function numberList(text: string): number[] {
  return textList(text).map(oneNumber);
}

function oneNumber(text: string): number {
  const value = Number(text);
  if (text === '' || !Number.isFinite(value)) throw new InvalidArgumentError(`'${text}' is not a number.`);
  return value;
}
