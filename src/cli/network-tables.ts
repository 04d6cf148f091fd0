/** Traffic, latencies and failures of a run of processes, as text and as a section of its report. */
import type { PeerTraffic } from '../network/index.js';
import { mergeSenders } from '../network/refusals.js';
import type { ProcessesResult } from '../process/launch.js';
import { html } from '../report/markup.js';
import type { Section } from '../report/page.js';
import { table } from '../report/table.js';
import type { PeerResult } from '../run/protocol.js';
import { textTable } from './text-table.js';

/** One column per number; the first two, name and fate, come before these. */
const COLUMNS: readonly (readonly [title: string, cell: (result: PeerResult) => string])[] = [
  ['calls', (result) => `${sum(result, ({ calls }) => calls)}`],
  ['success', (result) => `${sum(result, ({ success }) => success)}`],
  ['timeout', (result) => `${sum(result, ({ timeout }) => timeout)}`],
  ['error', (result) => `${sum(result, ({ error }) => error)}`],
  ['MB out', (result) => (sum(result, ({ bytesSent }) => bytesSent) / 1e6).toFixed(1)],
  ['MB in', (result) => (sum(result, ({ bytesReceived }) => bytesReceived) / 1e6).toFixed(1)],
  ['median ms', (result) => largest(result, ({ latencyMedian_ms }) => latencyMedian_ms).toFixed(1)],
  ['p95 ms', (result) => largest(result, ({ latencyP95_ms }) => latencyP95_ms).toFixed(1)],
  ['served', ({ service }) => `${service.served}`],
  ['refused', ({ service }) => `${Object.values(service.refused).reduce((total, count) => total + count, 0)}`],
  ['processor s', ({ processor_s }) => processor_s.toFixed(1)],
  ['MB memory', ({ memory_mb }) => memory_mb.toFixed(0)],
];

const LATENCIES = 'Latencies are the largest over the peers of each process: a whole exchange, with the model and waiting for a turn.';

/** One row per process: what it asked of its peers, what it served, what failed. */
export function networkText(run: ProcessesResult): string {
  const right = COLUMNS.map((_, column) => column + 2);
  const verified = run.chainVerified ? 'every byte agrees' : 'DAMAGED';
  const lines = [
    `${run.names.length} processes over libp2p on loopback, numbers as ${run.wire}: ${run.elapsed_s.toFixed(1)} s, ${run.blocks.length} blocks, replayed from the genesis: ${verified}`,
    textTable(
      ['process', 'status', ...COLUMNS.map(([title]) => title)],
      rowsOf(run).map((row) => [...row]),
      right,
    ),
    LATENCIES,
  ];
  const refused = refusedBySender(run);
  if (refused.length > 0) lines.push(textTable([...REFUSED], refused, [1]));
  const failures = failuresOf(run);
  return [...lines, ...(failures === '' ? [] : [`Errors by kind and by who found them: ${failures}`])].join('\n');
}

/** The same for the report. */
export function networkSection(run: ProcessesResult): Section {
  const caption = `${run.names.length} processes over libp2p on loopback, numbers as ${run.wire}. ${LATENCIES}`;
  const titles = ['process', 'status', ...COLUMNS.map(([title]) => title)];
  const columns = titles.map((title, at) => ({ title, numeric: at > 1, cell: (row: readonly string[]) => row[at]! }));
  const failures = failuresOf(run);
  const note = `Errors by kind and by who found them: ${failures === '' ? 'none' : failures}. Success, timeout and error add up to the calls.`;
  const refused = refusedBySender(run);
  const senders = {
    caption: 'What processes turned away, over all of them',
    columns: REFUSED.map((title, at) => ({ title, numeric: at === 1, cell: (row: readonly string[]) => row[at]! })),
    rows: refused,
  };
  const tables = [table({ caption, columns, rows: rowsOf(run) }), ...(refused.length > 0 ? [table(senders)] : [])];
  return { id: 'network', title: 'Network', body: [...tables, html`<p>${note}</p>`] };
}

const REFUSED = ['sender', 'refused', 'by reason'] as const;

/** Sender, number and reasons of what all processes turned away, most first. */
function refusedBySender(run: ProcessesResult): string[][] {
  const names = new Map<string, string>(run.reports.map(({ key, name }) => [key, name]));
  return mergeSenders(run.results.map((result) => result?.refusals.bySender ?? [])).map(({ sender, total, reasons }) => [
    names.get(sender) ?? sender.slice(0, 16),
    `${total}`,
    Object.entries(reasons)
      .map(([reason, count]) => `${reason} ${count}`)
      .join(', '),
  ]);
}

/** Calls that failed, over all processes. */
export function failuresOf(run: ProcessesResult): string {
  const counts = new Map<string, number>();
  for (const result of run.results) {
    for (const [, { errors }] of result?.traffic ?? []) {
      for (const [code, count] of Object.entries(errors)) counts.set(code, (counts.get(code) ?? 0) + count);
    }
  }
  return [...counts].map(([code, count]) => `${code} ${count}`).join(', ');
}

function rowsOf(run: ProcessesResult): (readonly string[])[] {
  return run.reports.map(({ name, status, restarts }, index) => {
    const result = run.results[index];
    const fate = restarts === 0 ? status : `${status}, started ${restarts + 1} times`;
    return [name, fate, ...COLUMNS.map(([, cell]) => (result === null ? '' : cell(result)))];
  });
}

function sum({ traffic }: PeerResult, of: (one: PeerTraffic) => number): number {
  return traffic.reduce((total, [, one]) => total + of(one), 0);
}

function largest({ traffic }: PeerResult, of: (one: PeerTraffic) => number): number {
  return Math.max(0, ...traffic.map(([, one]) => of(one)));
}
