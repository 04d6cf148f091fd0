/** `intermodel demo`: real models on real digits, trained, measured, ranked and paid, in one command. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { InputError } from '../core/errors.js';
import { type OutputFile, outputFile } from '../core/user-files.js';
import { type DemoOptions, type DemoProgress, runDemo } from '../demo/demo.js';
import { demoRoster } from '../demo/demo-roster.js';
import type { DemoResult } from '../demo/result.js';
import { MINIMUM_ROSTER } from '../demo/roster.js';
import { peersWithinBudget } from '../participant/gates/gate-budget.js';
import { MEASURE_ESTIMATORS } from '../participant/measure.js';
import type { Kill } from '../process/launch.js';
import type { DemoReportOptions } from '../report/index.js';
import { DATA_CHOICES, dataNamed } from '../run/named-data.js';
import { RUN_DEFAULTS, type RunSettings } from '../run/settings.js';
import { addBackendOptions, type BackendFlags, backendOf, wholeNumber } from './backend-option.js';
import { describeDemo } from './demo-text.js';
import { abortOnInterrupt } from './interrupt.js';
import { type Progress, progressDisplay } from './progress.js';

interface DemoFlags extends BackendFlags {
  readonly seed: number;
  readonly participants?: number;
  readonly rounds?: number;
  readonly estimator: RunSettings['estimator'];
  readonly rows: RunSettings['rows'];
  readonly data: string;
  readonly out: string;
  readonly json?: boolean;
  readonly gate: RunSettings['gate'];
  readonly k?: number;
  readonly budget?: number;
  readonly processes?: boolean;
  readonly wire: 'f32' | 'f16' | 'int8';
  readonly kill?: Pick<Kill, 'indices' | 'round'>;
  readonly restart?: number;
  readonly students: boolean;
}

/** A gate that asks few tries others now and then, and spreads its requests. */
const GATE_BALANCE = 0.01;
const GATE_NOISE = 0.5;

/** Participants of a run of processes, where nothing else is asked for. */
const PROCESSES = 8;

export function demoCommand(program: Command): void {
  const command = program
    .command('demo')
    .description('train participants on digits, text or a table, let them measure and rank each other, and write a report')
    .option('--seed <number>', 'everything random follows from it', wholeNumber, 7)
    .option(
      '--participants <number>',
      `how many take part, at least ${MINIMUM_ROSTER} (default: ${RUN_DEFAULTS.participants}; ${PROCESSES} with --processes)`,
      wholeNumber,
    )
    .option('--rounds <number>', `training rounds (default: ${RUN_DEFAULTS.rounds})`, wholeNumber)
    .addOption(new Option('--estimator <name>', 'how removal is estimated').choices(MEASURE_ESTIMATORS).default(RUN_DEFAULTS.estimator))
    .addOption(new Option('--rows <kind>', 'what participants write to the ledger').choices(['measured', 'competing']).default('measured'))
    .option('--data <name>', DATA_CHOICES, 'mnist')
    .addOption(new Option('--gate <kind>', 'how a participant chooses whom to ask').choices(['sparse', 'productKey']).default('sparse'))
    .option('--k <number>', 'peers asked per sample while training (default: all)', wholeNumber)
    .option('--budget <bytes>', 'outward bytes per participant and batch; sets k in place of --k', wholeNumber)
    .option('--processes', 'run every participant in a process of its own, libp2p on loopback between them')
    .addOption(new Option('--wire <type>', 'how numbers travel between processes').choices(['f32', 'f16', 'int8']).default('f32'))
    .option('--kill <indices@round>', 'with --processes: kill these participants after a block, for instance 2,5,7@60', killed)
    .option('--restart <round>', 'with --kill: start them again after a later block', wholeNumber)
    .option('--no-students', 'with --processes: leave zeros where peers are gone, no students')
    .option('--out <file>', 'where to write the report', 'report.html')
    .option('--json', 'print the whole result as JSON instead of tables');
  addBackendOptions(command).action(demo);
}

/** Options that would otherwise be ignored. */
function checkFlags({ processes, kill, restart, students, wire, k, budget }: DemoFlags): void {
  const refuse = (argument: string, problem: string): never => {
    throw new InputError('BTM_DOMAIN', problem, { argument });
  };
  if (processes !== true) {
    if (kill !== undefined) refuse('--kill', 'needs --processes');
    if (!students) refuse('--no-students', 'needs --processes');
    if (wire !== 'f32') refuse('--wire', 'needs --processes: nothing travels within one process');
  }
  if (restart !== undefined && kill === undefined) refuse('--restart', 'needs --kill');
  if (k !== undefined && budget !== undefined) refuse('--budget', 'sets k: leave out one of the two');
}

