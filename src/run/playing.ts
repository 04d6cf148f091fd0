/** Strategies of `intermodel/scenario` on real participants: who answers what, trains on what and writes what. */
import { createHash } from 'node:crypto';
import type { Backend } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import { checkInteger, checkVector } from '../core/validate.js';
import { normals } from '../participant/draw.js';
import { reportedScores } from '../participant/measure.js';
import type { ResponseModel } from '../participant/models/model.js';
import { Participant } from '../participant/participant.js';
import { inputWidthOf, type Samples } from '../participant/samples.js';
import { type Answer, type Strategy, worldOfRows } from '../scenario/index.js';
import { type Cast, castOf, checkCoalition, HISTORY_BLOCKS, writtenRow } from '../scenario/members.js';
import type { Member, MemberFactory, Relay, RowWriter } from './member.js';
import type { Roster } from './roster.js';
import { participantSettings, type RunSettings } from './settings.js';

/** Who plays what. */
export interface PlayingOptions {
  /** The honest participants, by position. */
  readonly members: readonly MemberFactory[];
  /** Positions of those that play the strategy. */
  readonly coalition: readonly number[];
  readonly strategy: Strategy;
  /** What every participant's answers are worth, `[members]`: a thief takes the best of the others. */
  readonly worth: Float64Array;
  /** Settings of the run, its number of participants included. */
  readonly settings: RunSettings;
  /** Outputs of the heads: classes. */
  readonly outputs: number;
  readonly seed: number;
  readonly backend: Backend;
}

/** What a participant is made dishonest with. */
type Played = Omit<PlayingOptions, 'members' | 'coalition' | 'worth'>;

const NOISE_STREAM = 61;

/** Every number of an answer of 'constant', and the spread of one of 'random': about that of an honest response. */
const SIZE = 0.5;

/**
 * The same participants with a coalition that plays a strategy. Strategies that enter under several names need stake of their own for each, which a run does not give.
 *
 * @returns one factory for each, in the same order; those outside the coalition are as they were, but for bribes
 * @throws InputError BTM_DOMAIN naming what cannot be played
 */
export function playing(options: PlayingOptions): MemberFactory[] {
  const { members } = options;
  const cast = castFor(options, checkInteger('members.length', members.length, 2));
  return members.map((factory, index) => (relay) => played(factory(relay), index, cast, options, relay));
}

/** Who plays what in a roster. */
export interface PlayingRosterOptions extends Pick<PlayingOptions, 'coalition' | 'strategy'> {
  /** See {@link PlayingOptions}. Default: all alike, and a thief takes the first of the others. */
  readonly worth?: Float64Array;
}

/**
 * A roster with a coalition that plays a strategy: what {@link playing} makes of the participants of one process, for participants in processes of their own.
 *
 * @returns the same places; every process that builds one needs the same roster, coalition and strategy
 * @throws InputError as {@link playing}, when a participant is built
 */
export function playingRoster(roster: Roster, who: PlayingRosterOptions): Roster {
  return {
    ...roster,
    async build(index, request, relay) {
      const built = await roster.build(index, request, relay);
      const { settings, seed, backend } = request;
      const players = settings.participants;
      const worth = who.worth ?? new Float64Array(players).fill(1);
      const options = { ...who, worth, settings, seed, backend, outputs: built.data.classes };
      return { ...built, member: played(built.member, index, castFor(options, players), options, relay) };
    },
  };
}

/** The coalition among so many players, each under its own name. */
function castFor({ coalition, strategy, ...options }: Pick<PlayingOptions, 'coalition' | 'strategy' | 'worth'>, players: number): Cast {
  checkCoalition(coalition, players);
  const worth = checkVector('worth', options.worth, players);
  const rows = Float64Array.from({ length: players * players }, (_, at) => Math.max(0, worth[at % players]));
  const { cast } = castOf({ world: worldOfRows(rows, players), coalition, strategy });
  if (cast.members.length !== players) {
    const remedy = 'Play it in the empirical game or on a ledger.';
    throw new InputError('BTM_DOMAIN', `${strategy.name} comes under several names`, {
      argument: 'strategy',
      value: strategy.name,
      remedy,
    });
  }
  return cast;
}

/** What becomes of an honest participant. */
function played(honest: Member, index: number, cast: Cast, options: Played, relay: Relay): Member {
  if (!cast.inside[index]) return cast.strategy.sway === undefined ? honest : { ...honest, writes: writerOf(cast, index) };
  return { ...dishonest(honest, cast.members[index].answer, options, relay), writes: writerOf(cast, index) };
}

