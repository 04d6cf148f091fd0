/** `intermodel distill` as a function: trains a gated network, distils one participant, takes it off the network, then takes some peers away. Plain data out. */
import { InputError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import {
  type AbsenceReport,
  breathe,
  buildGatedNetwork,
  type GatedNetwork,
  type GatedRunOptions,
  reportAbsence,
  reportStudent,
  type StudentReport,
  trafficOf,
  trainGated,
} from './gated-run.js';
import { type ClassScore, labelsOf, scoreClasses } from './samples.js';
import { contentHash, decodeStudent, encodeStudent } from './student-file.js';

/** What a run takes beside its network. */
export interface DistillationRunOptions extends GatedRunOptions {
  /** Rounds that everybody trains. */
  readonly rounds: number;
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
  const network = await buildGatedNetwork(options);
  try {
    return await runConnected(network, options, control);
  } finally {
    for (const participant of network.participants) await participant.disconnect();
  }
}

async function runConnected(
  network: GatedNetwork,
  options: DistillationRunOptions,
  control: DistillationControl,
): Promise<DistillationRunResult> {
  const losses: number[] = [];
  await trainGated(network, options.rounds, options.batch, {
    onRound: (round, loss) => {
      losses.push(loss);
      control.onProgress?.('training', round, options.rounds);
    },
    ...(control.signal === undefined ? {} : { signal: control.signal }),
  });
  const traffic = network.participants
    .map(trafficOf)
    .reduce((sum, one) => ({ sent: sum.sent + one.sent, received: sum.received + one.received }));
  const proxies: StudentReport[] = [];
  for (const { index } of network.participants) proxies.push(await reportStudent(network, index));
  const absence = options.away.length === 0 ? null : await reportAbsence(network, options.away);
  const { report, student } = await leave(network, options, control);
  return { firstLoss: losses[0], lastLoss: losses[losses.length - 1], traffic, proxies, absence, offline: report, student };
}

/** Distils the leaver's ensemble, disconnects it completely, and validates what is left. */
async function leave(
  network: GatedNetwork,
  options: DistillationRunOptions,
  control: DistillationControl,
): Promise<{ report: OfflineReport; student: Uint8Array }> {
  const leaver = network.participants[options.leaver];
  for (let step = 0; step < options.distilSteps; step++) {
    await breathe(control.signal, 'distilling');
    await leaver.distil(leaver.nextBatch(options.distilBatch), 0.5 * (1 - step / options.distilSteps));
    control.onProgress?.('distilling', step + 1, options.distilSteps);
  }
  const { ensemble, divergence } = await reportStudent(network, options.leaver);
  await leaver.disconnect();
  const peer = network.participants[options.leaver === 0 ? 1 : 0];
  const held = network.validation[options.leaver];
  const pixels = held.inputs.length / held.size;
  const query = await peer.network?.query(leaver.identity.key, { shape: [1, pixels], data: held.inputs.slice(0, pixels) });
  const bytes = encodeStudent(leaver.student);
  const student = decodeStudent(bytes);
  const offline = scoreClasses(leaver.readout.forward(student.forward(held.inputs, held.size), held.size), labelsOf(held));
  const report: OfflineReport = {
    index: options.leaver,
    hash: contentHash(bytes),
    bytes: bytes.length,
    queryFailure: query === undefined || query.ok ? 'none' : query.failure.code,
    offline,
    ensemble,
    divergence,
    pointsLost: 100 * (ensemble.accuracy - offline.accuracy),
  };
  return { report, student: bytes };
}

function checkRun(options: DistillationRunOptions): void {
  checkInteger('rounds', options.rounds, 1);
  checkInteger('distilSteps', options.distilSteps, 1);
  checkInteger('distilBatch', options.distilBatch, 1);
  checkInteger('leaver', options.leaver, 0, options.peers - 1);
  for (const index of options.away) checkInteger('away', index, 0, options.peers - 1);
  if (new Set(options.away).size !== options.away.length || options.away.length > options.peers - 2) {
    throw new InputError('BTM_DOMAIN', 'must name different peers and leave at least two', { argument: 'away', value: options.away });
  }
}
