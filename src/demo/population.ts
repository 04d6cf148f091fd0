/** Builds the participants of the demonstration: shards, encoders and proxies, all drawn from one seed. Any one of them can be built alone. */
import { createHash } from 'node:crypto';
import type { Backend } from '../backend/index.js';
import type { DigitData } from '../data/dataset.js';
import { dealIndices, take } from '../data/shards.js';
import { normals, permutation } from '../participant/draw.js';
import { denseEncoder } from '../participant/models/dense-encoder.js';
import { plainModel, type ResponseModel } from '../participant/models/model.js';
import { Participant } from '../participant/participant.js';
import { type Samples, samplesOf } from '../participant/samples.js';
import type { Member, Relay } from '../run/member.js';
import { participantSettings, type RunSettings } from '../run/settings.js';
import type { RosterEntry } from './roster.js';

/** What a population is built from. */
export interface PopulationOptions {
  readonly roster: readonly RosterEntry[];
  readonly data: DigitData;
  readonly settings: RunSettings;
  readonly seed: number;
  readonly backend: Backend;
}

/** Families of random streams; the first index under the seed. Participants use 1, the roster 101. */
const STREAM = { shards: 2, validation: 3, labels: 4, encoder: 5, proxy: 6, noise: 7 } as const;

/** Spread of a free rider's noise: about that of an honest tanh response. */
const NOISE_SCALE = 0.5;

/** Hidden units of a proxy. */
const PROXY_HIDDEN = 24;

/** Builds participants of the roster, any one alone. Training shards are disjoint parts of the data, whoever is built; they are dealt once. */
export function memberBuilder(options: PopulationOptions): (index: number, relay: Relay) => Member {
  const { roster, data, seed } = options;
  const dealt = dealIndices(data.train, roster, permutation(seed, [STREAM.shards], data.train.samples));
  return (index, relay) => buildMember(index, options, dealt[index], relay);
}

function buildMember(index: number, options: PopulationOptions, rows: readonly number[], relay: Relay): Member {
  const { roster, settings, seed, backend, data } = options;
  const { name } = roster[index];
  const outputs = data.train.classes;
  const pixels = data.train.height * data.train.width;
  const encoder = encoderOf(index, pixels, options, relay);
  const proxy = proxyOf(index, pixels, options);
  const participant = new Participant(
    { index, name, data: trainingSamples(index, rows, options), encoder, proxy },
    participantSettings(settings, { outputs, seed, backend }),
  );
  return { participant, validation: validationSamples(index, options) };
}

function trainingSamples(index: number, rows: readonly number[], { roster, data, seed }: PopulationOptions): Samples {
  return withOwnLabels(roster[index], samplesOf(take(data.train, rows)), seed, [STREAM.labels, index, 0]);
}

function validationSamples(index: number, { roster, data, settings, seed }: PopulationOptions): Samples {
  const order = permutation(seed, [STREAM.validation, index], data.test.samples);
  const [own] = dealIndices(data.test, [{ classes: roster[index].classes, samples: settings.validation }], order);
  return withOwnLabels(roster[index], samplesOf(take(data.test, own)), seed, [STREAM.labels, index, 1]);
}

/** The shuffled participant's labels, permuted among its own samples; those of the others as they are. */
function withOwnLabels(member: RosterEntry, samples: Samples, seed: number, stream: readonly number[]): Samples {
  const { targets, size } = samples;
  if (member.role !== 'shuffled' || targets.loss !== 'softmaxCrossEntropy') return samples;
  const order = permutation(seed, stream, size);
  return { ...samples, targets: { ...targets, labels: Int32Array.from(order, (sample) => targets.labels[sample]) } };
}

function encoderOf(index: number, pixels: number, { roster, settings, seed, backend }: PopulationOptions, relay: Relay): ResponseModel {
  const { width } = settings;
  const { role, copyOf, hidden, activation } = roster[index];
  if (role === 'noise') {
    return plainModel({
      inputWidth: pixels,
      width,
      description: 'plain function: noise',
      respond: (inputs, batch) => noise(inputs, batch, width, seed, [STREAM.noise, index]),
    });
  }
  if (copyOf !== undefined) {
    return plainModel({
      inputWidth: pixels,
      width,
      description: `plain function: asks ${roster[copyOf].name} and returns its answer`,
      respond: (inputs, batch) => relay(copyOf, inputs, batch),
    });
  }
  return denseEncoder({
    backend,
    inputWidth: pixels + width,
    hidden: [hidden],
    width,
    activation,
    outputActivation: 'tanh',
    learningRate: settings.encoderRate,
    seed,
    stream: [STREAM.encoder, index],
  });
}

/** Noise of its own for every sample, drawn from a hash of it: the same whoever asks, and in whatever order, so that a run can be repeated. */
function noise(inputs: Float32Array, batch: number, width: number, seed: number, stream: readonly number[]): Float32Array {
  const answers = new Float32Array(batch * width);
  const pixels = inputs.length / batch;
  for (let row = 0; row < batch; row++) {
    const sample = inputs.subarray(row * pixels, (row + 1) * pixels);
    const hash = createHash('sha256')
      .update(new Uint8Array(sample.buffer, sample.byteOffset, sample.byteLength))
      .digest();
    const draws = normals(seed, [...stream, hash.readUInt32LE(0)], width);
    answers.set(
      draws.map((z) => NOISE_SCALE * z),
      row * width,
    );
  }
  return answers;
}

function proxyOf(index: number, pixels: number, { settings, seed, backend }: PopulationOptions): ResponseModel {
  return denseEncoder({
    backend,
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