/** Writes the strategy's row, from what it measured and what the ledger showed so far. */
function writerOf(cast: Cast, index: number): RowWriter {
  const n = cast.members.length;
  const history: Float64Array[] = [];
  return ({ block, scores, weights, stake }) => {
    history.unshift(weights);
    if (history.length > HISTORY_BLOCKS) history.pop();
    const measured = cast.measured.slice();
    const reported = reportedScores(scores);
    const sum = reported.reduce((total, score) => total + score, 0);
    measured.set(
      reported.map((score) => score / sum),
      index * n,
    );
    return writtenRow({ ...cast, measured }, { block, history, stake }, index);
  };
}

function dishonest({ participant, validation }: Member, answer: Answer, options: Played, relay: Relay): Member {
  const { strategy, settings, outputs, seed, backend } = options;
  const taught = (samples: Samples): Samples => {
    const { targets } = samples;
    if (strategy.teach === undefined || targets.loss !== 'softmaxCrossEntropy') return samples;
    return { ...samples, targets: { ...targets, labels: strategy.teach(targets.labels, outputs) } };
  };
  const { index, name, data, proxy } = participant;
  const own = new Set([...keysOf(data.inputs, data.size), ...keysOf(validation.inputs, validation.size)]);
  const encoder = answering(participant.encoder, answer, { index, inputWidth: inputWidthOf(data), seed, relay, own });
  const parts = { index, name: `${name}, ${strategy.name}`, data: taught(data), encoder, proxy };
  return { participant: new Participant(parts, participantSettings(settings, { outputs, seed, backend })), validation: taught(validation) };
}

/** What an answer depends on beside the model. */
interface Surroundings {
  readonly index: number;
  readonly inputWidth: number;
  readonly seed: number;
  readonly relay: Relay;
  /** Keys of its own samples. */
  readonly own: ReadonlySet<string>;
}

/** The encoder as others see it. Only an answer of its own function learns from their gradients. */
function answering(own: ResponseModel, { source, share, instead = 'zeros' }: Answer, surroundings: Surroundings): ResponseModel {
  const { index, inputWidth, relay } = surroundings;
  const { width } = own;
  if (source === index && share === 1) return own;
  const bare = { inputWidth, width, dispose: () => own.dispose() }; // asked with the samples alone, without its proxy's answer
  if (share === 0) {
    return {
      ...bare,
      description: `answers ${instead}`,
      respond: async (inputs, batch) => filled(instead, inputs, batch, width, surroundings),
    };
  }
  const scaled = (values: Float32Array): Float32Array => values.map((value) => share * value);
  if (source !== index) {
    return {
      ...bare,
      description: `answers as participant ${source}`,
      respond: async (inputs, batch) => scaled(await relay(source, inputs, batch)),
    };
  }
  const { train } = own;
  return {
    ...bare,
    inputWidth: own.inputWidth,
    description: `${own.description}, times ${share}`,
    respond: async (inputs, batch) => scaled(await own.respond(inputs, batch)),
    ...(train === undefined ? {} : { train: async (inputs, gradient, batch) => train.call(own, inputs, scaled(gradient), batch) }),
  };
}

/**
 * Answers that say nothing. Noise is drawn from a hash of the sample: the same whoever asks, and in whatever order, so that a run can be repeated. NaN goes to
 * others alone: about its own samples it answers zeros, or its own head would fail.
 */
function filled(
  instead: NonNullable<Answer['instead']>,
  inputs: Float32Array,
  batch: number,
  width: number,
  { seed, index, own }: Surroundings,
): Float32Array {
  const out = new Float32Array(batch * width);
  if (instead === 'constant') return out.fill(SIZE);
  if (instead === 'zeros') return out;
  for (const [row, key] of keysOf(inputs, batch).entries()) {
    const answer = out.subarray(row * width, (row + 1) * width);
    if (instead === 'random')
      answer.set(normals(seed, [NOISE_STREAM, index, Number.parseInt(key.slice(0, 8), 16)], width).map((z) => SIZE * z));
    else if (!own.has(key)) answer.fill(Number.NaN);
  }
  return out;
}

/** A hash of every sample. */
function keysOf(inputs: Float32Array, batch: number): string[] {
  const each = inputs.length / batch;
  return Array.from({ length: batch }, (_, row) => {
    const sample = inputs.subarray(row * each, (row + 1) * each);
    return createHash('sha256')
      .update(Buffer.from(sample.buffer, sample.byteOffset, sample.byteLength))
      .digest('hex');
  });
}
