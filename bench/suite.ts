/**
 * The benchmark suite: every case checks its answers, then this package and its rivals take turns.
 *
 *   node lib/bench/suite.js [--only W1,W3] [--match TEXT] [--python PYTHON] [--rounds 7] [--turn 0.2] [--threads 1,2]
 *                           [--smoke] [--json FILE] [--docs FILE]
 *   node lib/bench/suite.js --compare BEFORE.json AFTER.json
 *
 * PYTHON is one with the rivals (bench/rivals/setup.sh makes it); without it only this package and plain JavaScript are timed. A rival
 * that does not start is left out by name. Times are medians of processor time; ratios above 1 mean that this package is faster.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createBackend } from '../src/backend/index.js';
import { callCases } from './suite/calls.js';
import { type BenchCase, type Plan, type Row, runCase } from './suite/case.js';
import { versionsMet } from './suite/contender.js';
import { epochCases } from './suite/epoch.js';
import { gameCases } from './suite/game.js';
import { measureLimits } from './suite/limits.js';
import { removalCases } from './suite/removal.js';
import { caseText, compareRuns, curvesOf, markdownOf, type Run } from './suite/report.js';

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string', default: '' },
    match: { type: 'string', default: '' },
    python: { type: 'string', default: '' },
    rounds: { type: 'string', default: '7' },
    turn: { type: 'string', default: '0.2' },
    threads: { type: 'string', default: '1,2' },
    smoke: { type: 'boolean', default: false },
    json: { type: 'string', default: '' },
    docs: { type: 'string', default: '' },
    compare: { type: 'boolean', default: false },
  },
});

const BEGIN = '<!-- written by the suite: begin -->';
const END = '<!-- written by the suite: end -->';

if (options.compare) compare();
else await measure();

function compare(): void {
  const [before, after] = positionals.map((file) => JSON.parse(readFileSync(file, 'utf8')) as Run);
  if (before === undefined || after === undefined) throw new Error('--compare needs two files that --json wrote');
  for (const { name, ratio, verdict, sameAnswer } of compareRuns(before, after)) {
    const note = sameAnswer ? '' : '  THE ANSWER CHANGED';
    process.stdout.write(`${verdict.padEnd(7)} x ${ratio.toFixed(2)}  ${name}${note}\n`);
    if (!sameAnswer) process.exitCode = 1;
  }
}

function chosenCases(): BenchCase[] {
  const workloads = options.only === '' ? null : options.only.split(',');
  const all = [
    ...gameCases(options.smoke),
    ...removalCases(options.smoke),
    ...epochCases(options.smoke),
    ...callCases().slice(0, options.smoke ? 2 : undefined),
  ];
  return all.filter(
    ({ workload, name }) => (workloads === null || workloads.includes(workload)) && `${workload} ${name}`.includes(options.match),
  );
}

async function measure(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'intermodel-bench-'));
  try {
    const plan: Plan = {
      rounds: options.smoke ? 3 : Number(options.rounds),
      turn: options.smoke ? 0.005 : Number(options.turn),
      threads: options.threads.split(',').map(Number),
      python: options.python,
      smoke: options.smoke,
      folder,
    };
    const limits = measureLimits(folder, options.smoke ? 0.2 : 3);
    const rows: Row[] = [];
    for (const bench of chosenCases()) {
      const found = await runCase(bench, plan, limits);
      rows.push(...found);
      process.stdout.write(caseText(found));
    }
    const run = { heading: headingOf(plan, limits), rows };
    for (const { name, contender, exponent } of curvesOf(rows)) {
      process.stdout.write(`\n${name}: ${contender} grows with exponent ${exponent.toFixed(2)}`);
    }
    process.stdout.write(`\n${JSON.stringify(run.heading, null, 1)}\n`);
    if (options.json !== '') writeFileSync(options.json, JSON.stringify(run));
    if (options.docs !== '') writeDocs(options.docs, run);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function headingOf(plan: Plan, limits: object | null): Run['heading'] {
  const { isa } = createBackend({ kind: 'native' }).describe();
  return {
    command: ['node lib/bench/suite.js', ...process.argv.slice(2).map((part) => (part.includes('/') ? 'PATH' : part))].join(' '),
    commit: commitOf(),
    node: process.version,
    processor: cpus()[0]?.model,
    cores: cpus().length,
    load: loadavg()[0],
    isa,
    rounds: plan.rounds,
    limits,
    rivals: Object.fromEntries(versionsMet),
  };
}

function commitOf(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return 'unknown';
  }
}

/** Replaces the part of a page between the two marks. */
function writeDocs(file: string, run: Run): void {
  const page = readFileSync(file, 'utf8');
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${file} has no place for the tables: ${BEGIN} and ${END}`);
  writeFileSync(file, `${page.slice(0, from + BEGIN.length)}\n\n${markdownOf(run)}\n${page.slice(to)}`);
}
