/** `intermodel distill` as a function: all participants train, some peers are taken away, one is distilled and leaves. Plain data out. */
import { setImmediate as nextTick } from 'node:timers/promises';
import { AbortedError, InputError } from '../../core/errors.js';
import { checkInteger } from '../../core/validate.js';
import type { DenseNet } from '../../participant/models/dense-net.js';
import type { Participant, StepLosses } from '../../participant/participant.js';
import { type ClassScore, labelsOf, type Samples, scoreClasses } from '../../participant/samples.js';
import { distilStep } from '../../participant/students/student.js';
import { contentHash, decodeStudent, encodeStudent } from '../../participant/students/student-file.js';
import { type DistillationNetwork, type DistillationNetworkOptions, openDistillationNetwork } from './network.js';
import { type AbsenceReport, reportAbsence, reportStudent, type StudentReport, trafficOf } from './report.js';

/** What a run takes beside its network. */
export interface DistillationRunOptions extends DistillationNetworkOptions {
  /** Steps of distillation of the one that leaves. */
  readonly distilSteps: number;
  /** Samples per step of distillation. */
  readonly distilBatch: number;
  /** The participant that leaves. */
  readonly leaver: number;
  /** Peers taken away before it leaves; none skips that part. */
  readonly away: readonly number[];
}

