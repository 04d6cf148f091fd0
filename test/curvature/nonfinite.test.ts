/**
 * Responses are not scanned before the kernels run: the kernels report whether the first layer is finite, and only then is the offender
 * looked for. So whatever hides an infinity downstream (a zero weight, a saturated activation, an estimator that divides) must not.
 */
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { peerGram, removalScores } from '../../src/curvature.js';
import { type Activation, type HeadOptions, headForward, headGradient } from '../../src/head.js';
import { backends, natives, reference } from './backends.js';

const everywhere = [{ name: 'reference', backend: reference }, ...natives];
const [peers, width] = [3, 5];
const sizes = { peers, width };

/** Whose first layer ignores every response in its first two outputs, by weights of +0 and -0. */
function deafHead(random: RandomStream, activation: Activation) {
  const inputs = peers * width;
  const weights = Float64Array.from({ length: 4 * inputs }, (_, k) => (k < inputs ? 0 : k < 2 * inputs ? -0 : random.normal()));
  const normals = (length: number) => Float64Array.from({ length }, () => random.normal());
  return {
    layers: [
      { weights, bias: normals(4), activation },
      { weights: normals(8), bias: normals(2), activation: 'identity' as const },
    ],
  };
}

function batchOf(random: RandomStream, activation: Activation, batch: number) {
  const responses = Float64Array.from({ length: batch * peers * width }, () => random.normal());
  return { head: deafHead(random, activation), responses, labels: new Int32Array(batch), batch, ...sizes };
}

const calls: Record<string, (options: HeadOptions & { labels: Int32Array }) => unknown> = {
  headForward: ({ labels: _, ...options }) => headForward(options),
  headGradient,
  peerGram,
};
for (const estimator of ['gaussNewton', 'taylor2', 'firstOrder', 'empiricalFisher', 'monteCarloFisher', 'relativeEntropy'] as const)
  calls[estimator] = (options) => removalScores({ ...options, estimator });
for (const estimator of ['ablation', 'diagonal', 'nisp'] as const) calls[estimator] = (options) => removalScores({ ...options, estimator });
calls['nisp without labels'] = ({ labels: _, ...options }) => removalScores({ ...options, estimator: 'nisp' });
calls['compareAblation'] = (options) => removalScores({ ...options, compareAblation: true });

t.test('the first response that is not finite is named, by every function, head and backend', async (t) => {
  const random = new RandomStream(31);
  for (const { name, backend } of everywhere) {
    let missed = 0;
    for (const activation of ['identity', 'relu', 'tanh', 'gelu', 'sigmoid'] as const) {
      const data = batchOf(random, activation, 21);
      const { length } = data.responses;
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        for (const index of [0, 1 + random.integer(length - 2), length - 1]) {
          const responses = data.responses.slice();
          responses[index] = value;
          if (random.integer(2) === 0) responses[length - 1] = value; // a later one too
          for (const call of Object.values(calls)) {
            try {
              call({ ...data, responses, backend });
              missed++;
            } catch (error) {
              const { code, argument, index: at } = error as { code?: string; argument?: string; index?: number };
              if (code !== 'BTM_NONFINITE' || argument !== 'responses' || at !== index) missed++;
            }
          }
        }
      }
    }
    t.equal(missed, 0, name);
  }
});

t.test('in a batch of many tiles it is named wherever it stands', async (t) => {
  const random = new RandomStream(32);
  const data = batchOf(random, 'sigmoid', 700);
  for (const { name, backend } of natives) {
    let missed = 0;
    for (let trial = 0; trial < 40; trial++) {
      const index = random.integer(data.responses.length);
      const responses = data.responses.slice();
      responses[index] = Number.NEGATIVE_INFINITY;
      for (const call of [calls['headForward'], calls['headGradient'], calls['peerGram'], calls['gaussNewton']]) {
        try {
          call({ ...data, responses, backend });
          missed++;
        } catch (error) {
          if ((error as { index?: number }).index !== index) missed++;
        }
      }
    }
    t.equal(missed, 0, name);
  }
});

t.test('a first layer that overflows on finite responses is not an error', async (t) => {
  const random = new RandomStream(33);
  const data = batchOf(random, 'tanh', 11);
  const head = { layers: data.head.layers.map((layer, l) => (l === 0 ? { ...layer, weights: layer.weights.map(() => 1e300) } : layer)) };
  const responses = data.responses.map((x) => x * 1e100);
  for (const { name, backend } of backends) {
    const { labels: _, ...call } = { ...data, head, responses, backend };
    t.same(headForward(call), headForward({ ...call, backend: reference }), `${name}: the same logits as the reference`);
    t.ok(['ok', 'overflow'].includes(removalScores(call).status), name);
  }
});
