/** `intermodel demo`: real models on real digits, trained, measured, ranked and paid, in one command. */
import { writeFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { EnvironmentError, InputError } from '../core/errors.js';
import { type DemoOptions, type DemoProgress, runDemo } from '../participant/demo.js';
import { dataNamed, TEXT_SETTINGS } from '../participant/named-data.js';
import type { DemoResult, DemoSettings } from '../participant/result.js';
import { DEMO_DEFAULTS, DEMO_ESTIMATORS } from '../participant/settings.js';
import type { TensorflowChoice } from '../participant/tensorflow.js';
import type { DemoReportOptions } from '../report/index.js';
import { addBackendOptions, type BackendFlags, backendOf, wholeNumber } from './backend-option.js';
import { describeDemo } from './demo-text.js';
import { abortOnInterrupt } from './interrupt.js';
import { type Progress, progressDisplay } from './progress.js';

interface DemoFlags extends BackendFlags {
  readonly seed: number;
  readonly participants?: number;
  readonly rounds?: number;
  readonly estimator: DemoSettings['estimator'];
  readonly rows: DemoSettings['rows'];
  readonly tensorflow: TensorflowChoice;
  readonly data: string;
  readonly out: string;
  readonly json?: boolean;
  readonly processes?: boolean;
  readonly wire: 'f32' | 'f16' | 'int8';
}

/** Participants of a run of processes, where nothing else is asked for. */
const PROCESSES = 8;

export function demoCommand(program: Command): void {
  const command = program
    .command('demo')
    .description('train participants on MNIST or text, let them measure and rank each other, and write a report')
    .option('--seed <number>', 'everything random follows from it', wholeNumber, 7)
    .option(
      '--participants <number>',
      `how many take part, at least 6 (default: ${DEMO_DEFAULTS.participants}; ${PROCESSES} with --processes)`,
      wholeNumber,
    )
    .option('--rounds <number>', `training rounds (default: ${DEMO_DEFAULTS.rounds}; ${TEXT_SETTINGS.rounds} on text)`, wholeNumber)
    .addOption(new Option('--estimator <name>', 'how removal is estimated').choices(DEMO_ESTIMATORS).default(DEMO_DEFAULTS.estimator))
    .addOption(new Option('--rows <kind>', 'what participants write to the ledger').choices(['measured', 'competing']).default('measured'))
    .addOption(new Option('--tensorflow <engine>', 'what runs the encoders').choices(['auto', 'tfjs-node', 'tfjs-wasm']).default('auto'))
    .option('--data <name>', "'mnist', 'text' (next character of this package's own documentation), or a folder of four IDX files", 'mnist')
    .option('--processes', 'run every participant in a process of its own, libp2p on loopback between them')
    .addOption(new Option('--wire <type>', 'how numbers travel between processes').choices(['f32', 'f16', 'int8']).default('f32'))
    .option('--out <file>', 'where to write the report', 'report.html')
    .option('--json', 'print the whole result as JSON instead of tables');
  addBackendOptions(command).action(demo);
}

async function demo(flags: DemoFlags): Promise<void> {
  const interrupt = abortOnInterrupt('a run keeps nothing until its report is written');
  const progress = phases();
  try {
    if (flags.processes === true) return await inProcesses(flags, interrupt.signal);
    const result = await runDemo(await optionsOf(flags), { signal: interrupt.signal, onProgress: progress.show });
    progress.end();
    await publish(flags, result);
  } finally {
    progress.end();
    interrupt.dispose();
  }
}

async function inProcesses(flags: DemoFlags, signal: AbortSignal): Promise<void> {
  if (flags.data !== 'mnist') {
    throw new InputError('BTM_DOMAIN', 'must be mnist with --processes', {
      argument: '--data',
      remedy: 'Each process loads the digits itself; other data runs in one process so far.',
    });
  }
  if (flags.rows !== 'measured') {
    throw new InputError('BTM_DOMAIN', "must be 'measured' with --processes", {
      argument: '--rows',
      remedy: 'Competing rows run in one process so far.',
    });
  }
  const { seed, estimator, tensorflow, wire } = flags;
  const options = { seed, participants: participantsOf(flags), rounds: roundsOf(flags), estimator, tensorflow, wire };
  const { demoProcesses } = await import('./demo-processes.js'); // draws, too
  const { demo, network, section } = await demoProcesses(options, backendOf(flags), signal);
  if (demo === null) process.exitCode = 1;
  else await publish(flags, demo, [section]);
  (flags.json === true ? process.stderr : process.stdout).write(`\n${network}\n`);
}

/** The report as a file, the tables or the JSON on stdout. */
async function publish(flags: DemoFlags, result: DemoResult, extra: DemoReportOptions['extra'] = []): Promise<void> {
  const { demoReport } = await import('../report/index.js'); // the drawing library takes long to load
  await save(flags.out, await demoReport(result, { command: commandOf(flags), extra }));
  process.stdout.write(flags.json === true ? `${JSON.stringify(result)}\n` : `${describeDemo(result)}\n`);
  process.stderr.write(`report written to ${flags.out}\n`);
  if (!sound(result)) process.exitCode = 1;
}

function participantsOf(flags: DemoFlags): number {
  return flags.participants ?? (flags.processes === true ? PROCESSES : DEMO_DEFAULTS.participants);
}

function roundsOf(flags: DemoFlags): number {
  return flags.rounds ?? (flags.data === 'text' ? TEXT_SETTINGS.rounds : DEMO_DEFAULTS.rounds);
}

async function optionsOf(flags: DemoFlags): Promise<DemoOptions> {
  const { seed, estimator, rows, tensorflow } = flags;
  const rounds = roundsOf(flags);
  const participants = participantsOf(flags);
  const data = await dataNamed(flags.data);
  const settings = flags.data === 'text' ? TEXT_SETTINGS : {};
  return { ...settings, seed, participants, rounds, estimator, rows, tensorflow, backend: backendOf(flags), data };
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
  const parts = [`--seed ${flags.seed}`, `--participants ${participantsOf(flags)}`];
  if (flags.data !== 'mnist') parts.push(`--data ${flags.data}`);
  if (flags.processes === true) parts.push('--processes', `--wire ${flags.wire}`);
  if (flags.rounds !== undefined) parts.push(`--rounds ${flags.rounds}`);
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
