/** A participant that somebody brings: a module of their own with a model, data and loss, in place of a part of the cast. */
import { pathToFileURL } from 'node:url';
import type { Backend } from '../../backend/index.js';
import { EnvironmentError, InputError } from '../../core/errors.js';
import { DenseNet } from '../dense-net.js';
import type { ResponseModel } from '../model.js';
import { Participant } from '../participant.js';
import type { Member, Relay } from '../population.js';
import type { DemoSettings } from '../result.js';
import { inputWidthOf, type Samples } from '../samples.js';
import { participantSettings } from '../settings.js';

/** What the module's function is told. */
export interface OwnContext {
  /** Its position on the ledger. */
  readonly index: number;
  /** Participants of the network, itself included. */
  readonly peers: number;
  /** Numbers per response that the network agreed on. */
  readonly width: number;
  readonly seed: number;
  readonly settings: DemoSettings;
  readonly backend: Backend;
  /** Asks another participant. */
  readonly relay: Relay;
}

/** What the module's function returns. */
export interface OwnParticipant {
  readonly name?: string;
  /** Maps [batch, inputWidth] to [batch, width]: a plain function, a tensorflow.js model, anything. Inputs may be followed by its proxy's response. */
  readonly encoder: ResponseModel;
  /** Learns what the network answers; a small dense net where it is left out. */
  readonly proxy?: ResponseModel;
  /** Its own samples, and the loss that they ask for. */
  readonly data: Samples;
  /** Samples it measures its peers on. */
  readonly validation: Samples;
  /** Outputs of its head: classes, or numbers it predicts. */
  readonly outputs: number;
}

/** What such a module exports as its default. */
export type CreateParticipant = (context: OwnContext) => OwnParticipant | Promise<OwnParticipant>;

const PROXY_HIDDEN = 24;
const PROXY_STREAM = 6;

/**
 * Loads the module and builds its participant.
 *
 * @throws EnvironmentError BTM_IO when it cannot be loaded; InputError when what it returns does not fit
 */
export async function loadOwn(path: string, context: OwnContext): Promise<Member> {
  const create = await loadModule(path);
  const own = await create(context);
  const inputWidth = checkOwn(own, context);
  const { index, seed, settings, backend } = context;
  const { encoder, data, outputs, validation, name = `participant ${index}`, proxy = defaultProxy(inputWidth, context) } = own;
  const participant = new Participant(
    { index, name, role: 'generalist', data, encoder, proxy },
    participantSettings(settings, { outputs, seed, backend }),
  );
  return { participant, validation };
}

async function loadModule(path: string): Promise<CreateParticipant> {
  let module: { readonly default?: unknown };
  try {
    module = await import(pathToFileURL(path).href);
  } catch (error) {
    throw new EnvironmentError('BTM_IO', `cannot load ${path}`, [{ what: path, reason: (error as Error).message }], ['check the path']);
  }
  if (typeof module.default === 'function') return module.default as CreateParticipant;
  throw new InputError('BTM_TYPE', 'must export a function as its default', { argument: path, value: typeof module.default });
}

function checkOwn({ encoder, data, validation }: OwnParticipant, { width }: OwnContext): number {
  const inputWidth = inputWidthOf(data);
  const refuse = (argument: string, problem: string): never => {
    throw new InputError('BTM_SHAPE', problem, { argument: `participant.${argument}` });
  };
  if (encoder.width !== width) refuse('encoder', `answers with ${encoder.width} numbers; the network agreed on ${width}`);
  if (encoder.inputWidth !== inputWidth && encoder.inputWidth !== inputWidth + width) {
    refuse(
      'encoder',
      `takes ${encoder.inputWidth} numbers; samples have ${inputWidth}, followed by ${width} of the proxy if it wants them`,
    );
  }
  if (inputWidthOf(validation) !== inputWidth)
    refuse('validation', `has ${inputWidthOf(validation)} numbers per sample, not ${inputWidth}`);
  if (data.truth.loss !== validation.truth.loss) refuse('validation', `has the loss ${validation.truth.loss}, not ${data.truth.loss}`);
  return inputWidth;
}

function defaultProxy(inputWidth: number, { index, width, seed, settings, backend }: OwnContext): ResponseModel {
  const net = DenseNet.random({
    widths: [inputWidth, PROXY_HIDDEN, width],
    activation: 'tanh',
    outputActivation: 'identity',
    seed,
    stream: [PROXY_STREAM, index],
    optimiser: { learningRate: settings.proxyRate },
    backend,
  });
  return net.asModel();
}
