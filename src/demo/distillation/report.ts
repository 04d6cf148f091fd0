/** What the students of a network are worth: against G(x) on held-out data, and in the place of peers that are away. */
import { removalScores } from '../../curvature.js';
import { distillationLoss } from '../../distillation.js';
import { type ClassScore, labelsOf, scoreClasses } from '../../participant/samples.js';
import { encodeStudent } from '../../participant/students/student-file.js';
import { spearman } from '../../ranking.js';
import type { LocalParticipant } from '../../run/local-run.js';
import type { RunView } from '../../run/run-state.js';
import type { DenseMember, DistillationNetwork } from './network.js';

/** One participant's student against its gating ensemble, on held-out data. */
export interface StudentReport {
  readonly index: number;
  readonly classes: readonly number[];
  readonly ensemble: ClassScore;
  readonly student: ClassScore;
  /** KL of the ensemble's classes to the student's, in nats, temperature 1. */
  readonly divergence: number;
  /** Spearman correlation of the gate's mean shares with the measured row w_ij; null where one of them is constant. */
  readonly gateAgainstRow: number | null;
}

/** Measures one participant: its ensemble over the network, its student (its proxy unless another is given) without. */
export async function reportStudent(network: DistillationNetwork, index: number, student?: DenseMember['proxy']): Promise<StudentReport> {
  const { classes, proxy, validation, participant } = network.members[index];
  const view = await network.run.participants[index].run.view(validation, false);
  const { inputs, size } = validation;
  const offline = participant.readout.forward((student ?? proxy).forward(inputs, size), size);
  const outputs = participant.readout.width;
  const call = { teacher: view.outputs, student: offline, temperature: 1, kind: 'forwardKl', batch: size, outputs } as const;
  return {
    index,
    classes,
    ensemble: scoreClasses(view.outputs, labelsOf(validation)),
    student: scoreClasses(offline, labelsOf(validation)),
    divergence: distillationLoss(call).loss,
    gateAgainstRow: gateAgainstRow(network, index, view),
  };
}

/** The measured scores (3) of G(x) read by the readout: Gauss-Newton removal of each g_j m_ij f_j, mean over the batch, `[peers]`. */
function measuredScores({ members }: DistillationNetwork, index: number, { masked, shares, mixture }: RunView): Float64Array {
  const { readout } = members[index].participant;
  const [peers, width] = [members.length, readout.inputWidth];
  const responses = masked.map((value, at) => value * shares[Math.floor(at / width)]);
  const [{ weights: one, ...layer }] = readout.layers;
  const weights = new Float64Array(readout.width * peers * width); // the same readout of every peer's part: G(x) is their sum
  for (let row = 0; row < readout.width * peers; row++) {
    const from = Math.floor(row / peers) * width;
    weights.set(one.subarray(from, from + width), row * width);
  }
  const batch = mixture.length / width;
  const head = { layers: [{ ...layer, weights }] };
  return removalScores({ head, responses, batch, peers, width, estimator: 'gaussNewton', reduction: 'mean' }).scores;
}

/** Spearman correlation of the measured scores with the gate's mean shares, over the other peers. Normalising the row would not change the order. */
function gateAgainstRow(network: DistillationNetwork, index: number, view: RunView): number | null {
  const peers = network.members.length;
  const scores = measuredScores(network, index, view);
  const total = new Float64Array(peers);
  view.shares.forEach((share, at) => {
    total[at % peers] += share;
  });
  const others = (values: Float64Array): number[] => [...values].filter((_, j) => j !== index);
  return spearman(others(scores), others(total)).value;
}

/** Mean held-out loss of the survivors while some peers are away. */
export interface AbsenceReport {
  readonly away: readonly number[];
  /** No peer is away. */
  readonly alive: ClassScore;
  /** Zeros in the place of the absent, weights renormalised over the others. */
  readonly zeros: ClassScore;
  /** Their students in their place. */
  readonly students: ClassScore;
  /** After they came back. */
  readonly returned: ClassScore;
  /** Rise with students over rise with zeros; null where zeros cost nothing. */
  readonly share: number | null;
  /** Bytes of the students of those that were away, once each. */
  readonly studentBytes: number;
  /** Sample-responses that students gave in a peer's place. */
  readonly stoodIn: number;
  /** Spearman of the survivors' ideal ranking (2) among themselves while the others are away, with that of before; null where undefined. */
  readonly orderKept: { readonly zeros: number | null; readonly students: number | null };
}

/** Takes some peers away, measures the survivors with zeros and with students in their place, and brings them back. */
export async function reportAbsence(network: DistillationNetwork, away: readonly number[]): Promise<AbsenceReport> {
  const { run } = network;
  const alive = await measureSurvivors(network, away, true);
  for (const index of away) await run.leave(index);
  const zeros = await measureSurvivors(network, away, false);
  const students = await measureSurvivors(network, away, true);
  for (const index of away) await run.rejoin(index);
  const returned = await measureSurvivors(network, away, true);
  const rise = zeros.score.loss - alive.score.loss;
  const order = (then: Survivors): number | null => spearman(alive.ranking, then.ranking).value;
  return {
    away,
    ...{ alive: alive.score, zeros: zeros.score, students: students.score, returned: returned.score },
    share: rise > 0 ? (students.score.loss - alive.score.loss) / rise : null,
    studentBytes: away.reduce((sum, index) => sum + bytesOf(run.participants[index]), 0),
    stoodIn: students.stoodIn,
    orderKept: { zeros: order(zeros), students: order(students) },
  };
}

/** What those that stay reach, in the mean. */
interface Survivors {
  readonly score: ClassScore;
  readonly stoodIn: number;
  /** Summed scores of each survivor by all survivors. */
  readonly ranking: readonly number[];
}

async function measureSurvivors(network: DistillationNetwork, away: readonly number[], useStudents: boolean): Promise<Survivors> {
  const survivors = network.members.map((_, index) => index).filter((index) => !away.includes(index));
  const ranking = survivors.map(() => 0);
  let [loss, accuracy, stoodIn] = [0, 0, 0];
  for (const index of survivors) {
    const { validation } = network.members[index];
    const view = await network.run.participants[index].run.view(validation, useStudents);
    const scored = scoreClasses(view.outputs, labelsOf(validation));
    loss += scored.loss / survivors.length;
    accuracy += scored.accuracy / survivors.length;
    stoodIn += answeredByStudents(view);
    const scores = measuredScores(network, index, view);
    survivors.forEach((peer, at) => {
      ranking[at] += scores[peer];
    });
  }
  return { score: { loss, accuracy }, stoodIn, ranking };
}

function answeredByStudents({ answers }: RunView): number {
  const rows = answers.parts.flatMap(({ answers: { origins, rows } }) => rows.filter((_, peer) => origins[peer] === 'student'));
  return rows.reduce((sum, { length }) => sum + length, 0);
}

function bytesOf({ standIn }: LocalParticipant): number {
  return standIn === undefined ? 0 : encodeStudent(standIn.student).length;
}

/** Payload bytes that all participants have sent and received so far: queries, gradients, students, and what rows were measured on. The ledger's books are apart. */
export function trafficOf({ run }: DistillationNetwork): { sent: number; received: number } {
  let [sent, received] = [0, 0];
  for (const { client } of run.participants) {
    for (const peer of client.network.traffic().values()) {
      sent += peer.bytesSent;
      received += peer.bytesReceived;
    }
  }
  return { sent, received };
}
