/** `intermodel simulate`: the paper's Figures 4 and 5, and the sensitivity of their outcome to what the paper left open. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { InputError } from '../core/errors.js';
import { checkOutputFolder, fileError, outputFile } from '../core/user-files.js';
import { solveMany } from '../equilibrium/index.js';
import type { Method } from '../equilibrium/types.js';
import type { RankPoint } from '../report/index.js';
import {
  type ExperimentOptions,
  FIGURE_4,
  figure4CurvesTask,
  figure4Task,
  lawsTask,
  readingsTask,
  readRows,
  runSweep,
  type SweepResult,
  type SweepTask,
} from '../sweep/index.js';
import { methodName } from '../sweep/spec.js';
import { addBackendOptions, backendOf, wholeNumber } from './backend-option.js';
import { abortOnInterrupt } from './interrupt.js';
import { printOut } from './print.js';
import { progressDisplay } from './progress.js';
import type { Simulated, SimulateFlags, Workplace } from './simulation.js';

export function simulateCommand(program: Command): void {
  const command = program
    .command('simulate')
    .description("the paper's figures: SVG files and a page with every assumption printed")
    .addOption(new Option('--figure <number>', '4: competitive against ideal rank; 5: adaptive inflation').choices(['4', '5']))
    .option('--sensitivity', 'how much of Figure 4 hangs on T, n, the law of H, the reference and the projection')
    .option('--seed <number>', 'every random number follows from it', wholeNumber, FIGURE_4.seed)
    .option('--trials <number>', 'trials a cell (default: 100; sensitivity 50; Figure 5 20)', wholeNumber)
    .option('--n <number>', 'participants', wholeNumber, FIGURE_4.n)
    .option('--temperature <number>', 'T of the mask', Number, FIGURE_4.temperature)
    .addOption(
      new Option('--hessian <law>', 'law of H (R-25)')
        .choices(['wishart', 'wishart-quality', 'diagonal-uniform'])
        .default(FIGURE_4.hessian),
    )
    .addOption(new Option('--method <name>', 'solver').choices(['spectral', 'projectedGradient', 'softmax']).default('spectral'))
    .option('--out <folder>', 'where the page, the figures and the results go (default: out/figure-4 and so on)')
    .option('--json', 'print the numbers as JSON');
  addBackendOptions(command).action(simulate);
}

async function simulate(flags: SimulateFlags): Promise<void> {
  if ((flags.figure === undefined) === (flags.sensitivity === undefined)) {
    throw new InputError('BTM_DOMAIN', 'is needed, or --sensitivity, and not both', { argument: '--figure', value: flags.figure });
  }
  const name = flags.figure === undefined ? 'sensitivity' : `figure-${flags.figure}`;
  const folder = flags.out ?? join('out', name);
  await checkOutputFolder('--out', folder);
  const interrupt = abortOnInterrupt(`trials solved so far are in ${folder}; the same command continues from there`);
  try {
    const place = workplaceOf(flags, folder, interrupt.signal);
    const run = flags.figure === '4' ? figure4 : flags.figure === '5' ? (await import('./simulate-adaptive.js')).figure5 : sensitivity;
    const simulated = await run(place);
    await save(folder, simulated);
    printOut(
      flags.json === true
        ? JSON.stringify(simulated.numbers)
        : `wrote ${join(folder, `${simulated.name}.html`)} and ${simulated.page.figures.length} SVG files`,
    );
  } finally {
    interrupt.dispose();
  }
}

const TRIALS = { '4': FIGURE_4.trials, '5': 20, sensitivity: 50 } as const;
const PAPER_RATE = 0.005;

function workplaceOf(flags: SimulateFlags, folder: string, signal: AbortSignal): Workplace {
  const backend = backendOf(flags);
  const method: Method = flags.method === 'projectedGradient' ? { kind: flags.method, rate: PAPER_RATE } : { kind: flags.method };
  const options: ExperimentOptions = {
    seed: flags.seed,
    trials: flags.trials ?? TRIALS[flags.figure ?? 'sensitivity'],
    n: flags.n,
    temperature: flags.temperature,
    hessian: flags.hessian,
    method,
  };
  const { kind, isa, version } = backend.describe();
  return {
    flags,
    folder,
    backend,
    signal,
    options,
    solver: { method: methodName(method), residual: 1e-6, steps: '1000 n', backend: `${kind} (${isa})`, version },
    command: commandOf(flags, options),
  };
}

function commandOf(flags: SimulateFlags, options: ExperimentOptions): string {
  const what = flags.figure === undefined ? '--sensitivity' : `--figure ${flags.figure}`;
  const { seed, trials, n, temperature, hessian } = options;
  return `intermodel simulate ${what} --seed ${seed} --trials ${trials} --n ${n} --temperature ${temperature} --hessian ${hessian}${flags.figure === '5' ? '' : ` --method ${flags.method}`}`;
}

async function figure4(place: Workplace): Promise<Simulated> {
  const panels = await runNamed(place, 'Figure 4, panels', figure4Task(place.options));
  const curves = await runNamed(place, 'Figure 4, curves', figure4CurvesTask(place.options));
  const points: RankPoint[] = [];
  for await (const { cell, ideal, competitive } of readRows(panels.folder))
    points.push(...relativePoints(cell, ideal ?? [], competitive ?? []));
  const { figure4Page } = await import('../report/index.js');
  const { command, solver } = place;
  const page = await figure4Page({ command, solver, panels: panels.summary, points, curves: curves.summary });
  return { name: 'figure-4', page, numbers: { panels: panels.summary, curves: curves.summary } };
}

async function sensitivity(place: Workplace): Promise<Simulated> {
  const laws = await runNamed(place, 'sensitivity, laws', lawsTask(place.options));
  const readings = await runNamed(place, 'sensitivity, readings', readingsTask(place.options));
  const { sensitivityPage } = await import('../report/index.js');
  const { command, solver } = place;
  const page = await sensitivityPage({ command, solver, laws: laws.summary, readings: readings.summary });
  return { name: 'sensitivity', page, numbers: { laws: laws.summary, readings: readings.summary } };
}

/** Runs a sweep into a folder named by its task, so that the same figure is not computed twice. */
async function runNamed(place: Workplace, title: string, task: SweepTask): Promise<SweepResult> {
  const progress = progressDisplay(title, 'games');
  try {
    return await runSweep({
      task,
      folder: join(place.folder, 'sweeps', task.hash.slice(0, 16)),
      solve: solveMany,
      backend: place.backend,
      signal: place.signal,
      onProgress: ({ rowsDone, rowsFound, rowsTotal }) => progress.update(rowsDone, rowsTotal, rowsFound),
    });
  } finally {
    progress.end();
  }
}

function relativePoints(cell: number, ideal: readonly number[], competitive: readonly number[]): RankPoint[] {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanIdeal, meanCompetitive] = [mean(ideal), mean(competitive)];
  return ideal.map((value, peer) => ({ cell, ideal: value / meanIdeal, competitive: competitive[peer]! / meanCompetitive }));
}

async function save(folder: string, { name, page, numbers }: Simulated): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw fileError(`cannot make the folder ${folder}`, folder, error, '--out');
  });
  const write = async (file: string, content: string): Promise<void> => (await outputFile('--out', join(folder, file))).write(content);
  await write(`${name}.html`, page.html);
  await write(`${name}.json`, `${JSON.stringify(numbers, null, 1)}\n`);
  for (const figure of page.figures) await write(figure.name, figure.svg);
}
