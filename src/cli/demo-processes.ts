/** `intermodel demo --processes`: the same demonstration with every participant in a process of its own, libp2p between them. */
import { fileURLToPath } from 'node:url';
import type { Backend } from '../backend/index.js';
import { assembleDemo, idealOf } from '../participant/process/assemble.js';
import { type ProcessesOptions, type ProcessesResult, runProcesses, totalsOf } from '../participant/process/launch.js';
import type { PeerResult } from '../participant/process/messages.js';
import { positionsOf } from '../participant/rankings.js';
import type { DemoResult } from '../participant/result.js';
import { html } from '../report/markup.js';
import type { Section } from '../report/page.js';
import { table } from '../report/table.js';
import { textTable } from './text-table.js';

/** What a run of processes leaves to print. */
export interface ProcessesOutput {
  readonly run: ProcessesResult;
  /** The result as from one process; null when somebody did not finish. */
  readonly demo: DemoResult | null;
  /** Traffic, latencies and failures per process, as lines of text. */
  readonly network: string;
  /** The same for the report. */
  readonly section: Section;
}

/** Runs it, with progress on stderr. */
export async function demoProcesses(
  options: Omit<ProcessesOptions, 'command'>,
  backend: Backend,
  signal: AbortSignal,
): Promise<ProcessesOutput> {
  const command = [process.execPath, fileURLToPath(new URL('./main.js', import.meta.url))];
  const run = await runProcesses({ ...options, command }, { signal, onProgress: (line) => process.stderr.write(`${line}\n`) });
  return { run, demo: await assembleDemo(run, backend, signal), network: describeNetwork(run), section: networkSection(run) };
}

/** One row per process: what it asked, what it served, what failed. */
function networkRows(run: ProcessesResult): { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] } {
  return {
    head: [
      'process',
      'status',
      'calls',
      'success',
      'timeout',
      'error',
      'MB out',
      'MB in',
      'median ms',
      'p95 ms',
      'served',
      'refused',
      'processor s',
      'MB memory',
    ],
    rows: run.reports.map(({ name, status, result }) =>
      result === null ? [name, status, ...Array(12).fill('')] : [name, status, ...cellsOf(result)],
    ),
  };
}

function networkSection(run: ProcessesResult): Section {
  const { head, rows } = networkRows(run);
  const caption = `${run.cast.length} processes over libp2p on loopback, numbers as ${run.wire}. Latencies are the largest over the peers of each process: a whole exchange, with the model and waiting for a turn.`;
  const columns = head.map((title, at) => ({ title, numeric: at > 1, cell: (row: readonly string[]) => row[at]! }));
  const failures = failuresOf(run);
  const note = `Errors by kind and by who found them: ${failures === '' ? 'none' : failures}. Success, timeout and error add up to the calls.`;
  return { id: 'network', title: 'Network', body: [table({ caption, columns, rows }), html`<p>${note}</p>`] };
}

function cellsOf(result: PeerResult): string[] {
  const sums = totalsOf(
    result.traffic.map(([, one]) => one),
    result.service,
  );
  const { calls, success, timeout, error, served, refused } = sums;
  return [
    ...[calls, success, timeout, error].map(String),
    (sums.bytesSent / 1e6).toFixed(1),
    (sums.bytesReceived / 1e6).toFixed(1),
    sums.latencyMedian_ms.toFixed(1),
    sums.latencyP95_ms.toFixed(1),
    ...[served, refused].map(String),
    result.processor_s.toFixed(1),
    result.memory_mb.toFixed(0),
  ];
}

function describeNetwork(run: ProcessesResult): string {
  const { head, rows } = networkRows(run);
  const right = Array.from({ length: 12 }, (_, column) => column + 2);
  const lines = [
    `${run.cast.length} processes over libp2p on loopback, numbers as ${run.wire}: ${run.elapsed_s.toFixed(1)} s, ${run.blocks.length} blocks, replayed from the genesis: ${run.chainVerified ? 'every byte agrees' : 'DAMAGED'}`,
    textTable(
      [...head],
      rows.map((row) => [...row]),
      right,
    ),
    'Latencies are the largest over the peers of each process, a whole exchange including the model and waiting for a turn.',
  ];
  const failures = failuresOf(run);
  if (failures !== '') lines.push(`Errors by kind and by who found them: ${failures}`);
  const results = run.reports.flatMap((report) => (report.result === null ? [] : [report.result]));
  if (results.length < run.cast.length) lines.push(survivorsOf(run, results));
  return lines.join('\n');
}

function failuresOf(run: ProcessesResult): string {
  const counts = new Map<string, number>();
  for (const { result } of run.reports) {
    for (const [, { errors }] of result?.traffic ?? []) {
      for (const [code, count] of Object.entries(errors)) counts.set(code, (counts.get(code) ?? 0) + count);
    }
  }
  return [...counts].map(([code, count]) => `${code} ${count}`).join(', ');
}

/** The ranking by those that are left. */
function survivorsOf(run: ProcessesResult, results: readonly PeerResult[]): string {
  const ideal = idealOf(results, run.cast.length);
  const left = results.map((result) => result.index);
  const positions = positionsOf(left.map((index) => ideal[index]));
  const order = left.map((index, at) => `${positions[at]} ${run.cast[index].name} (${(1000 * ideal[index]).toFixed(2)} millinats)`);
  const gone = run.reports
    .filter((report) => report.result === null)
    .map((report) => `${report.name} ${report.status}${report.error === undefined ? '' : `: ${report.error.trim()}`}`);
  return `Gone: ${gone.join('; ')}\nRanking (2) of the survivors by the survivors: ${order.join(', ')}`;
}
