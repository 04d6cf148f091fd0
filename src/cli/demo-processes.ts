/** `intermodel demo --processes`: the same demonstration with every participant in a process of its own, libp2p between them. */
import { fileURLToPath } from 'node:url';
import { type Backend, packageVersion } from '../backend/index.js';
import { assembleDemo } from '../demo/assemble.js';
import { demoRoster, entriesOf } from '../demo/demo-roster.js';
import type { DemoResult } from '../demo/result.js';
import { type ProcessesOptions, type ProcessesResult, runProcesses } from '../process/launch.js';
import { survivalOf, survivorsRanking } from '../process/survival.js';
import type { Section } from '../report/page.js';
import { dataNamed } from '../run/named-data.js';
import { failuresOf, networkSection, networkText } from './network-tables.js';
import { printNote } from './print.js';
import { survivalSections, survivalText } from './survival-tables.js';

/** What a run of processes leaves to print. */
export interface ProcessesOutput {
  /** The result as from one process; null when a participant did not finish. */
  readonly demo: DemoResult | null;
  /** What is left to say as JSON when a participant did not finish. */
  readonly rest: object;
  /** Traffic, latencies and failures per process, and what absences cost, as text. */
  readonly text: string;
  /** The same for the report. */
  readonly sections: readonly Section[];
}

/** Runs it, with progress on stderr. */
export async function demoProcesses(
  options: Omit<ProcessesOptions, 'command' | 'roster'>,
  backend: Backend,
  signal: AbortSignal,
): Promise<ProcessesOutput> {
  const command = [process.execPath, fileURLToPath(new URL('./main.js', import.meta.url))];
  const run = await runProcesses({ ...options, roster: demoRoster, command }, { signal, onProgress: printNote });
  return {
    demo: await assemble(run, options.data ?? 'mnist', backend, signal),
    rest: restOf(run),
    text: [networkText(run), survivalText(run)].filter((part) => part !== '').join('\n\n'),
    sections: [networkSection(run), ...survivalSections(run)],
  };
}

async function assemble(run: ProcessesResult, data: string, backend: Backend, signal: AbortSignal): Promise<DemoResult | null> {
  const first = run.results.find((result) => result !== null);
  if (first === undefined || first === null) return null;
  const travel = `Every participant is a process of its own; numbers travel between them over libp2p as ${run.wire}`;
  const exact = run.wire === 'f32' && failuresOf(run) === '';
  const assumptions = [exact ? `${travel}, which changes no bit: the same seed in one process gives the same rankings.` : `${travel}.`];
  const roster = entriesOf(run, await dataNamed(data));
  return assembleDemo({ ...run, roster, data: first.data, backend, assumptions, signal });
}

function restOf(run: ProcessesResult): object {
  const { seed, settings, wire, reports, blocks, chainVerified } = run;
  const survivors = survivorsRanking(run);
  const head = { kind: 'intermodel-processes', formatVersion: 1, version: packageVersion };
  return { ...head, seed, settings, wire, reports, survival: survivalOf(run), survivors, blocks, chainVerified };
}
