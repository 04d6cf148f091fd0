/** Checks of what a user's own module returns: an error names the part that does not fit. */

import { LOSSES } from '../core/closed-lists.js';
import { InputError, type InputErrorCode } from '../core/errors.js';
import { isFloat32Array, isFloat64Array, isInt32Array } from '../core/typed-arrays.js';
import { checkInteger, checkLabels, checkOneOf, checkVector } from '../core/validate.js';
import type { ResponseModel } from '../participant/models/model.js';
import { inputWidthOf, type Samples } from '../participant/samples.js';
import type { PluginContext, PluginParticipant } from './plugin-contract.js';

/** The participant, if it can take part in this network. @throws InputError naming the part that does not fit */
export function checkPlugin(value: unknown, { width, inputWidth: agreed }: Pick<PluginContext, 'width' | 'inputWidth'>): PluginParticipant {
  const own = partOf('participant', value) as unknown as PluginParticipant;
  checkInteger('participant.outputs', own.outputs, 1);
  const inputWidth = checkSamples('participant.data', own.data, own.outputs, agreed);
  checkSamples('participant.validation', own.validation, own.outputs, inputWidth);
  const { loss } = own.data.targets;
  if (own.validation.targets.loss !== loss) refuse('BTM_DOMAIN', 'participant.validation.targets.loss', `must be ${loss}, as in data`);
  checkModel('participant.encoder', own.encoder, width, [inputWidth, inputWidth + width]);
  if (own.proxy !== undefined) checkModel('participant.proxy', own.proxy, width, [inputWidth]);
  if (own.writes !== undefined) checkFunction('participant.writes', own.writes);
  if (own.name !== undefined && typeof own.name !== 'string') refuse('BTM_TYPE', 'participant.name', 'must be a string');
  return own;
}

/** The model, held to what it promised: deeper down an answer of another length would look like other numbers. */
export function guarded(argument: string, model: ResponseModel): ResponseModel {
  const { inputWidth, width, description } = model;
  const { train, save, restore } = model;
  return {
    ...{ inputWidth, width, description },
    async respond(inputs, batch) {
      return Float32Array.from(checkVector(`${argument}.respond()`, await model.respond(inputs, batch), batch * width));
    },
    ...(train === undefined ? {} : { train: async (inputs, gradient, batch) => train.call(model, inputs, gradient, batch) }),
    ...(save === undefined ? {} : { save: () => save.call(model) }),
    ...(restore === undefined ? {} : { restore: (saved) => restore.call(model, saved) }),
    dispose: () => model.dispose(),
  };
}

/** Returns how many numbers a sample has; `wanted` of them where that is settled. */
function checkSamples(argument: string, value: unknown, outputs: number, wanted: number | undefined): number {
  const samples = partOf(argument, value) as unknown as Samples;
  checkInteger(`${argument}.size`, samples.size, 1);
  if (!isFloat32Array(samples.inputs)) refuse('BTM_TYPE', `${argument}.inputs`, 'must be a Float32Array');
  const width = inputWidthOf(samples);
  if (!Number.isInteger(width) || width === 0)
    refuse('BTM_SHAPE', `${argument}.inputs`, `must hold as many numbers for each of ${samples.size}`);
  if (wanted !== undefined && width !== wanted)
    refuse('BTM_SHAPE', `${argument}.inputs`, `must have ${wanted} numbers per sample, got ${width}`);
  checkVector(`${argument}.inputs`, samples.inputs, samples.inputs.length);
  checkTargets(`${argument}.targets`, samples, outputs);
  return width;
}

function checkTargets(argument: string, { size, targets }: Samples, outputs: number): void {
  checkOneOf(`${argument}.loss`, partOf(argument, targets)['loss'], LOSSES);
  if (targets.loss === 'softmaxCrossEntropy') {
    if (!isInt32Array(targets.labels)) refuse('BTM_TYPE', `${argument}.labels`, 'must be an Int32Array');
    checkLabels(`${argument}.labels`, targets.labels, size, outputs);
    return;
  }
  if (!isFloat64Array(targets.targets)) refuse('BTM_TYPE', `${argument}.targets`, 'must be a Float64Array');
  checkVector(`${argument}.targets`, targets.targets, size * outputs);
  const index = targets.loss === 'binaryCrossEntropy' ? targets.targets.findIndex((target) => target < 0 || target > 1) : -1;
  if (index >= 0) refuse('BTM_DOMAIN', `${argument}.targets`, 'must be in [0, 1]', index);
}

function checkModel(argument: string, value: unknown, width: number, inputWidths: readonly number[]): void {
  const model = partOf(argument, value);
  if (model['width'] !== width) refuse('BTM_SHAPE', `${argument}.width`, `must be ${width}, as the network agreed, got ${model['width']}`);
  if (!inputWidths.includes(model['inputWidth'] as number)) {
    const widths = inputWidths.length === 1 ? `${inputWidths[0]}` : `${inputWidths[0]}, or ${inputWidths[1]} with the answer of its proxy`;
    refuse('BTM_SHAPE', `${argument}.inputWidth`, `must be ${widths}, got ${model['inputWidth']}`);
  }
  if (typeof model['description'] !== 'string') refuse('BTM_TYPE', `${argument}.description`, 'must be a string');
  for (const name of ['respond', 'dispose']) checkFunction(`${argument}.${name}`, model[name]);
  for (const name of ['train', 'save', 'restore']) if (model[name] !== undefined) checkFunction(`${argument}.${name}`, model[name]);
}

function checkFunction(argument: string, value: unknown): void {
  if (typeof value !== 'function') refuse('BTM_TYPE', argument, 'must be a function');
}

function partOf(argument: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  return refuse('BTM_TYPE', argument, `must be an object, got ${value === null ? 'null' : typeof value}`);
}

function refuse(code: InputErrorCode, argument: string, problem: string, index?: number): never {
  throw new InputError(code, problem, { argument, ...(index === undefined ? {} : { index }) });
}
