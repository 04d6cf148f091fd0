/** `intermodel demo`: real models on real digits, trained, measured, ranked and paid, in one command. */

import { type Command, InvalidArgumentError, Option } from 'commander';
import { WIRE_TYPES } from '../core/closed-lists.js';
import { InputError } from '../core/errors.js';
import { type OutputFile, outputFile } from '../core/user-files.js';
import { type DemoOptions, type DemoProgress, runDemo } from '../demo/demo.js';
import { demoRoster } from '../demo/demo-roster.js';
import type { DemoResult } from '../demo/result.js';
import { MINIMUM_ROSTER } from '../demo/roster.js';
import { peersWithinBudget } from '../participant/gates/gate-budget.js';
import type { Kill } from '../process/launch.js';
import type { DemoReportOptions } from '../report/index.js';
import { DATA_CHOICES, dataNamed } from '../run/named-data.js';
import { RUN_DEFAULTS, type RunSettings } from '../run/settings.js';
import { addBackendOptions, type BackendFlags, backendOf, wholeNumber } from './backend-option.js';
import { commandLine } from './command-line.js';
import { describeDemo } from './demo-text.js';
import { abortOnInterrupt } from './interrupt.js';
import { printNote, printOut } from './print.js';
import { type Progress, progressDisplay } from './progress.js';
import { addSettingOptions, givenSettings } from './setting-options.js';

interface DemoFlags extends BackendFlags {
  readonly seed: number;
  readonly data: string;
  readonly out: string;
  readonly json?: boolean;
  readonly participants?: number;
  readonly k?: number;
  readonly budget?: number;
  readonly processes?: boolean;
  readonly wire: (typeof WIRE_TYPES)[number];
  readonly kill?: string;
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
    .option('--data <name>', DATA_CHOICES, 'mnist')
    .option('--budget <bytes>', 'outward bytes per participant and batch; sets k in place of --k', wholeNumber)
    .option('--processes', 'run every participant in a process of its own, libp2p on loopback between them')
    .addOption(new Option('--wire <type>', 'how numbers travel between processes').choices(WIRE_TYPES).default('f32'))
    .option('--kill <indices@round>', 'with --processes: kill these participants after a block, for instance 2,5,7@60', killed)
    .option('--restart <round>', 'with --kill: start them again after a later block', wholeNumber)
    .option('--no-students', 'with --processes: leave zeros where peers are gone, no students')
    .option('--out <file>', 'where to write the report', 'report.html')
    .option('--json', 'print the whole result as JSON instead of tables');
  addBackendOptions(command);
  addSettingOptions(command, {
    texts: {
      participants: `how many take part, at least ${MINIMUM_ROSTER} (default: ${RUN_DEFAULTS.participants}; ${PROCESSES} with --processes)`,
      rounds: `training rounds (default: ${RUN_DEFAULTS.rounds})`,
      gateK: 'peers asked per sample while training (default: all)',
    },
  });
  command.action(demo);
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

async function demo(flags: DemoFlags, command: Command): Promise<void> {
  checkFlags(flags);
  const line = commandLine(command, { seed: flags.seed, participants: participantsOf(flags) });
  const page = await outputFile('--out', flags.out);
  const interrupt = abortOnInterrupt('a run keeps nothing until its report is written');
  const progress = phases();
  try {
    if (flags.processes === true) return await inProcesses(flags, line, page, interrupt.signal);
    const result = await runDemo(await optionsOf(flags), { signal: interrupt.signal, onProgress: progress.show });
    progress.end();
    await publish(flags, line, page, result);
  } finally {
    progress.end();
    interrupt.dispose();
  }
}

async function inProcesses(flags: DemoFlags, line: string, page: OutputFile, signal: AbortSignal): Promise<void> {
  const { seed, wire, data, students, kill, restart } = flags;
  const killing = kill === undefined ? {} : { kill: { ...killOf(kill), ...(restart === undefined ? {} : { restart }) } };
  const options = { ...(await settingsOf(flags)), seed, wire, data, students, ...killing };
  const { demoProcesses } = await import('./demo-processes.js'); // draws, too
  const { demo, rest, text, sections } = await demoProcesses(options, backendOf(flags), signal);
  if (demo !== null) await publish(flags, line, page, demo, sections);
  else {
    printNote(`no report was written to ${flags.out}: a participant did not finish, so parts of it are missing`);
    if (flags.json === true) printOut(JSON.stringify(rest));
  }
  if (demo === null && kill === undefined) process.exitCode = 1;
  (flags.json === true ? printNote : printOut)(`\n${text}`);
}

/** The report as a file, the tables or the JSON on stdout. */
async function publish(
  flags: DemoFlags,
  line: string,
  page: OutputFile,
  result: DemoResult,
  extra: DemoReportOptions['extra'] = [],
): Promise<void> {
  const { demoReport } = await import('../report/index.js'); // the drawing library takes long to load
  await page.write(await demoReport(result, { command: line, extra }));
  printOut(flags.json === true ? JSON.stringify({ ...result, command: line }) : describeDemo(result));
  printNote(`report written to ${flags.out}`);
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
  const participants = participantsOf(flags);
  const gateK = await peersAsked(flags, participants);
  const chosen = gateK === 0 ? {} : { gateBalance: GATE_BALANCE, gateNoise: GATE_NOISE };
  const given = { ...chosen, ...givenSettings(flags), participants, gateK };
  return { ...(await demoRoster.defaults({ given, seed: flags.seed, data: flags.data })), ...given };
}

/** k of the gates; 0 asks all peers. */
async function peersAsked(flags: DemoFlags, participants: number): Promise<number> {
  const { k, budget, data: name } = flags;
  if (budget === undefined) return k ?? 0;
  const { train } = await dataNamed(name);
  const { batch, width } = { ...RUN_DEFAULTS, ...givenSettings(flags) };
  return peersWithinBudget(budget, { batch, inputWidth: train.height * train.width, width, backward: true }, participants - 1);
}

/** `2,5,7@60`, as it was typed. */
function killed(text: string): string {
  const parts = text.split('@');
  if (parts.length !== 2) throw new InvalidArgumentError('It must look like 2,5,7@60.');
  for (const number of [...parts[0]!.split(','), parts[1]!]) wholeNumber(number);
  return text;
}

function killOf(text: string): Pick<Kill, 'indices' | 'round'> {
  const [indices, round] = text.split('@') as [string, string];
  return { indices: indices.split(',').map(Number), round: Number(round) };
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