/** How a run reports, and how it is stopped. */
export interface DistillationControl {
  readonly onProgress?: (phase: 'training' | 'distilling', done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** The participant that left. */
export interface OfflineReport {
  readonly index: number;
  /** Content hash and size of the student it left with. */
  readonly hash: string;
  readonly bytes: number;
  /** What a peer's query to it came to: it is gone. */
  readonly queryFailure: string;
  /** Its student, read back from the published bytes, on held-out data with no network. */
  readonly offline: ClassScore;
  /** Its gating ensemble on the same data, measured while it was connected. */
  readonly ensemble: ClassScore;
  /** KL of the ensemble's classes to the student's, nats. */
  readonly divergence: number;
  /** Accuracy lost by leaving, in points (hundredths); negative when the student is better. */
  readonly pointsLost: number;
}

/** Everything a run produced. */
export interface DistillationRunResult {
  /** Mean loss of G(x) over all participants in the first and the last round. */
  readonly firstLoss: number;
  readonly lastLoss: number;
  /** Payload bytes sent and received by all participants in training. */
  readonly traffic: { readonly sent: number; readonly received: number };
  /** The proxies of all participants as training left them. */
  readonly proxies: readonly StudentReport[];
  readonly absence: AbsenceReport | null;
  readonly offline: OfflineReport;
  /** The published student of the leaver. */
  readonly student: Uint8Array;
}

/** Runs it. The same options give the same result, byte for byte. */
export async function runDistillation(options: DistillationRunOptions, control: DistillationControl = {}): Promise<DistillationRunResult> {
  checkRun(options);
  const { signal, onProgress } = control;
  const network = await openDistillationNetwork(options, {
    ...(signal === undefined ? {} : { signal }),
    onProgress: roundsOf(options.peers, (done, total) => onProgress?.('training', done, total)),
  });
  try {
    await network.run.advance('refitting');
    return await reportAll(network, options, control);
  } finally {
    await network.run.close();
  }
}

/** A round is done when all participants have done it. */
function roundsOf(peers: number, onRound: (done: number, total: number) => void) {
  let steps = 0;
  return (_: number, { phase, done, total }: { readonly phase: string; readonly done: number; readonly total: number }): void => {
    if (phase === 'training' && ++steps % peers === 0) onRound(done, total);
  };
}

async function reportAll(
  network: DistillationNetwork,
  options: DistillationRunOptions,
  control: DistillationControl,
): Promise<DistillationRunResult> {
  const traffic = trafficOf(network);
  const proxies: StudentReport[] = [];
  for (const index of network.members.keys()) proxies.push(await reportStudent(network, index));
  const absence = options.away.length === 0 ? null : await reportAbsence(network, options.away);
  const { report, student } = await leave(network, options, control);
  return { firstLoss: meanLoss(network, 0), lastLoss: meanLoss(network, -1), traffic, proxies, absence, offline: report, student };
}

/** Mean loss of G(x) in one round. */
function meanLoss({ run }: DistillationNetwork, round: number): number {
  return run.participants.reduce((sum, { run: one }) => sum + (one.losses.at(round) as StepLosses).gate, 0) / run.participants.length;
}

/** Distils the leaver's ensemble, disconnects it completely, and validates what is left. */
async function leave(
  network: DistillationNetwork,
  options: DistillationRunOptions,
  control: DistillationControl,
): Promise<{ report: OfflineReport; student: Uint8Array }> {
  const { leaver: index } = options;
  const { participant, validation } = network.members[index];
  const student = await distilLeaver(network, options, control);
  const { ensemble, divergence } = await reportStudent(network, index, student);
  await network.run.leave(index);
  const queryFailure = await askTheGone(network, index);
  const bytes = encodeStudent(student);
  const offline = validateOffline(bytes, participant, validation);
  const pointsLost = 100 * (ensemble.accuracy - offline.accuracy);
  const report = { index, hash: contentHash(bytes), bytes: bytes.length, queryFailure, offline, ensemble, divergence, pointsLost };
  return { report, student: bytes };
}

/** A student of G(x) that starts as the proxy. Nothing that peers see changes: the encoder goes on with the proxy as it is. */
async function distilLeaver(
  network: DistillationNetwork,
  options: DistillationRunOptions,
  { signal, onProgress }: DistillationControl,
): Promise<DenseNet> {
  const { distilSteps, distilBatch, leaver, learningRate, objective } = options;
  const { participant, proxy } = network.members[leaver];
  const student = proxy.copy({ learningRate });
  for (let step = 0; step < distilSteps; step++) {
    await nextTick();
    if (signal?.aborted === true) throw new AbortedError('distilling');
    const { inputs, size, targets } = participant.nextBatch(distilBatch);
    const { mixture } = await network.run.participants[leaver].run.view({ inputs, size, targets });
    const lesson = { inputs, target: mixture, batch: size, readout: participant.readout, labels: labelsOf({ inputs, size, targets }) };
    distilStep(student, lesson, objective, 0.5 * (1 - step / distilSteps));
    onProgress?.('distilling', step + 1, distilSteps);
  }
  return student;
}

/** One sample to one that left: the code of the failure that the asker gets. */
async function askTheGone({ run, members }: DistillationNetwork, index: number): Promise<string> {
  const { client } = run.participants[index === 0 ? 1 : 0];
  const gone = run.participants[index].client.network.self;
  const { inputs, size } = members[index].validation;
  const pixels = inputs.length / size;
  const query = await client.network.query(gone, { shape: [1, pixels], data: inputs.slice(0, pixels) });
  return query.ok ? 'none' : query.failure.code;
}

/** The published bytes and its own readout: all that it has left. */
function validateOffline(bytes: Uint8Array, { readout }: Participant, held: Samples): ClassScore {
  const response = decodeStudent(bytes).forward(held.inputs, held.size);
  return scoreClasses(readout.forward(response, held.size), labelsOf(held));
}

function checkRun(options: DistillationRunOptions): void {
  for (const name of ['rounds', 'distilSteps', 'distilBatch'] as const) checkInteger(name, options[name], 1);
  checkInteger('leaver', options.leaver, 0, options.peers - 1);
  for (const index of options.away) checkInteger('away', index, 0, options.peers - 1);
  if (new Set(options.away).size !== options.away.length || options.away.length > options.peers - 2) {
    throw new InputError('BTM_DOMAIN', 'must name different peers and leave at least two', { argument: 'away', value: options.away });
  }
}
