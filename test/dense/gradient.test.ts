// Gradients by central differences of the reference's own outputs, which share nothing with the backward pass; one step of Adam by hand.
import t from 'tap';
import { ACTIVATIONS, type Activation } from '../../src/core/closed-lists.js';
import { RandomStream } from '../../src/core/random.js';
import { denseReference } from '../../src/reference/dense.js';
import { activate } from '../../src/reference/head.js';

const SIZES = Int32Array.of(5, 4, 3, 2);
const [GIVEN, SAMPLES] = [3, 4];
const COUNT = 6 * 4 + 5 * 3 + 4 * 2;

/** Outputs [samples, 2] in double precision, written out for three layers. */
function outputsOf(parameters: Float64Array, names: readonly Activation[], samples: readonly (readonly number[])[]): number[][] {
  return samples.map((sample) => {
    let values: readonly number[] = sample;
    let at = 0;
    for (const [l, name] of names.entries()) {
      const [inputs, outputs] = [SIZES[l]!, SIZES[l + 1]!];
      const below: readonly number[] = values;
      values = Array.from({ length: outputs }, (_, o) => {
        const bias = parameters[at + inputs * outputs + o]!;
        return activate(
          name,
          below.reduce((sum, x, k) => sum + x * parameters[at + k * outputs + o]!, bias),
        );
      });
      at += (inputs + 1) * outputs;
    }
    return [...values];
  });
}

for (const [code, name] of ACTIVATIONS.entries()) {
  t.test(`the gradient through ${name} is the slope of the outputs`, (t) => {
    const stream = new RandomStream(5, code);
    const names: Activation[] = [name, ACTIVATIONS[(code + 2) % ACTIVATIONS.length]!, name];
    const activations = Int32Array.from(names, (one) => ACTIVATIONS.indexOf(one));
    const parameters = Float64Array.from({ length: COUNT }, () => 0.7 * stream.normal());
    const inputs = Float32Array.from({ length: SAMPLES * GIVEN }, (_, k) => (k % 4 === 1 ? 0 : stream.normal()));
    const context = Float32Array.from({ length: SAMPLES * 2 }, () => stream.normal());
    const upstream = Float32Array.from({ length: SAMPLES * 2 }, () => stream.normal());
    const samples = Array.from({ length: SAMPLES }, (_, s) => [
      ...inputs.subarray(s * GIVEN, (s + 1) * GIVEN),
      ...context.subarray(2 * s, 2 * s + 2),
    ]);
    const loss = (at: Float64Array) =>
      outputsOf(at, names, samples)
        .flat()
        .reduce((sum, z, k) => sum + z * upstream[k]!, 0);

    const outputs = new Float32Array(2 * SAMPLES);
    denseReference.denseForward(outputs, parameters, SIZES, activations, inputs, context, GIVEN, SAMPLES);
    for (const [k, z] of outputsOf(parameters, names, samples).flat().entries()) {
      t.ok(Math.abs(outputs[k]! - z) <= 1e-6 * Math.max(1, Math.abs(z)), `output ${k}`);
    }

    const gradient = new Float64Array(COUNT);
    denseReference.denseGradient(gradient, parameters, SIZES, activations, inputs, context, upstream, GIVEN, SAMPLES);
    const moved = parameters.slice();
    let worst = 0;
    for (let k = 0; k < COUNT; k++) {
      const h = 1e-6;
      moved[k] = parameters[k]! + h;
      const above = loss(moved);
      moved[k] = parameters[k]! - h;
      const slope = (above - loss(moved)) / (2 * h);
      moved[k] = parameters[k]!;
      worst = Math.max(worst, Math.abs(gradient[k]! - slope) / Math.max(1, Math.abs(slope)));
    }
    t.ok(worst < 2e-8, `largest relative difference ${worst}`);
    t.ok(
      gradient.some((g) => g !== 0),
      'and not all zeros',
    );
    t.end();
  });
}

t.test('two steps of Adam, by hand', (t) => {
  const [x, first, second] = [Float64Array.of(1, -2), new Float64Array(2), new Float64Array(2)];
  // the first step moves by the whole rate against the sign of the gradient, whatever its size, and shrinks what it moves
  denseReference.adamStep(x, first, second, Float64Array.of(3, -1e-3), 0.1, 0.9, 1 - 0.9, 1 - 0.999);
  t.ok(Math.abs(x[0]! - (0.9 - 0.1)) < 1e-8);
  t.ok(Math.abs(x[1]! - (-1.8 + 0.1)) < 1e-6);
  // the second: m = 0.9 * 0.3 + 0.1 * (-1), v = 0.999 * 0.009 + 0.001 * 1
  denseReference.adamStep(x, first, second, Float64Array.of(-1, 0), 0.1, 1, 1 - 0.81, 1 - 0.999 ** 2);
  const direction = (0.9 * 0.3 - 0.1) / 0.19 / (Math.sqrt((0.999 * 0.009 + 0.001) / (1 - 0.999 ** 2)) + 1e-8);
  t.ok(Math.abs(x[0]! - (0.8 - 0.1 * direction)) < 1e-8);
  t.ok(Math.abs(first[0]! - 0.17) < 1e-12 && Math.abs(second[0]! - 0.009991) < 1e-12);
  t.end();
});
