/** `intermodel sweep`: many games over a grid of theta, resumable and shardable; `merge` and `summary` for what is on disk. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { checkOutputFolder } from '../core/user-files.js';
import { solveMany } from '../equilibrium/index.js';
import {
  type CellSummary,
  type MeanSummary,
  mergeShards,
  parseShard,
  runSweep,
  type SweepSummary,
  shardFolder,
  sweepTask,
  writeSummary,
} from '../sweep/index.js';
import { addBackendOptions, type BackendFlags, backendOf } from './backend-option.js';
import { abortOnInterrupt } from './interrupt.js';
import { printOut } from './print.js';
import { progressDisplay } from './progress.js';
import { addSweepOptions, type SweepFlags, specOf } from './sweep-options.js';
import { textTable } from './text-table.js';

interface RunFlags extends SweepFlags, BackendFlags {
  readonly out?: string;
  readonly shard?: string;
  readonly json?: boolean;
}

export function sweepCommand(program: Command): void {
  const sweep = program.command('sweep').description('solve many random games over a grid of theta (docs/concepts/sweep.md)');
  const run = sweep.command('run', { isDefault: true }).description('run a sweep, or continue one that was stopped');
  addBackendOptions(addSweepOptions(run))
    .option('--shard <i/N>', 'run this part only; put the parts together with `intermodel sweep merge`')
    .option('--out <folder>', 'where results go (default: sweeps/ and the name of the task)')
    .option('--json', 'print the summary as JSON')
    .action(runAction);
  sweep
    .command('merge')
    .description('put complete shards together; the files are those of an unbroken run')
    .argument('<shards...>', 'the folder that holds the shards, or the folder of every shard')
    .requiredOption('--out <folder>', 'folder of the whole')
    .option('--json', 'print the summary as JSON')
    .action(async (shards: string[], flags: { out: string; json?: boolean }) => {
      await checkOutputFolder('--out', flags.out);
      print(await mergeShards({ shards, folder: flags.out }), flags.out, flags.json);
    });
  sweep
    .command('summary')
    .description('summarise the results in a folder again')
    .argument('<folder>', 'folder of a sweep, finished or not')
    .option('--json', 'print the summary as JSON')
    .action(async (folder: string, flags: { json?: boolean }) => print(await writeSummary(folder), folder, flags.json));
}

async function runAction(flags: RunFlags): Promise<void> {
  const task = sweepTask(await specOf(flags));
  const shard = flags.shard === undefined ? undefined : parseShard(flags.shard);
  const folder = shardFolder(flags.out ?? join('sweeps', task.hash.slice(0, 16)), shard);
  await checkOutputFolder('--out', folder);
  const progress = progressDisplay('sweep', 'games');
  const interrupt = abortOnInterrupt(`everything solved so far is in ${folder}; the same command continues from there`);
  try {
    const result = await runSweep({
      task,
      folder,
      solve: solveMany,
      backend: backendOf(flags),
      signal: interrupt.signal,
      onProgress: ({ rowsDone, rowsFound, rowsTotal }) => progress.update(rowsDone, rowsTotal, rowsFound),
      ...(shard === undefined ? {} : { shard }),
    });
    progress.end();
    print(result.summary, folder, flags.json);
  } finally {
    progress.end();
    interrupt.dispose();
  }
}

function print(summary: SweepSummary, folder: string, json: boolean | undefined): void {
  printOut(json === true ? JSON.stringify(summary) : `${describe(summary)}\n\nresults in ${folder}`);
}

/** Parts of theta that differ between cells, then what was measured. */
function describe(summary: SweepSummary): string {
  const axes = Object.keys(summary.cells[0]?.theta ?? {}).filter((axis) => new Set(summary.cells.map((cell) => cell.theta[axis])).size > 1);
  const fixed = Object.entries(summary.cells[0]?.theta ?? {}).filter(([axis]) => !axes.includes(axis));
  const headings = [...axes, 'converged', 'pearson', 'spearman', 'kendall', 'undefined', 'diagonal share', 'ratio', 'steps'];
  const body = summary.cells.map((cell) => [...axes.map((axis) => String(cell.theta[axis])), ...measured(cell)]);
  const right = headings.map((_, column) => column);
  return [
    `seed ${summary.seed}, ${summary.trialsPerCell} trials a cell, task ${summary.hash.slice(0, 16)}`,
    fixed.map(([axis, value]) => `${axis} ${value}`).join(', '),
    summary.intervals,
    '',
    textTable(headings, body, right),
  ].join('\n');
}

function measured(cell: CellSummary): string[] {
  const missing = Object.values(cell.undefined).reduce((sum, count) => sum + count, 0);
  return [
    `${(100 * cell.converged.share).toFixed(1)} %`,
    ...[cell.pearson, cell.spearman, cell.kendall].map((mean) => withInterval(mean, 3)),
    `${missing} of ${cell.trials}`,
    withInterval(cell.diagonalShare, 3),
    withInterval(cell.diagonalRatio, 2),
    cell.steps.mean === null ? '-' : cell.steps.mean.toFixed(0),
  ];
}

function withInterval({ mean, low, high }: MeanSummary, digits: number): string {
  if (mean === null) return '-';
  if (low === null || high === null) return mean.toFixed(digits);
  return `${mean.toFixed(digits)} [${low.toFixed(digits)}, ${high.toFixed(digits)}]`;
}
