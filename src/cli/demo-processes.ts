/** `intermodel demo --processes`: the same demonstration with every participant in a process of its own, libp2p between them. */
import { fileURLToPath } from 'node:url';
import type { Backend } from '../backend/index.js';
import type { PeerTraffic, ServiceCounters } from '../network/index.js';
import { assembleDemo } from '../participant/assemble.js';
import type { PeerResult } from '../participant/living/messages.js';
import { type ProcessesOptions, type ProcessesResult, runProcesses } from '../participant/process/launch.js';
import type { DemoResult } from '../participant/result.js';
import { html } from '../report/markup.js';
import type { Section } from '../report/page.js';
import { table } from '../report/table.js';
import { describeSurvival } from './survival-text.js';
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
  return { run, demo: await assemble(run, backend, signal), network: describeNetwork(run), section: networkSection(run) };
}

async function assemble(run: ProcessesResult, backend: Backend, signal: AbortSignal): Promise<DemoResult | null> {
  const first = run.results.find((result) => result !== null);
  if (first === undefined || first === null) return null;
  const exact = run.wire === 'f32' && run.reports.every(({ restarts }) => restarts === 0);
  const travel = `Every participant is a process of its own; numbers travel between them over libp2p as ${run.wire}`;
  const assumptions = [exact ? `${travel}, which changes no bit: the same seed in one process gives the same rankings.` : `${travel}.`];
  const encoderBackend = first.encoderBackend as DemoResult['encoderBackend'];
  return assembleDemo({ ...run, encoderBackend, data: first.data, backend, assumptions, signal });
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
    rows: run.reports.map(({ name, status, restarts }, index) => {
      const result = run.results[index];
      const fate = restarts === 0 ? status : `${status}, ${restarts} restart${restarts === 1 ? '' : 's'}`;
      return result === null ? [name, fate, ...Array(12).fill('')] : [name, fate, ...cellsOf(result)];
    }),
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
  const survival = describeSurvival(run);
  if (survival !== '') lines.push(survival);
  return lines.join('\n');
}

function failuresOf(run: ProcessesResult): string {
  const counts = new Map<string, number>();
  for (const result of run.results) {
    for (const [, { errors }] of result?.traffic ?? []) {
      for (const [code, count] of Object.entries(errors)) counts.set(code, (counts.get(code) ?? 0) + count);
    }
  }
  return [...counts].map(([code, count]) => `${code} ${count}`).join(', ');
}

/** Totals of one caller over all peers it asked. */
interface TrafficTotals {
  readonly calls: number;
  readonly success: number;
  readonly timeout: number;
  readonly error: number;
  readonly bytesSent: number;
  readonly bytesReceived: number;
  /** Largest median and 95th percentile over its peers, milliseconds. */
  readonly latencyMedian_ms: number;
  readonly latencyP95_ms: number;
  readonly served: number;
  readonly refused: number;
}

function totalsOf(traffic: readonly PeerTraffic[], service: ServiceCounters): TrafficTotals {
  const sum = (of: (one: PeerTraffic) => number) => traffic.reduce((total, one) => total + of(one), 0);
  return {
    calls: sum((one) => one.calls),
    success: sum((one) => one.success),
    timeout: sum((one) => one.timeout),
    error: sum((one) => one.error),
    bytesSent: sum((one) => one.bytesSent),
    bytesReceived: sum((one) => one.bytesReceived),
    latencyMedian_ms: Math.max(0, ...traffic.map((one) => one.latencyMedian_ms)),
    latencyP95_ms: Math.max(0, ...traffic.map((one) => one.latencyP95_ms)),
    served: service.served,
    refused: Object.values(service.refused).reduce((total, count) => total + count, 0),
  };
}