async function demo(flags: DemoFlags): Promise<void> {
  checkFlags(flags);
  const page = await outputFile('--out', flags.out);
  const interrupt = abortOnInterrupt('a run keeps nothing until its report is written');
  const progress = phases();
  try {
    if (flags.processes === true) return await inProcesses(flags, page, interrupt.signal);
    const result = await runDemo(await optionsOf(flags), { signal: interrupt.signal, onProgress: progress.show });
    progress.end();
    await publish(flags, page, result);
  } finally {
    progress.end();
    interrupt.dispose();
  }
}

async function inProcesses(flags: DemoFlags, page: OutputFile, signal: AbortSignal): Promise<void> {
  const { seed, wire, data, students, kill, restart } = flags;
  const killing = kill === undefined ? {} : { kill: { ...kill, ...(restart === undefined ? {} : { restart }) } };
  const options = { ...(await settingsOf(flags)), seed, wire, data, students, ...killing };
  const { demoProcesses } = await import('./demo-processes.js'); // draws, too
  const { demo, rest, text, sections } = await demoProcesses(options, backendOf(flags), signal);
  if (demo !== null) await publish(flags, page, demo, sections);
  else {
    process.stderr.write(`no report was written to ${flags.out}: somebody did not finish, and it would have holes\n`);
    if (flags.json === true) process.stdout.write(`${JSON.stringify(rest)}\n`);
  }
  if (demo === null && kill === undefined) process.exitCode = 1;
  (flags.json === true ? process.stderr : process.stdout).write(`\n${text}\n`);
}

/** The report as a file, the tables or the JSON on stdout. */
async function publish(flags: DemoFlags, page: OutputFile, result: DemoResult, extra: DemoReportOptions['extra'] = []): Promise<void> {
  const { demoReport } = await import('../report/index.js'); // the drawing library takes long to load
  await page.write(await demoReport(result, { command: commandOf(flags), extra }));
  process.stdout.write(flags.json === true ? `${JSON.stringify(result)}\n` : `${describeDemo(result)}\n`);
  process.stderr.write(`report written to ${flags.out}\n`);
  if (!sound(result)) process.exitCode = 1;
}

function participantsOf(flags: DemoFlags): number {
  return flags.participants ?? (flags.processes === true ? PROCESSES : RUN_DEFAULTS.participants);
}

async function optionsOf(flags: DemoFlags): Promise<DemoOptions> {
  const { seed } = flags;
  return { ...(await settingsOf(flags)), seed, backend: backendOf(flags), data: await dataNamed(flags.data) };
}

/** Settings that differ from the defaults. */
async function settingsOf(flags: DemoFlags): Promise<Partial<RunSettings>> {
  const { estimator, rows, gate } = flags;
  const participants = participantsOf(flags);
  const gateK = await peersAsked(flags, participants);
  const chosen = gateK === 0 ? {} : { gateBalance: GATE_BALANCE, gateNoise: GATE_NOISE };
  const rounds = flags.rounds === undefined ? {} : { rounds: flags.rounds };
  const given = { participants, ...rounds, estimator, rows, gate, gateK, ...chosen };
  return { ...(await demoRoster.defaults({ given, seed: flags.seed, data: flags.data })), ...given };
}

/** k of the gates; 0 asks everybody. */
async function peersAsked({ k, budget, data: name }: DemoFlags, participants: number): Promise<number> {
  if (budget === undefined) return k ?? 0;
  const { train } = await dataNamed(name);
  const { batch, width } = RUN_DEFAULTS;
  return peersWithinBudget(budget, { batch, inputWidth: train.height * train.width, width, backward: true }, participants - 1);
}

/** `2,5,7@60` */
function killed(text: string): Pick<Kill, 'indices' | 'round'> {
  const [indices, round, ...rest] = text.split('@');
  if (round === undefined || rest.length > 0) throw new InvalidArgumentError('It must look like 2,5,7@60.');
  return { indices: indices!.split(',').map(wholeNumber), round: wholeNumber(round) };
}

const UNITS: Readonly<Record<DemoProgress['phase'], string>> = {
  loading: 'parts',
  training: 'rounds',
  refitting: 'heads',
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
  if (flags.estimator !== RUN_DEFAULTS.estimator) parts.push(`--estimator ${flags.estimator}`);
  if (flags.rows !== RUN_DEFAULTS.rows) parts.push(`--rows ${flags.rows}`);
  if (flags.gate !== RUN_DEFAULTS.gate) parts.push(`--gate ${flags.gate}`);
  if (flags.budget !== undefined) parts.push(`--budget ${flags.budget}`);
  else if (flags.k !== undefined) parts.push(`--k ${flags.k}`);
  if (flags.kill !== undefined) parts.push(`--kill ${flags.kill.indices.join(',')}@${flags.kill.round}`);
  if (flags.restart !== undefined) parts.push(`--restart ${flags.restart}`);
  if (!flags.students) parts.push('--no-students');
  if (flags.backend !== 'native') parts.push(`--backend ${flags.backend}`);
  return `intermodel demo ${parts.join(' ')}`;
}
