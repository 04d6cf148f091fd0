/** Sizes that a data set can fill: shards and validation samples are as large as the defaults where it has as much, and smaller where it has less. */
import { InputError } from '../core/errors.js';
import type { DigitData, ImageDataset } from '../data/dataset.js';
import type { ShardRequest } from '../data/shards.js';
import { RUN_DEFAULTS, type RunSettings } from '../run/settings.js';
import { buildRoster } from './roster.js';

/** Fewest samples of the largest shard: the smallest one then still has two. */
const LEAST_SHARD = 20;

/**
 * Sizes for the settings that leave them open.
 *
 * @param given settings that were asked for; sizes among them are left as they are
 * @throws InputError BTM_DOMAIN when the data cannot fill the smallest shards
 */
export function sizesFor(given: Partial<RunSettings>, seed: number, { train, test }: DigitData): Partial<RunSettings> {
  const { participants = RUN_DEFAULTS.participants } = given;
  const roster = (largestShard: number) => buildRoster({ participants, classes: train.classes, largestShard, seed });
  const shard = largestFitting(train, roster, given.largestShard ?? RUN_DEFAULTS.largestShard, LEAST_SHARD);
  const largestShard = asAsked('largestShard', given.largestShard, shard, train);
  const held = Math.min(
    ...roster(largestShard).map(({ classes }) =>
      largestFitting(test, (samples) => [{ classes, samples }], given.validation ?? RUN_DEFAULTS.validation, 1),
    ),
  );
  return { largestShard, validation: asAsked('validation', given.validation, held, test) };
}

/** A size that was asked for is had or refused, never lowered. */
function asAsked(argument: keyof RunSettings, asked: number | undefined, possible: number, { name }: ImageDataset): number {
  if (asked === undefined || asked <= possible) return asked ?? possible;
  const remedy = `Ask for at most ${possible}, or bring a larger data set.`;
  throw new InputError('BTM_DOMAIN', `must be at most ${possible}: ${name} has no more samples for these participants`, {
    argument,
    value: asked,
    remedy,
  });
}

/**
 * The largest size for which the data has the samples of every request.
 *
 * @throws InputError BTM_DOMAIN naming the data when that is less than `least`
 */
export function largestFitting(
  data: ImageDataset,
  requestsFor: (size: number) => readonly ShardRequest[],
  most: number,
  least: number,
): number {
  const counts = countsByClass(data);
  let [low, high] = [least - 1, most];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(counts, requestsFor(middle))) low = middle;
    else high = middle - 1;
  }
  if (low >= least) return low;
  throw new InputError('BTM_DOMAIN', `has too few samples: ${data.samples} of ${data.classes} classes`, {
    argument: data.name,
    remedy: 'Ask for fewer participants, or bring a larger data set.',
  });
}

function countsByClass({ classes, labels }: ImageDataset): Uint32Array {
  const counts = new Uint32Array(classes);
  for (const label of labels) counts[label]++;
  return counts;
}

/** Whether all requests can be dealt; each takes its classes in turn. */
function fits(counts: Uint32Array, requests: readonly ShardRequest[]): boolean {
  const wanted = new Float64Array(counts.length);
  for (const { classes, samples } of requests) {
    for (const [turn, label] of classes.entries()) wanted[label] += Math.ceil((samples - turn) / classes.length);
  }
  return wanted.every((count, label) => count <= counts[label]);
}
