/** A network of gated participants on real digits: training, disconnecting one, losing some, and what each costs. */
import { setImmediate as nextTick } from 'node:timers/promises';
import { AbortedError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import { removalScores } from '../curvature.js';
import type { DigitData } from '../data/dataset.js';
import { dealShards, type ShardRequest } from '../data/shards.js';
import { distillationLoss } from '../distillation.js';
import { spearman } from '../ranking.js';
import { permutation } from './draw.js';
import { GatedParticipant, type GatedSettings, type GatedView } from './gated-participant.js';
import { type Meeting, type MeetingKind, openMeeting } from './meeting.js';
import { type ClassScore, labelsOf, type Samples, samplesOf, scoreClasses } from './samples.js';

/** What a run is built from. */
export interface GatedRunOptions extends Omit<GatedSettings, 'classes'> {
  readonly data: DigitData;
  readonly transport: MeetingKind;
  readonly batch: number;
  /** Samples of the best-supplied participant. */
  readonly largestShard: number;
  /** Held-out samples per participant, of its own classes. */
  readonly validation: number;
}

/** Participants that are connected, and the held-out samples of each. */
export interface GatedNetwork {
  readonly meeting: Meeting;
  readonly participants: readonly GatedParticipant[];
  readonly requests: readonly ShardRequest[];
  readonly validation: readonly Samples[];
}

const STREAM = { shards: 81, validation: 82 } as const;

/** Every third participant knows all classes; the others three neighbouring ones each. */
export function gatedRequests(participants: number, classes: number, largestShard: number): ShardRequest[] {
  return Array.from({ length: participants }, (_, index) => {
    if (index % 3 === 0) return { classes: Array.from({ length: classes }, (_, c) => c), samples: largestShard };
    const own = [0, 1, 2].map((step) => (index * 3 + step) % classes).sort((a, b) => a - b);
    return { classes: own, samples: Math.round(largestShard / 2) };
  });
}

/** Draws shards and networks from the seed and connects everybody. */
export async function buildGatedNetwork(options: GatedRunOptions): Promise<GatedNetwork> {
  const { data, seed } = options;
  checkInteger('participants', options.peers, 2, 256);
  const requests = gatedRequests(options.peers, data.train.classes, options.largestShard);
  const shards = dealShards(data.train, requests, permutation(seed, [STREAM.shards], data.train.samples));
  const settings: GatedSettings = { ...options, classes: data.train.classes };
  const participants = shards.map((shard, index) => new GatedParticipant(index, shard, settings));
  const validation = requests.map(({ classes }, index) => {
    const order = permutation(seed, [STREAM.validation, index], data.test.samples);
    const [held] = dealShards(data.test, [{ classes, samples: options.validation }], order);
    return samplesOf(held);
  });
  const network = { meeting: openMeeting(options.transport), participants, requests, validation };
  for (const participant of participants) await connect(network, participant);
  return network;
}

/** Connects a participant, for the first time or again. */
async function connect(
  { meeting, participants }: Pick<GatedNetwork, 'meeting' | 'participants'>,
  participant: GatedParticipant,
): Promise<void> {
  participant.connect(
    await meeting.join(participant.identity),
    participants.map(({ identity }) => identity.key),
  );
}

/** How a run reports, and how it is stopped. */
export interface RunControl {
  readonly onRound?: (round: number, meanLoss: number) => void;
  readonly signal?: AbortSignal;
}

/** Lets timers and signals in, then stops if asked to. */
export async function breathe(signal: AbortSignal | undefined, what: string): Promise<void> {
  await nextTick();
  if (signal?.aborted === true) throw new AbortedError(what);
}

/** Trains everybody for a number of rounds, one batch each per round. */
export async function trainGated(network: GatedNetwork, rounds: number, batch: number, control: RunControl = {}): Promise<void> {
  for (let round = 1; round <= rounds; round++) {
    let loss = 0;
    for (const participant of network.participants) {
      await breathe(control.signal, 'training');
      loss += (await participant.step(participant.nextBatch(batch))).loss;
    }
    control.onRound?.(round, loss / network.participants.length);
  }
}

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

/** Measures one participant: its ensemble over the network, its student without. */
export async function reportStudent(network: GatedNetwork, index: number): Promise<StudentReport> {
  const participant = network.participants[index];
  const batch = network.validation[index];
  const view = await participant.view(batch, false);
  const offline = participant.offline(batch);
  const outputs = participant.settings.classes;
  const options = { teacher: view.logits, student: offline, temperature: 1, kind: 'forwardKl', batch: batch.size, outputs } as const;
  return {
    index,
    classes: network.requests[index].classes,
    ensemble: scoreClasses(view.logits, labelsOf(batch)),
    student: scoreClasses(offline, labelsOf(batch)),
    divergence: distillationLoss(options).loss,
    gateAgainstRow: gateAgainstRow(participant, view),
  };
}

/** The measured scores (3) of G(x) read by the readout: Gauss-Newton removal of each g_j f_j, summed over the batch, `[peers]`. */
function measuredScores(participant: GatedParticipant, view: GatedView): Float64Array {
  const { peers, width, backend } = participant.settings;
  const { shares, mixture } = view.mixed;
  const responses = view.answers.responses.map((value, at) => value * shares[Math.floor(at / width)]);
  const [readout] = participant.readout.layers;
  const outputs = readout.bias.length;
  const weights = new Float64Array(outputs * peers * width);
  for (let row = 0; row < outputs * peers; row++) {
    const from = Math.floor(row / peers) * width;
    weights.set(readout.weights.subarray(from, from + width), row * width);
  }
  return removalScores({
    head: { layers: [{ ...readout, weights }] },
    responses,
    batch: mixture.length / width,
    peers,
    width,
    estimator: 'gaussNewton',
    reduction: 'sum',
    ...(backend === undefined ? {} : { backend }),
  }).scores;
}

/** Spearman correlation of the measured scores with the gate's mean shares, over the other peers. Normalising the row would not change the order. */
function gateAgainstRow(participant: GatedParticipant, view: GatedView): number | null {
  const { peers } = participant.settings;
  const { shares } = view.mixed;
  const scores = measuredScores(participant, view);
  const others = Array.from({ length: peers }, (_, j) => j).filter((j) => j !== participant.index);
  const total = others.map((j) => shares.reduce((sum, share, at) => (at % peers === j ? sum + share : sum), 0));
  return spearman(
    others.map((j) => scores[j]),
    total,
  ).value;
}

/** Mean held-out loss of the survivors while some peers are away. */
export interface AbsenceReport {
  readonly away: readonly number[];
  /** Nobody away. */
  readonly alive: ClassScore;
  /** Zeros in the place of the absent, weights renormalised over the others. */
  readonly zeros: ClassScore;
  /** Their students in their place. */
  readonly students: ClassScore;
  /** After they came back. */
  readonly returned: ClassScore;
  /** Rise with students over rise with zeros. */
  readonly share: number | null;
  /** Bytes of the students that were fetched. */
  readonly studentBytes: number;
  /** Sample-responses that students gave in a peer's place. */
  readonly stoodIn: number;
  /** Spearman of the survivors' ideal ranking (2) among themselves while the others are away, with that of before; null where undefined. */
  readonly orderKept: { readonly zeros: number | null; readonly students: number | null };
}

/** Takes some peers away, measures the survivors with zeros and with students in their place, and brings them back. */
export async function reportAbsence(network: GatedNetwork, away: readonly number[]): Promise<AbsenceReport> {
  const { participants } = network;
  const survivors = participants.filter(({ index }) => !away.includes(index));
  const mean = async (useStudents: boolean) => {
    let [loss, accuracy, stoodIn] = [0, 0, 0];
    const ranking = survivors.map(() => 0);
    for (const survivor of survivors) {
      const batch = network.validation[survivor.index];
      const view = await survivor.view(batch, useStudents);
      const scored = scoreClasses(view.logits, labelsOf(batch));
      loss += scored.loss / survivors.length;
      accuracy += scored.accuracy / survivors.length;
      const scores = measuredScores(survivor, view);
      survivors.forEach(({ index }, at) => {
        ranking[at] += scores[index] / batch.size;
      });
      view.answers.origins.forEach((origin, at) => {
        if (origin === 'student') stoodIn += view.answers.rows[at].length;
      });
    }
    return { loss, accuracy, stoodIn, ranking };
  };
  const scored = ({ loss, accuracy }: ClassScore): ClassScore => ({ loss, accuracy });
  const studentBytes = await exchangeStudents(network, away);
  const alive = await mean(true);
  for (const index of away) await participants[index].disconnect();
  const zeros = await mean(false);
  const students = await mean(true);
  for (const index of away) await connect(network, participants[index]);
  const returned = await mean(true);
  const rise = zeros.loss - alive.loss;
  return {
    away,
    alive: scored(alive),
    zeros: scored(zeros),
    students: scored(students),
    returned: scored(returned),
    share: rise > 0 ? (students.loss - alive.loss) / rise : null,
    studentBytes,
    stoodIn: students.stoodIn,
    orderKept: { zeros: spearman(alive.ranking, zeros.ranking).value, students: spearman(alive.ranking, students.ranking).value },
  };
}

/** Has these participants publish, and waits until every other one holds their students. Returns the bytes of one round of them. */
async function exchangeStudents({ participants }: GatedNetwork, from: readonly number[]): Promise<number> {
  let bytes = 0;
  for (const index of from) {
    const hash = await participants[index].publish();
    for (const other of participants) {
      if (other.index === index || other.network === null) continue;
      const outcome = await other.shelf.fetch(other.network, participants[index].identity.key, hash);
      if (outcome.ok && other.index === (index === 0 ? 1 : 0)) bytes += outcome.bytes;
    }
  }
  return bytes;
}

/** Payload bytes a participant has sent and received so far. */
export function trafficOf(participant: GatedParticipant): { sent: number; received: number } {
  let [sent, received] = [0, 0];
  for (const peer of participant.network?.traffic().values() ?? []) {
    sent += peer.bytesSent;
    received += peer.bytesReceived;
  }
  return { sent, received };
}
