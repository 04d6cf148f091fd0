/** The settings of a run. One schema gives each its type, default, range and the text of its flag on the command line. */
// Without zod the settings are of any type, and the declarations of this package still hold.
// biome-ignore lint/suspicious/noTsIgnore: it must hold with and without the package
/** @ts-ignore */

import { z } from 'zod';
import { EMISSION_NORMS } from '../core/closed-lists.js';
import { InputError, type InputErrorCode } from '../core/errors.js';
import type { DistillationKind } from '../distillation.js';
import { MEASURE_ESTIMATORS } from '../participant/measure.js';
import type { ParticipantSettings } from '../participant/participant.js';

/** Divergences by which a proxy can learn. */
const DISTILLATIONS = ['forwardKl', 'reverseKl', 'jsd', 'mse'] as const satisfies readonly DistillationKind[];

const count = (least: number, standard: number, text: string, most = Number.MAX_SAFE_INTEGER) =>
  z
    .int({ error: 'must be an integer' })
    .min(least, `must be at least ${least}`)
    .max(most, `must be at most ${most}`)
    .default(standard)
    .describe(text);
const number = () => z.number({ error: 'must be a finite number' });
const positive = (standard: number, text: string) => number().positive('must be above 0').default(standard).describe(text);
const nonNegative = (standard: number, text: string) => number().nonnegative('must not be negative').default(standard).describe(text);
const share = (standard: number, text: string) =>
  number().min(0, 'must not be negative').max(1, 'must be at most 1').default(standard).describe(text);
const oneOf = <const T extends readonly [string, ...string[]]>(names: T, standard: NoInfer<T[number]>, text: string) =>
  z
    .enum(names, { error: `must be one of ${names.map((name) => `'${name}'`).join(', ')}` })
    .default(standard as never)
    .describe(text);

/** Every setting, in the order in which reports print them. */
const schema = z.strictObject({
  participants: count(2, 16, 'participants of the network', 256),
  rounds: count(1, 120, 'training rounds'),
  batch: count(1, 16, 'samples per participant and round'),
  width: count(1, 16, 'numbers per response'),
  headHidden: count(1, 32, 'hidden units (relu) of every head'),
  headRate: positive(3e-3, 'learning rate of the heads'),
  weightDecay: nonNegative(2, 'decoupled weight decay of heads, gates and readouts'),
  encoderRate: positive(2e-3, 'learning rate of the encoders'),
  proxyRate: positive(3e-3, 'learning rate of the proxies'),
  gradientClip: positive(5, 'largest l2 norm of the gradient of the loss on one sample that a peer sends back; longer ones are shortened'),
  answerBound: positive(16, 'largest l2 norm of a response that is taken in; a longer one is scaled down to it'),
  gateRate: positive(1e-2, 'learning rate of the gates'),
  readoutRate: positive(1e-2, 'learning rate of the linear readouts of G(x) and of the own response'),
  gate: oneOf(['sparse', 'productKey'], 'sparse', 'how a participant chooses whom to ask'),
  gateK: count(0, 0, 'peers asked per sample while training; 0 for all of them. Measurements ask all'),
  gateBalance: nonNegative(0, 'weight of the balance loss of sparse gates'),
  gateNoise: nonNegative(0, 'standard deviation of the noise on the scores of sparse gates while training'),
  distillation: oneOf(DISTILLATIONS, 'forwardKl', 'the divergence by which the proxy learns G(x)'),
  distillationTemperature: positive(2, 'temperature of that divergence'),
  distillationAlpha: share(0.5, 'share of that divergence; the rest is the cross-entropy with the labels'),
  responseWeight: nonNegative(1, 'weight of the squared error of the response beside both'),
  largestShard: count(20, 6000, 'training samples of the participant that has most'),
  refitSteps: count(1, 400, 'steps of the last training of the heads, with the encoders held fixed'),
  refitBatch: count(1, 128, 'samples per step of the last training of the heads'),
  refitSamples: count(1, 2000, 'samples of the last training of the heads'),
  blocks: count(0, 12, 'blocks of the ledger while training; at most one per round'),
  closingBlocks: count(1, 8, 'blocks of the ledger after the last measurement'),
  validation: count(1, 1000, 'held-out samples on which each participant measures'),
  blockValidation: count(1, 128, 'of those, how many are measured for a block while training'),
  estimator: oneOf(MEASURE_ESTIMATORS, 'taylor2', 'how the loss of a removal is estimated'),
  maskTemperature: positive(10, 'temperature of the competition mask (7), tokens'),
  stepBound: positive(0.1, 'largest l2 change of a row in one block (R-09)'),
  tau: positive(5, 'tokens per block, the factor tau of (6)'),
  emission: oneOf(EMISSION_NORMS, 'l2', 'norm in which tau bounds the emission'),
  ratingShare: share(0, 'part of all stake beyond which a participant does not rate; 0 for no such cap'),
  othersOnly: count(0, 0, '1 leaves own weights out of the ranking and lets the rest of a row count in full', 1),
  copyDistance: share(
    0,
    'peers whose answers differ by at most this part of their size are scored as one and share the score; 0 for each alone',
  ),
  initialStake: positive(100, 'tokens of every participant at the start'),
  rows: oneOf(['measured', 'competing'], 'measured', 'what participants write to the ledger: what they measured, or what pays them most'),
  lossPrice: nonNegative(2000, 'only for competing rows: tokens that a nat of loss is worth to a participant'),
  competingRate: nonNegative(0.005, 'only for competing rows: step length on the row'),
  equilibriumRatio: nonNegative(5, 'alpha/tau of the game behind the competitive ranking'),
});

