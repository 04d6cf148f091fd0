/** Disjoint shards of a data set: who owns which samples. */
import { InputError } from '../core/errors.js';
import type { ImageDataset } from './dataset.js';

/** What one owner asks for. */
export interface ShardRequest {
  readonly classes: readonly number[];
  readonly samples: number;
}

/** Samples as a model takes them: pixels in [0, 1], and labels. */
export interface Shard {
  readonly samples: number;
  readonly pixels: number;
  /** @shape [samples, pixels] */
  readonly inputs: Float32Array;
  /** @shape [samples] */
  readonly labels: Int32Array;
}

/**
 * Deals samples out to owners so that no sample has two owners and each owner's classes are equally common (up to one sample).
 *
 * @param permutation a permutation of all sample indices: which samples, and in which order, follows from it alone
 * @returns one shard per request, in the order of the requests
 * @throws InputError BTM_DOMAIN if a class runs out, naming the class and how many samples were asked for
 */
export function dealShards(dataset: ImageDataset, requests: readonly ShardRequest[], permutation: Uint32Array): Shard[] {
  return dealIndices(dataset, requests, permutation).map((indices) => take(dataset, indices));
}

/** The same as indices into the data set, for those that need only one owner's samples. */
export function dealIndices(dataset: ImageDataset, requests: readonly ShardRequest[], permutation: Uint32Array): number[][] {
  if (permutation.length !== dataset.samples) {
    throw new InputError('BTM_SHAPE', `must have length ${dataset.samples}, got ${permutation.length}`, { argument: 'permutation' });
  }
  const pools = poolsByClass(dataset, permutation);
  const used = new Uint32Array(dataset.classes);
  return requests.map((request) => {
    const indices: number[] = [];
    for (let k = 0; k < request.samples; k++) {
      const wanted = request.classes[k % request.classes.length];
      const pool = pools[wanted] ?? [];
      if (used[wanted] >= pool.length) {
        throw new InputError('BTM_DOMAIN', `ask for more than the ${pool.length} samples that class ${wanted} of ${dataset.name} has`, {
          argument: 'requests',
          value: request.samples,
          remedy: 'Ask for fewer samples, fewer owners, or bring a larger data set.',
        });
      }
      indices.push(pool[used[wanted]++]);
    }
    return indices;
  });
}

/** Copies samples out of a data set, pixels scaled to [0, 1]. */
export function take(dataset: ImageDataset, indices: readonly number[]): Shard {
  const pixels = dataset.height * dataset.width;
  const inputs = new Float32Array(indices.length * pixels);
  const labels = new Int32Array(indices.length);
  indices.forEach((sample, row) => {
    labels[row] = dataset.labels[sample];
    for (let pixel = 0; pixel < pixels; pixel++) inputs[row * pixels + pixel] = dataset.images[sample * pixels + pixel] / 255;
  });
  return { samples: indices.length, pixels, inputs, labels };
}

function poolsByClass(dataset: ImageDataset, permutation: Uint32Array): number[][] {
  const pools: number[][] = Array.from({ length: dataset.classes }, () => []);
  for (const sample of permutation) pools[dataset.labels[sample]].push(sample);
  return pools;
}
