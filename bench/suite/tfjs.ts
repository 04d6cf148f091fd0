/** The removal scores in tensorflow.js on its wasm backend, in single precision: the fastest form found, one batched product over all peers. */
import type * as tensorflow from '@tensorflow/tfjs';
import { loadTensorflow } from '../../src/participant/models/tensorflow.js';
import { type Contender, inProcess } from './contender.js';
import type { LinearProblem } from './plain.js';

export async function tfjsRemoval({ weights, bias, responses, batch, peers, width, outputs }: LinearProblem): Promise<Contender> {
  const { tf, version } = await loadTensorflow('tfjs-wasm');
  const flat = tf.tensor2d(Float32Array.from(weights), [outputs, peers * width]).transpose();
  const first = flat.reshape([peers, width, outputs]) as tensorflow.Tensor3D;
  const start = tf.tensor1d(Float32Array.from(bias));
  const answers = tf.tensor3d(Float32Array.from(responses), [batch, peers, width]);
  const scores = () => {
    const parts = tf.matMul(answers.transpose([1, 0, 2]), first) as tensorflow.Tensor3D; // [peers, batch, outputs]
    const p = tf.softmax(parts.sum(0).add(start) as tensorflow.Tensor2D).expandDims(0);
    const centred = parts.sub(parts.mul(p).sum(-1, true));
    return centred.square().mul(p).sum([1, 2]).dataSync();
  };
  const call = () => {
    let result: ArrayLike<number> = [];
    tf.tidy(() => {
      result = scores();
    });
    return result;
  };
  return inProcess(`tfjs ${version} wasm f32`, 1, call, { own: false, tolerance: 1e-3 });
}