/** Settings that decide the course of a run; the same for all its participants. `RUN_DEFAULTS` has the defaults, `describeSettings` the texts. */
export type RunSettings = Readonly<z.infer<typeof schema>>;

/** The settings of a run where nothing else is asked for. */
export const RUN_DEFAULTS: RunSettings = schema.parse({});

/** One setting as a person sees it. */
export interface SettingDescription {
  readonly name: keyof RunSettings;
  readonly standard: number | string;
  /** One line, without a full stop. */
  readonly text: string;
  /** The closed list, where there is one. */
  readonly choices?: readonly string[];
}

/** All settings with their defaults, texts and choices. */
export function describeSettings(): SettingDescription[] {
  return (Object.keys(RUN_DEFAULTS) as (keyof RunSettings)[]).map((name) => {
    const field = schema.shape[name];
    const inner = field.def.innerType;
    const choices = inner instanceof z.ZodEnum ? { choices: inner.options as string[] } : {};
    return { name, standard: RUN_DEFAULTS[name], text: field.description ?? '', ...choices };
  });
}

/**
 * Fills in defaults and refuses what cannot be run.
 *
 * @param given what differs from `RUN_DEFAULTS`
 * @param argument what the settings are called in errors, for instance `config.settings`; empty for their bare names
 * @throws InputError naming the setting
 */
export function resolveSettings(given: Partial<RunSettings>, argument = ''): RunSettings {
  for (const name of Object.keys(given)) checkSettingName(name, path(argument, name));
  const parsed = schema.safeParse({ ...fitting(given), ...given });
  if (!parsed.success) throw refusal(parsed.error.issues[0], given, argument);
  const settings = parsed.data;
  const { rounds, validation, participants } = settings;
  atMost('blocks', settings.blocks, rounds, 'the rounds', argument);
  atMost('blockValidation', settings.blockValidation, validation, 'the validation samples', argument);
  atMost('gateK', settings.gateK, participants - 1, 'the peers', argument);
  if (settings.copyDistance > 0 && settings.estimator === 'diagonal') {
    const remedy = 'Use another estimator, or copyDistance 0.';
    throw new InputError('BTM_DOMAIN', "'diagonal' scores no group of peers", {
      argument: path(argument, 'estimator'),
      value: 'diagonal',
      remedy,
    });
  }
  return settings;
}

/** A misspelt setting would otherwise quietly be the default. @throws InputError BTM_DOMAIN */
export function checkSettingName(name: string, argument: string): keyof RunSettings {
  if (Object.hasOwn(RUN_DEFAULTS, name)) return name as keyof RunSettings;
  throw new InputError('BTM_DOMAIN', 'is not a setting', { argument, remedy: `There are: ${Object.keys(RUN_DEFAULTS).join(', ')}.` });
}

/** The settings of one participant of a run; outputs are its own affair. */
export function participantSettings(
  settings: RunSettings,
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

/** Defaults that are at most what was asked for: a short run has fewer blocks. */
function fitting({ rounds = RUN_DEFAULTS.rounds, validation = RUN_DEFAULTS.validation }: Partial<RunSettings>): Partial<RunSettings> {
  return { blocks: Math.min(RUN_DEFAULTS.blocks, rounds), blockValidation: Math.min(RUN_DEFAULTS.blockValidation, validation) };
}

function atMost(name: keyof RunSettings, value: number, limit: number, ofWhat: string, argument: string): void {
  if (value <= limit) return;
  throw new InputError('BTM_DOMAIN', `must be at most ${limit}, ${ofWhat}, got ${value}`, { argument: path(argument, name), value });
}

function refusal({ code, message, path: [name] }: z.core.$ZodIssue, given: object, argument: string): InputError {
  const value = (given as Record<PropertyKey, unknown>)[name];
  const shown = typeof value === 'string' ? `'${value}'` : typeof value === 'object' ? 'an object' : String(value);
  return new InputError(codeOf(code, value), `${message}, got ${shown}`, { argument: path(argument, String(name)), value });
}

function codeOf(code: z.core.$ZodIssue['code'], value: unknown): InputErrorCode {
  if (typeof value === 'number' && !Number.isFinite(value)) return 'BTM_NONFINITE';
  if (code === 'invalid_type') return 'BTM_TYPE';
  return typeof value === 'number' && value < 0 ? 'BTM_NEGATIVE' : 'BTM_DOMAIN';
}

const path = (argument: string, name: string): string => (argument === '' ? name : `${argument}.${name}`);
