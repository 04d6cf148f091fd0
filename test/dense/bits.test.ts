// The native kernels give the reference's bits: shapes around the vector width, sparse samples in two parts, every activation, 1, 2 and 7 threads.
import t from 'tap';
import type { Kernels } from '../../src/backend/index.js';
import { ACTIVATIONS } from '../../src/core/closed-lists.js';
import { RandomStream } from '../../src/core/random.js';
import { firstDifference, misaligned, nameOf, natives, reference } from '../support/backends.js';

interface Shape {
  readonly sizes: readonly number[];
  /** Numbers of a sample in the first part. */
  readonly given: number;
  readonly samples: number;
}

const SHAPES: readonly Shape[] = [
  { sizes: [1, 1], given: 1, samples: 1 },
  { sizes: [9, 3, 2], given: 7, samples: 5 },
  { sizes: [70, 65, 5], given: 64, samples: 3 },
  { sizes: [130, 12, 7, 33], given: 0, samples: 66 },
  { sizes: [24, 8, 4], given: 24, samples: 130 },
  { sizes: [5, 4], given: 2, samples: 0 },
];

/** Mostly zeros, with a few that are negative or zero with a sign; not aligned to a vector. */
function sparse(stream: RandomStream, length: number): Float32Array {
  const values = new Float32Array(length + 1).subarray(1);
  for (let at = 0; at < length; at++) values[at] = stream.uniform() < 0.3 ? stream.normal() : stream.uniform() < 0.1 ? -0 : 0;
  return values;
}

function draw({ sizes, given, samples }: Shape, seed: number) {
  const stream = new RandomStream(20261128, 40, seed);
  const count = sizes.slice(1).reduce((sum, outputs, l) => sum + (sizes[l]! + 1) * outputs, 0);
  return {
    parameters: misaligned(stream, count, 0.7),
    sizes: Int32Array.from(sizes),
    activations: Int32Array.from(sizes.slice(1), (_, l) => (seed + l) % ACTIVATIONS.length),
    inputs: sparse(stream, samples * given),
    context: sparse(stream, samples * (sizes[0]! - given)),
    upstream: Float32Array.from({ length: samples * sizes.at(-1)! }, () => stream.normal()),
    first: misaligned(stream, count, 0.1),
    second: misaligned(stream, count, 0.1).map(Math.abs),
  };
}

function run(kernels: Kernels, { given, samples }: Shape, data: ReturnType<typeof draw>): Float64Array[] {
  const { sizes, activations, inputs, context, upstream } = data;
  const outputs = new Float32Array(samples * sizes.at(-1)!).fill(7);
  const gradient = new Float64Array(data.parameters.length).fill(7);
  const [parameters, first, second] = [data.parameters.slice(), data.first.slice(), data.second.slice()];
  kernels.denseForward(outputs, parameters, sizes, activations, inputs, context, given, samples);
  kernels.denseGradient(gradient, parameters, sizes, activations, inputs, context, upstream, given, samples);
  kernels.adamStep(parameters, first, second, gradient, 0.01, 0.98, 0.1, 0.001);
  return [Float64Array.from(outputs), gradient, parameters, first, second];
}

for (const backend of natives) {
  t.test(`${nameOf(backend)} equals the reference`, async (t) => {
    let compared = 0;
    SHAPES.forEach((shape, at) => {
      for (let seed = at; seed < at + ACTIVATIONS.length; seed++) {
        const data = draw(shape, seed);
        const expected = run(reference.kernels, shape, data);
        run(backend.kernels, shape, data).forEach((found, index) => {
          const place = firstDifference(found, expected[index]!);
          compared += found.length;
          if (place !== -1)
            t.fail(`shape ${at}, draw ${seed}, array ${index} differs at ${place}: ${found[place]} and ${expected[index]![place]}`);
        });
      }
    });
    t.ok(compared > 10_000);
  });
}

t.test('a sum leaves out what is multiplied by zero, an infinite weight included', async (t) => {
  for (const { kernels } of [reference, ...natives]) {
    const out = new Float32Array(1);
    const call = [Float64Array.of(Number.POSITIVE_INFINITY, 2, 0.5), Int32Array.of(2, 1), Int32Array.of(0)] as const;
    kernels.denseForward(out, ...call, Float32Array.of(0, 3), new Float32Array(0), 2, 1);
    t.same(out, [6.5]);
    const gradient = new Float64Array(3).fill(7);
    kernels.denseGradient(gradient, ...call, Float32Array.of(0, 3), new Float32Array(0), Float32Array.of(Number.POSITIVE_INFINITY), 2, 1);
    t.same(gradient, [0, Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]);
  }
});
