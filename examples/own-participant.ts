/**
 * A participant of your own for a network of processes: its own model, data and loss. Name this file as `participant` in a peer's configuration, beside the
 * `inputWidth` of the network:
 *
 * `{ ..., "inputWidth": 784, "participant": "own-participant.js" }`
 *
 * The network gives its answers to pictures; what this one wants of them is not their class but how bright they are at the top and at the bottom, so its loss is the
 * squared error. Its encoder is a plain function that does not learn; a tensorflow.js model (`denseEncoder`, `layersModel`) or any object with the same methods would
 * do as well. In a package of your own, import from 'intermodel/participant'.
 */
import { RandomStream } from '../src/core/random.js';
import { type CreateParticipant, plainModel, type Samples } from '../src/index-participant.js';

const [TRAINING, VALIDATION] = [200, 60];

/** Mean brightness of equally large parts of a picture, from top to bottom. */
function bands(picture: Float32Array, count: number): number[] {
  const length = Math.floor(picture.length / count);
  return Array.from({ length: count }, (_, band) => {
    const part = picture.subarray(band * length, (band + 1) * length);
    return part.reduce((sum, pixel) => sum + pixel, 0) / length;
  });
}

/** Noisy pictures, each half with a brightness of its own. */
function pictures(size: number, inputWidth: number, source: RandomStream): Samples {
  const inputs = new Float32Array(size * inputWidth);
  const targets = new Float64Array(size * 2);
  for (let s = 0; s < size; s++) {
    const light = [source.uniform(), source.uniform()];
    const picture = inputs.subarray(s * inputWidth, (s + 1) * inputWidth);
    for (let pixel = 0; pixel < inputWidth; pixel++) picture[pixel] = light[pixel < inputWidth / 2 ? 0 : 1]! * source.uniform();
    targets.set(bands(picture, 2), s * 2);
  }
  return { size, inputs, targets: { loss: 'squaredError', targets } };
}

/** What the peer's process calls once, before it joins. */
const create: CreateParticipant = ({ index, width, inputWidth = 784, seed }) => ({
  name: `brightness-${index}`,
  encoder: plainModel({
    inputWidth,
    width,
    description: 'plain function: brightness from top to bottom',
    respond: (inputs, batch) =>
      Float32Array.from(
        Array.from({ length: batch }, (_, s) => bands(inputs.subarray(s * inputWidth, (s + 1) * inputWidth), width)).flat(),
      ),
  }),
  data: pictures(TRAINING, inputWidth, new RandomStream(seed, index, 0)),
  validation: pictures(VALIDATION, inputWidth, new RandomStream(seed, index, 1)),
  outputs: 2,
});

export default create;
