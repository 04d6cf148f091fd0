/** A roster of small dense networks on made-up samples: every step of a run between processes, without tensorflow.js and data files. */
import { RandomStream } from '../../src/core/random.js';
import { DenseNet } from '../../src/participant/models/dense-net.js';
import { Participant } from '../../src/participant/participant.js';
import type { Samples } from '../../src/participant/samples.js';
import type { Roster } from '../../src/run/roster.js';
import { participantSettings } from '../../src/run/settings.js';

const INPUTS = 4;
const CLASSES = 3;

/** Classes that follow from the largest of the first three inputs. */
function samples(seed: number, stream: number, size: number): Samples {
  const source = new RandomStream(seed, stream);
  const inputs = Float32Array.from({ length: size * INPUTS }, () => source.uniform());
  const labels = Int32Array.from({ length: size }, (_, s) => {
    const first = [...inputs.subarray(s * INPUTS, s * INPUTS + CLASSES)];
    return first.indexOf(Math.max(...first));
  });
  return { size, inputs, targets: { loss: 'softmaxCrossEntropy', labels } };
}

export const smallRoster: Roster = {
  defaults: async () => ({}),
  plan: async ({ settings }) => ({
    names: Array.from({ length: settings.participants }, (_, index) => `small-${index}`),
    inputWidth: INPUTS,
  }),
  build: async (index, { settings, seed, backend }) => {
    const net = (purpose: number, inputs: number) =>
      DenseNet.random({
        ...{ widths: [inputs, 5, settings.width], activation: 'tanh', outputActivation: 'tanh', seed, backend },
        ...{ stream: [purpose, index], optimiser: { learningRate: settings.encoderRate } },
      }).asModel();
    const parts = { index, name: `small-${index}`, data: samples(seed, index, settings.largestShard) };
    const models = { encoder: net(5, INPUTS + settings.width), proxy: net(6, INPUTS) };
    const participant = new Participant({ ...parts, ...models }, participantSettings(settings, { outputs: CLASSES, seed, backend }));
    return {
      member: { participant, validation: samples(seed, 100 + index, settings.validation) },
      data: { name: 'made up', samples: settings.largestShard, classes: CLASSES, height: 1, width: INPUTS },
    };
  },
};
