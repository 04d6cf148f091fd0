/** What participants measured as one result, for reports: whether they lived in one process or in many. */

import { type Backend, packageVersion } from '../backend/index.js';
import type { Equilibrium } from '../equilibrium/index.js';
import type { Measurement } from '../participant/measure.js';
import type { ParticipantResult } from '../run/protocol.js';
import type { RunRecord } from '../run/run-record.js';
import type { RunSettings } from '../run/settings.js';
import { assumptionsOf } from './assumptions.js';
import { competitiveEquilibrium } from './competitive.js';
import { checksOf, findingsOf } from './findings.js';
import { agreementOf, buildRankings } from './rankings.js';
import type { DemoCurve, DemoParticipant, DemoResult } from './result.js';
import type { RosterEntry } from './roster.js';

/** A run that is over. */
export interface AssembleOptions extends RunRecord {
  readonly seed: number;
  readonly settings: RunSettings;
  readonly roster: readonly RosterEntry[];
  readonly data: DemoResult['data'];
  readonly backend: Backend;
  /** Further sentences to print with every figure. */
  readonly assumptions?: readonly string[];
  readonly signal?: AbortSignal;
}

/**
 * Joins what participants measured; searches for the competitive equilibrium of their measured game.
 *
 * @returns the result, or null when a participant is missing: a report with holes would not be the same report
 */
export async function assembleDemo(run: AssembleOptions): Promise<DemoResult | null> {
  const results = run.results.flatMap((result) => (result === null ? [] : [result]));
  if (results.length < run.roster.length) return null;
  const { settings, roster, seed, backend, signal } = run;
  const measurements = results.map(measurementOf);
  const equilibrium = await competitiveEquilibrium({ measurements, settings, backend, ...(signal === undefined ? {} : { signal }) });
  const { estimator } = settings;
  const rankings = buildRankings({ measurements, ledger: run.ledgerRanking, competitive: equilibrium.ranking, estimator, backend });
  const agreement = agreementOf(rankings);
  const participants = results.map((result) => participantOf(roster, result));
  const outcome = { roster, participants, rankings, agreement, measurements };
  const { kind, isa, version } = backend.describe();
  return {
    kind: 'intermodel-demo',
    formatVersion: 1,
    version: packageVersion,
    seed,
    backend: { kind, isa: isa ?? 'none', version },
    data: run.data,
    settings,
    assumptions: [...assumptionsOf(settings, seed), ...(run.assumptions ?? [])],
    participants,
    curves: curvesOf(results),
    blocks: run.blocks,
    weights: Array.from(roster, (_, row) => Array.from(run.weights.subarray(row * roster.length, (row + 1) * roster.length))),
    mask: results.map((result) => result.mask),
    scores: {
      estimator,
      ideal: measurements.map((m) => Array.from(m.ideal)),
      ablation: measurements.map((m) => Array.from(m.ablation)),
    },
    rankings,
    equilibrium: endOf(equilibrium),
    agreement,
    findings: findingsOf(outcome),
    checks: checksOf(outcome),
  };
}

function endOf({ status, stats }: Equilibrium): DemoResult['equilibrium'] {
  return { status: status.kind, message: status.message, steps: stats.steps, residual: stats.residual };
}

function measurementOf({ measurement }: ParticipantResult): Measurement {
  return {
    ideal: Float64Array.from(measurement.ideal),
    ablation: Float64Array.from(measurement.ablation),
    shapley: Float64Array.from(measurement.shapley),
    gram: Float64Array.from(measurement.gram),
    linearShare: measurement.linearShare,
  };
}

function participantOf(roster: readonly RosterEntry[], result: ParticipantResult): DemoParticipant {
  const { name, role, description, copyOf, classes } = roster[result.index];
  const { ideal, linearShare } = result.measurement;
  const { head, own, gate, proxy } = result.evaluation;
  return {
    index: result.index,
    name,
    role,
    description,
    ...(copyOf === undefined ? {} : { copyOf: roster[copyOf].name }),
    classes,
    trainSamples: result.trainSamples,
    validationSamples: result.validationSamples,
    encoder: result.encoder,
    headAccuracy: head.accuracy ?? 0,
    ownAccuracy: own.accuracy ?? 0,
    gateAccuracy: gate.accuracy ?? 0,
    proxyAccuracy: proxy.accuracy ?? 0,
    linearShare,
    topPeer: roster[ideal.indexOf(Math.max(...ideal))].name,
  };
}

const CURVES: readonly Pick<DemoCurve, 'name' | 'title'>[] = [
  { name: 'head', title: 'cross-entropy of the head over all peers (nats)' },
  { name: 'own', title: 'cross-entropy of the own response alone (nats)' },
  { name: 'gate', title: 'cross-entropy through the gate (nats)' },
  { name: 'proxy', title: 'squared error of the proxy against the gate' },
];

/** One curve per kind of loss, over the rounds that anybody took part in. */
function curvesOf(results: readonly ParticipantResult[]): DemoCurve[] {
  const byRound = results.map(({ losses }) => new Map(losses.map(([round, ...values]) => [round, values])));
  const rounds = [...new Set(byRound.flatMap((one) => [...one.keys()]))].sort((a, b) => a - b);
  return CURVES.map(({ name, title }, kind) => ({
    name,
    title,
    rounds,
    values: rounds.map((round) => byRound.map((one) => one.get(round)?.[kind] ?? null)),
  }));
}
