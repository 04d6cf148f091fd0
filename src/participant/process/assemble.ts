/** The result of processes in the form of the demonstration in one process, so that the same report shows it. */
import { type Backend, packageVersion } from '../../backend/index.js';
import { assumptionsOf } from '../assumptions.js';
import { competitiveEquilibrium } from '../competitive.js';
import { curvesOf } from '../demo.js';
import { checksOf, findingsOf } from '../findings.js';
import type { Measurement } from '../measure.js';
import { outcomeOf, scoresOf } from '../plain.js';
import { agreementOf, buildRankings } from '../rankings.js';
import type { DemoParticipant, DemoResult } from '../result.js';
import type { ProcessesResult } from './launch.js';
import type { PeerResult } from './messages.js';

/**
 * Joins what the processes measured.
 *
 * @param run what the processes told; its equilibrium is searched for here
 * @returns the result, or null when a participant is missing: a report with holes would not be the same report
 */
export async function assembleDemo(run: ProcessesResult, backend: Backend, signal?: AbortSignal): Promise<DemoResult | null> {
  const results = run.reports.flatMap((report) => (report.result === null ? [] : [report.result]));
  if (results.length < run.cast.length) return null;
  const { settings, cast, seed } = run;
  const measurements = results.map(measurementOf);
  const equilibrium = await competitiveEquilibrium({ measurements, settings, backend, ...(signal === undefined ? {} : { signal }) });
  const rankings = buildRankings({
    measurements,
    ledger: run.ledgerRanking,
    competitive: equilibrium.ranking,
    estimator: settings.estimator,
    backend,
  });
  const agreement = agreementOf(rankings);
  const participants = results.map((result) => participantOf(run, result));
  const outcome = { cast, participants, rankings, agreement, measurements };
  const { kind, isa, version } = backend.describe();
  const n = cast.length;
  return {
    kind: 'intermodel-demo',
    formatVersion: 1,
    version: packageVersion,
    seed,
    backend: { kind, isa: isa ?? 'none', version },
    encoderBackend: results[0].encoderBackend as DemoResult['encoderBackend'],
    data: results[0].data,
    settings,
    assumptions: [
      ...assumptionsOf(settings, seed),
      `Every participant is a process of its own; numbers travel between them over libp2p as ${run.wire}. The order in which gradients arrive differs from run to run, so repeating the seed repeats the run only approximately.`,
    ],
    participants,
    curves: curvesOf(lossesByRound(results)),
    blocks: run.blocks,
    weights: Array.from({ length: n }, (_, row) => Array.from(run.weights.subarray(row * n, (row + 1) * n))),
    mask: results.map((result) => result.mask),
    scores: scoresOf(settings, measurements),
    rankings,
    equilibrium: outcomeOf(equilibrium),
    agreement,
    findings: findingsOf(outcome),
    checks: checksOf(outcome),
  };
}

/** Equation (2) over the participants that are left: the mean of their removal scores. */
export function idealOf(results: readonly PeerResult[], peers: number): Float64Array {
  const ideal = new Float64Array(peers);
  for (const { measurement } of results) {
    measurement.ideal.forEach((score, peer) => {
      ideal[peer] += score / results.length;
    });
  }
  return ideal;
}

function measurementOf({ measurement }: PeerResult): Measurement {
  return {
    ideal: Float64Array.from(measurement.ideal),
    ablation: Float64Array.from(measurement.ablation),
    shapley: Float64Array.from(measurement.shapley),
    gram: Float64Array.from(measurement.gram),
    linearShare: measurement.linearShare,
  };
}

function participantOf({ cast }: ProcessesResult, result: PeerResult): DemoParticipant {
  const { name, role, description, copyOf, classes } = cast[result.index];
  const { ideal, linearShare } = result.measurement;
  return {
    index: result.index,
    name,
    role,
    description,
    ...(copyOf === undefined ? {} : { copyOf: cast[copyOf].name }),
    classes,
    trainSamples: result.trainSamples,
    validationSamples: result.validationSamples,
    encoder: result.encoder,
    ...result.reached,
    linearShare,
    topPeer: cast[ideal.indexOf(Math.max(...ideal))].name,
  };
}

function lossesByRound(results: readonly PeerResult[]) {
  return results[0].losses.map((_, round) =>
    results.map(({ losses }) => {
      const [head, own, gate, proxy] = losses[round];
      return { head, own, gate, proxy };
    }),
  );
}
