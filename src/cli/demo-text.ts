/** The result of the demonstration as text for a terminal. */
import type { DemoResult } from '../demo/result.js';
import { textTable } from './text-table.js';

/** Units that a column heading has no room for. */
const UNITS: Readonly<Record<string, { readonly name: string; readonly factor: number }>> = {
  'nats per sample': { name: 'mnats', factor: 1000 },
  'initial stakes': { name: 'stakes', factor: 1 },
};

/** Tables, findings and checks. Holds no clock: the same result gives the same text. */
export function describeDemo(result: DemoResult): string {
  const { backend, data, settings } = result;
  const header =
    `${settings.participants} participants on ${data.name}, seed ${result.seed}; numbers by ${backend.kind} (${backend.isa}).\n` +
    `Positions, 1 is best. Truth is exact ablation, and for the ledger the same by row; the measure is ${settings.estimator}.`;
  const checks = result.checks.map((check) => `${check.held ? 'yes' : 'NO '}  ${check.name}: ${check.measured}`);
  const findings = result.findings.map((finding) => `${finding.participant}: ${finding.text}`);
  return [
    header,
    positions(result),
    `Agreement of the rankings\n${agreement(result)}`,
    `What each participant reached on held-out samples (share right)\n${accuracies(result)}`,
    `The competitive ranking: ${result.equilibrium.status} after ${result.equilibrium.steps} steps, residual ${result.equilibrium.residual.toExponential(1)}.`,
    `Findings\n${findings.join('\n')}`,
    `Claims\n${checks.join('\n')}`,
  ].join('\n\n');
}

function positions(result: DemoResult): string {
  const order = [...result.participants].sort((a, b) => targets(result, a.index) - targets(result, b.index));
  const right = Array.from({ length: 2 * result.rankings.length + 1 }, (_, column) => column + 2);
  const stake = result.blocks.at(-1)?.stake ?? [];
  return textTable(
    ['participant', 'classes', ...result.rankings.flatMap((ranking) => [ranking.name, UNITS[ranking.unit]?.name ?? ranking.unit]), 'stake'],
    order.map((participant) => [
      participant.name,
      participant.classes.length === result.data.classes ? 'all' : participant.classes.join(' '),
      ...result.rankings.flatMap((ranking) => {
        const value = ranking.values[participant.index]!;
        return [`${ranking.positions[participant.index]}`, ((UNITS[ranking.unit]?.factor ?? 1) * value).toFixed(3)];
      }),
      (stake[participant.index] ?? 0).toFixed(2),
    ]),
    right,
  );
}

function targets(result: DemoResult, index: number): number {
  return result.rankings[0]?.positions[index] ?? index;
}

function agreement(result: DemoResult): string {
  const show = (value: number | null): string => (value === null ? 'undefined' : value.toFixed(3));
  return textTable(
    ['', '', 'Pearson', 'Spearman', 'Kendall'],
    result.agreement.map((pair) => [pair.a, pair.b, show(pair.pearson), show(pair.spearman), show(pair.kendall)]),
    [2, 3, 4],
  );
}

function accuracies(result: DemoResult): string {
  return textTable(
    ['participant', 'samples', 'encoder', 'head', 'own', 'gate', 'proxy', 'linear share'],
    result.participants.map((p) => [
      p.name,
      `${p.trainSamples}`,
      p.encoder,
      ...[p.headAccuracy, p.ownAccuracy, p.gateAccuracy, p.proxyAccuracy, p.linearShare].map((share) => share.toFixed(3)),
    ]),
    [1, 3, 4, 5, 6, 7],
  );
}
