/** A participant that a user brings: a module with a model, data and loss, in place of a part of the roster. */

import { pathToFileURL } from 'node:url';
import { EnvironmentError, InputError } from '../core/errors.js';
import { DenseNet } from '../participant/models/dense-net.js';
import type { ResponseModel } from '../participant/models/model.js';
import { Participant } from '../participant/participant.js';
import { inputWidthOf } from '../participant/samples.js';
import type { Member } from '../run/member.js';
import { participantSettings } from '../run/settings.js';
import { checkPlugin, guarded } from './plugin-check.js';
import type { CreateParticipant, PluginContext } from './plugin-contract.js';

const PROXY_HIDDEN = 24;
const PROXY_STREAM = 6;

/**
 * Loads the module and builds its participant.
 *
 * @throws EnvironmentError BTM_IO when it cannot be loaded; InputError when what it returns does not fit
 */
export async function loadPlugin(path: string, context: PluginContext): Promise<Member> {
  const create = await loadModule(path);
  const own = checkPlugin(await create(context), context);
  const inputWidth = inputWidthOf(own.data);
  const { index, seed, settings, backend } = context;
  const { encoder, data, outputs, validation, name = `participant ${index}`, proxy = defaultProxy(inputWidth, context) } = own;
  const models = { encoder: guarded('participant.encoder', encoder), proxy: guarded('participant.proxy', proxy) };
  const participant = new Participant({ index, name, data, ...models }, participantSettings(settings, { outputs, seed, backend }));
  return { participant, validation, ...(own.writes === undefined ? {} : { writes: own.writes }) };
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

function defaultProxy(inputWidth: number, { index, width, seed, settings, backend }: PluginContext): ResponseModel {
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
