/** Settings of the demonstration: defaults, and checks of what a caller asks for. */

import { InputError } from '../../core/errors.js';
import { checkInteger, checkNonNegative, checkOneOf, checkPositive } from '../../core/validate.js';
import type { Estimator } from '../../curvature.js';
import type { ParticipantSettings } from '../participant.js';
import type { DemoSettings } from './result.js';

/** Estimators that need nothing but a head and its responses. */
export const DEMO_ESTIMATORS = [
  'gaussNewton',
  'taylor2',
  'relativeEntropy',
  'monteCarloFisher',
  'diagonal',
  'empiricalFisher',
] as const satisfies readonly Estimator[];

/** One of {@link DEMO_ESTIMATORS}. */
export type DemoEstimator = (typeof DEMO_ESTIMATORS)[number];

/** The settings that every default run uses. They are printed on its report. */
export const DEMO_DEFAULTS: DemoSettings & { readonly estimator: DemoEstimator } = {
  participants: 16,
  rounds: 120,
  batch: 16,
  width: 16,
  headHidden: 32,
  headRate: 3e-3,
  weightDecay: 2,
  encoderRate: 2e-3,
  proxyRate: 3e-3,
  gateRate: 1e-2,
  readoutRate: 1e-2,
  gate: 'sparse',
  gateK: 0,
  gateBalance: 0,
  gateNoise: 0,
  distillation: 'forwardKl',
  distillationTemperature: 2,
  distillationAlpha: 0.5,
  responseWeight: 1,
  largestShard: 6000,
  settleSteps: 400,
  settleBatch: 128,
  settleSamples: 2000,
  blocks: 12,
  closingBlocks: 8,
  validation: 1000,
  blockValidation: 128,
  estimator: 'gaussNewton',
  maskTemperature: 10,
  stepBound: 0.1,
  tau: 5,
  emission: 'l2',
  initialStake: 100,
  rows: 'measured',
  competingRatio: 2000,
  competingRate: 0.005,
  competitiveRatio: 5,
};

const COUNTS: readonly (keyof DemoSettings)[] = [
  'rounds',
  'batch',
  'width',
  'headHidden',
  'settleSteps',
  'settleBatch',
  'settleSamples',
  'closingBlocks',
  'validation',
  'blockValidation',
];
const POSITIVES: readonly (keyof DemoSettings)[] = [
  'headRate',
  'encoderRate',
  'proxyRate',
  'gateRate',
  'readoutRate',
  'maskTemperature',
  'stepBound',
  'tau',
  'initialStake',
];

/**
 * Fills in defaults and refuses what cannot be run.
 *
 * @throws InputError naming the setting
 */
export function resolveSettings(given: Partial<DemoSettings>): DemoSettings & { readonly estimator: DemoEstimator } {
  for (const name of Object.keys(given)) checkSettingName(name, name);
  const settings = { ...DEMO_DEFAULTS, ...fitting(given), ...given };
  checkInteger('participants', settings.participants, 2, 256);
  checkInteger('largestShard', settings.largestShard, 20);
  checkInteger('blocks', settings.blocks, 0, settings.rounds);
  for (const name of COUNTS) checkInteger(name, settings[name], 1);
  for (const name of POSITIVES) checkPositive(name, settings[name]);
  checkInteger('blockValidation', settings.blockValidation, 1, settings.validation);
  for (const name of ['weightDecay', 'gateBalance', 'gateNoise'] as const) checkNonNegative(name, settings[name]);
  checkOneOf('distillation', settings.distillation, ['forwardKl', 'reverseKl', 'jsd', 'mse']);
  checkPositive('distillationTemperature', settings.distillationTemperature);
  checkShare('distillationAlpha', settings.distillationAlpha);
  checkNonNegative('responseWeight', settings.responseWeight);
  checkOneOf('gate', settings.gate, ['sparse', 'productKey']);
  checkInteger('gateK', settings.gateK, 0, settings.participants - 1);
  checkOneOf('rows', settings.rows, ['measured', 'competing']);
  checkOneOf('emission', settings.emission, ['l1', 'l2', 'none']);
  const estimator = checkOneOf('estimator', settings.estimator, DEMO_ESTIMATORS);
  return { ...settings, estimator };
}

/** A misspelt setting would otherwise quietly be the default. @throws InputError BTM_DOMAIN */
export function checkSettingName(name: string, argument: string): keyof typeof DEMO_DEFAULTS {
  if (Object.hasOwn(DEMO_DEFAULTS, name)) return name as keyof typeof DEMO_DEFAULTS;
  throw new InputError('BTM_DOMAIN', 'is not a setting', { argument, remedy: `There are: ${Object.keys(DEMO_DEFAULTS).join(', ')}.` });
}

/** Defaults that are at most what was asked for: a short run has fewer blocks. */
function fitting({ rounds = DEMO_DEFAULTS.rounds, validation = DEMO_DEFAULTS.validation }: Partial<DemoSettings>): Partial<DemoSettings> {
  return { blocks: Math.min(DEMO_DEFAULTS.blocks, rounds), blockValidation: Math.min(DEMO_DEFAULTS.blockValidation, validation) };
}

function checkShare(argument: string, value: number): void {
  if (checkNonNegative(argument, value) > 1) throw new InputError('BTM_DOMAIN', 'must be at most 1', { argument, value });
}

/** The settings of one participant of a run; outputs are its own affair. */
export function participantSettings(
  settings: DemoSettings,
  own: Pick<ParticipantSettings, 'outputs' | 'seed' | 'backend'>,
): ParticipantSettings {
  const { participants: peers, width, headHidden, headRate, gateRate, readoutRate, weightDecay } = settings;
  const { gate: kind, gateK: k, gateBalance: balance, gateNoise: noise } = settings;
  const { distillation, distillationTemperature: temperature, distillationAlpha: alpha, responseWeight } = settings;
  return {
    ...own,
    ...{ peers, width, headHidden, headRate, gateRate, readoutRate, weightDecay },
    gate: { kind, k, balance, noise },
    distillation: { kind: distillation, temperature, alpha, responseWeight },
  };
}
