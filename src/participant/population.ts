/** Builds the participants of the demonstration: shards, encoders and proxies, all drawn from one seed. */
import type { Backend } from '../backend/index.js';
import { InternalError } from '../core/errors.js';
import type { DigitData } from '../data/dataset.js';
import { dealShards, type Shard } from '../data/shards.js';
import type { CastMember } from './cast.js';
import { normals, permutation } from './draw.js';
import { denseEncoder } from './layers-model.js';
import { plainModel, type ResponseModel } from './model.js';
import { Participant } from './participant.js';
import type { DemoSettings } from './result.js';
import type { Tensorflow } from './tensorflow.js';

/** Who takes part, and the samples on which each measures its peers. */
export interface Population {
  readonly participants: readonly Participant[];
  /** One per participant, from the test part: its own classes, and for the shuffled one its own kind of labels. */
  readonly validation: readonly Shard[];
}

/** What a population is built from. */
export interface PopulationOptions {
  readonly cast: readonly CastMember[];
  readonly data: DigitData;
  readonly settings: DemoSettings;
  readonly seed: number;
  readonly tf: Tensorflow;
  readonly backend: Backend;
}

/** Families of random streams; the first index under the seed. Participants use 1, the cast 101. */
const STREAM = { shards: 2, validation: 3, labels: 4, encoder: 5, proxy: 6, noise: 7 } as const;

/** Spread of a free rider's noise: about that of an honest tanh response. */
const NOISE_SCALE = 0.5;

/** Hidden units of a proxy. */
const PROXY_HIDDEN = 24;

/** Builds everybody, and the training shards as disjoint parts of the data. */
export function buildPopulation(options: PopulationOptions): Population {
  const { cast, data, settings, seed } = options;
  const shards = dealShards(data.train, cast, permutation(seed, [STREAM.shards], data.train.samples)).map((shard, index) =>
    withOwnLabels(cast[index], shard, seed, [STREAM.labels, index, 0]),
  );
  const validation = cast.map((member, index) => {
    const order = permutation(seed, [STREAM.validation, index], data.test.samples);
    const [shard] = dealShards(data.test, [{ classes: member.classes, samples: settings.validation }], order);
    return withOwnLabels(member, shard, seed, [STREAM.labels, index, 1]);
  });
  const participants: Participant[] = [];
  for (const [index, member] of cast.entries()) {
    const parts = {
      index,
      name: member.name,
      role: member.role,
      shard: shards[index],
      encoder: encoderOf(member, index, participants, shards[index].pixels, options),
      proxy: proxyOf(index, shards[index].pixels, options),
    };
    participants.push(
      new Participant(parts, {
        peers: cast.length,
        width: settings.width,
        classes: data.train.classes,
        headHidden: settings.headHidden,
        headRate: settings.headRate,
        gateRate: settings.gateRate,
        weightDecay: settings.weightDecay,
        seed,
        backend: options.backend,
      }),
    );
  }
  return { participants, validation };
}

/** The shuffled participant's labels, permuted among its own samples; everybody else's as they are. */
function withOwnLabels(member: CastMember, shard: Shard, seed: number, stream: readonly number[]): Shard {
  if (member.role !== 'shuffled') return shard;
  const order = permutation(seed, stream, shard.samples);
  return { ...shard, labels: Int32Array.from(order, (sample) => shard.labels[sample]) };
}

function encoderOf(
  member: CastMember,
  index: number,
  before: readonly Participant[],
  pixels: number,
  { settings, seed, tf }: PopulationOptions,
): ResponseModel {
  const { width } = settings;
  if (member.role === 'noise') {
    let query = 0;
    return plainModel({
      inputWidth: pixels,
      width,
      description: 'plain function: fresh noise for every query',
      respond: (_, batch) => Float32Array.from(normals(seed, [STREAM.noise, index, query++], batch * width), (z) => NOISE_SCALE * z),
    });
  }
  if (member.copyOf !== undefined) {
    const original = before[member.copyOf];
    if (original === undefined) throw new InternalError(`${member.name} copies a participant that comes after it`);
    return plainModel({
      inputWidth: pixels,
      width,
      description: `plain function: asks ${original.name} and returns its answer`,
      respond: (inputs, batch) => original.answer(inputs, batch),
    });
  }
  return denseEncoder({
    tf,
    inputWidth: pixels + width,
    hidden: [member.hidden],
    width,
    activation: member.activation,
    outputActivation: 'tanh',
    learningRate: settings.encoderRate,
    seed,
    stream: [STREAM.encoder, index],
  });
}

function proxyOf(index: number, pixels: number, { settings, seed, tf }: PopulationOptions): ResponseModel {
  return denseEncoder({
    tf,
    inputWidth: pixels,
    hidden: [PROXY_HIDDEN],
    width: settings.width,
    activation: 'tanh',
    outputActivation: 'linear',
    learningRate: settings.proxyRate,
    seed,
    stream: [STREAM.proxy, index],
  });
}
