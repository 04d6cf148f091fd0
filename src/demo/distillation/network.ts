/** The participants of `intermodel distill`: dense nets on shards of their own, with students; the runs of all others. */

import type { Backend } from '../../backend/index.js';
import { checkInteger } from '../../core/validate.js';
import type { DigitData } from '../../data/dataset.js';
import { dealShards, type Shard, type ShardRequest } from '../../data/shards.js';
import { permutation } from '../../participant/draw.js';
import { DenseNet } from '../../participant/models/dense-net.js';
import { Participant } from '../../participant/participant.js';
import { type Samples, samplesOf } from '../../participant/samples.js';
import type { DistillationObjective } from '../../participant/students/student.js';
import { type LocalRun, type LocalRunHooks, openLocalRun } from '../../run/local-run.js';
import type { Member } from '../../run/member.js';
import { participantSettings, type RunSettings, resolveSettings } from '../../run/settings.js';
import type { FabricKind } from '../../run/transport-fabric.js';
import { largestFitting } from '../fit.js';

/** What a network of dense participants is built from. */
export interface DistillationNetworkOptions {
  readonly data: DigitData;
  readonly peers: number;
  readonly width: number;
  /** Hidden units of encoders and heads. */
  readonly hidden: number;
  /** Hidden units of proxies and standIns. */
  readonly studentHidden: number;
  readonly gate: 'sparse' | 'productKey';
  /** Peers asked per sample while training. */
  readonly k: number;
  readonly balance: number;
  readonly noise: number;
  readonly learningRate: number;
  readonly objective: DistillationObjective;
  /** How they reach one another; the numbers do not depend on it. */
  readonly transport: FabricKind;
  /** Rounds that all participants train. */
  readonly rounds: number;
  readonly batch: number;
  /** Samples of the best-supplied participant. */
  readonly largestShard: number;
  /** Held-out samples per participant, of its own classes. */
  readonly validation: number;
  readonly seed: number;
  readonly backend: Backend;
  /** Whether every participant trains a stand-in and offers it. Default true. */
  readonly standIns?: boolean;
}

/** A participant whose parts are at hand. */
export interface DenseMember extends Member {
  readonly classes: readonly number[];
  readonly proxy: DenseNet;
}

/** Participants that are connected, with what they are made of. */
export interface DistillationNetwork {
  readonly run: LocalRun;
  readonly members: readonly DenseMember[];
}

const FAMILY = 8;
const STREAM = { shards: 81, validation: 82, encoder: 1, proxy: 2 } as const;

/** Every third participant knows all classes; the others three neighbouring ones each. */
function gatedRequests(participants: number, classes: number, largestShard: number): ShardRequest[] {
  return Array.from({ length: participants }, (_, index) => {
    if (index % 3 === 0) return { classes: Array.from({ length: classes }, (_, c) => c), samples: largestShard };
    const own = [0, 1, 2].map((step) => (index * 3 + step) % classes).sort((a, b) => a - b);
    return { classes: own, samples: Math.round(largestShard / 2) };
  });
}

/** Largest shard and validation samples that suit so many participants, fewer where the data has fewer. */
export function distillationSizes(data: DigitData, peers: number): { readonly largestShard: number; readonly validation: number } {
  const requests = (size: number) => gatedRequests(peers, data.train.classes, size);
  const largestShard = largestFitting(data.train, requests, Math.min(4000, Math.floor(24_000 / peers)), 2);
  const held = requests(2).map(({ classes }) => largestFitting(data.test, (samples) => [{ classes, samples }], 500, 1));
  return { largestShard, validation: Math.min(...held) };
}

/** Draws shards and networks from the seed and builds all of their runs. Whoever opens this closes `run`. */
export async function openDistillationNetwork(
  options: DistillationNetworkOptions,
  hooks: LocalRunHooks = {},
): Promise<DistillationNetwork> {
  const { data, seed, backend, transport, studentHidden: hidden, learningRate } = options;
  const standIns = options.standIns === false ? {} : { standIns: { hidden, learningRate } };
  checkInteger('participants', options.peers, 2, 256);
  checkInteger('k', options.k, 1, options.peers - 1);
  const settings = settingsOf(options);
  const requests = gatedRequests(options.peers, data.train.classes, options.largestShard);
  const shards = dealShards(data.train, requests, permutation(seed, [STREAM.shards], data.train.samples));
  const members = shards.map((shard, index) => denseMember(index, shard, requests[index], options, settings));
  const run = await openLocalRun(
    { members: members.map((member) => () => member), settings, seed, backend, transport, ...standIns },
    hooks,
  );
  return { run, members };
}

/** Blocks while training, and samples that a row is measured on then: few, since measuring asks every peer. */
const BLOCKS = 4;
const BLOCK_VALIDATION = 32;

/**
 * How much longer the steps of the readouts are than those of encoders and students. The mask opens peers by a half at first, so what reads them has to grow twice as
 * large: with equal steps the held-out loss of G(x) was a quarter higher after the same rounds.
 */
const READOUT_STEP = 2;

/** A gate in a hurry settles on the peers that happened to learn first: with steps as long as those of the readouts, asking four of 16 cost up to 11 % of the loss. */
const GATE_STEP = 0.6;

function settingsOf(options: DistillationNetworkOptions): RunSettings {
  const { peers, rounds, batch, width, hidden, learningRate, validation, largestShard } = options;
  const { gate, k, balance, noise, objective } = options;
  return resolveSettings({
    ...{ participants: peers, rounds, batch, width, validation, largestShard },
    ...{ headHidden: hidden, gateRate: GATE_STEP * learningRate, readoutRate: READOUT_STEP * learningRate, weightDecay: 0 },
    ...{ gate, gateK: k, gateBalance: balance, gateNoise: noise },
    distillation: objective.kind,
    distillationTemperature: objective.temperature,
    distillationAlpha: objective.alpha,
    responseWeight: objective.responseWeight,
    blocks: Math.min(BLOCKS, rounds),
    blockValidation: Math.min(BLOCK_VALIDATION, validation),
  });
}

function denseMember(
  index: number,
  shard: Shard,
  { classes }: ShardRequest,
  options: DistillationNetworkOptions,
  settings: RunSettings,
): DenseMember {
  const { data, width, hidden, studentHidden, seed, backend } = options;
  const optimiser = { learningRate: options.learningRate };
  // tanh: nine tenths of relu units die in these steps, on pixels that are all positive
  const net = (purpose: number, widths: readonly number[], outputActivation: 'tanh' | 'identity') =>
    DenseNet.random({ widths, activation: 'tanh', outputActivation, seed, stream: [FAMILY, index, purpose], optimiser, backend });
  const encoder = net(STREAM.encoder, [shard.pixels + width, hidden, width], 'tanh').asModel();
  const proxy = net(STREAM.proxy, [shard.pixels, studentHidden, width], 'identity');
  const participant = new Participant(
    { index, name: `participant ${index}`, data: samplesOf(shard), encoder, proxy: proxy.asModel() },
    participantSettings(settings, { outputs: data.train.classes, seed, backend }),
  );
  return { participant, validation: heldOut(index, classes, options), classes, proxy };
}

/** From the test part, of its own classes. */
function heldOut(index: number, classes: readonly number[], { data, seed, validation }: DistillationNetworkOptions): Samples {
  const order = permutation(seed, [STREAM.validation, index], data.test.samples);
  const [held] = dealShards(data.test, [{ classes, samples: validation }], order);
  return samplesOf(held);
}
