// Arrays made in another realm (vm contexts, Jest) are taken wherever those of this one are.

import { runInNewContext } from 'node:vm';
import t from 'tap';
import { typedArrayKind } from '../../src/core/typed-arrays.js';
import { createGame, headForward, projectSimplex, removalScores, solveEquilibrium } from '../../src/index.js';
import { decodeTransaction, encodeTransaction } from '../../src/ledger/encoding.js';
import { createKey, signBytes, signTransaction, verifyBytes } from '../../src/ledger/keys.js';
import { checkTensor } from '../../src/network/tensor.js';
import { DenseNet } from '../../src/participant/models/dense-net.js';
import { decodeSaved, encodeSaved, type Saved } from '../../src/participant/saved.js';
import { decodeStudent, encodeStudent } from '../../src/participant/students/student-file.js';
import { checkPlugin } from '../../src/process/plugin-check.js';
import { readBytes } from '../../src/run/messages.js';

type Typed = Uint8Array | Uint32Array | Int32Array | Float32Array | Float64Array;
const realm = runInNewContext('({ Uint8Array, Uint32Array, Int32Array, Float32Array, Float64Array })') as Record<
  string,
  new (
    values: Typed,
  ) => Typed
>;

/** The same numbers in an array of another realm. */
function foreign<T extends Typed>(values: T): T {
  const made = new realm[typedArrayKind(values)!]!(values) as T;
  if (made instanceof Object.getPrototypeOf(Uint8Array)) throw new Error('not another realm');
  return made;
}

t.test('functions of heads, projections and games', async (t) => {
  const head = (take: <T extends Typed>(values: T) => T) => ({
    layers: [{ weights: take(Float64Array.of(1, 2, 3, 4)), bias: take(Float32Array.of(0.5, 0)), activation: 'identity' as const }],
  });
  const batch = { batch: 1, peers: 2, width: 1 };
  const responses = Float32Array.of(3, 4);
  const wanted = headForward({ head: head((values) => values), responses, ...batch });
  t.same(headForward({ head: head(foreign), responses: foreign(responses), ...batch }), wanted);
  t.same(
    removalScores({ head: head(foreign), responses: foreign(responses), labels: foreign(Int32Array.of(1)), ...batch }).scores,
    removalScores({ head: head((values) => values), responses, labels: [1], ...batch }).scores,
  );
  const out = foreign(new Float64Array(2));
  projectSimplex({ rows: Float64Array.of(2, 0), n: 2, out });
  t.same([...out], [1, 0]);
  const game = createGame({
    n: 2,
    temperature: 5,
    alpha: 25,
    tau: 1,
    initialWeights: foreign(Float64Array.of(0.5, 0.5, 0.5, 0.5)),
    hessian: { kind: 'diagonal', data: foreign(Float64Array.of(1, 2)) },
  });
  const options = { game, method: { kind: 'spectral' } as const, stop: { residual: 0, maxSteps: 20 } };
  const { state } = await solveEquilibrium(options);
  const more = { ...options, stop: { residual: 0, maxSteps: 40 } };
  t.same((await solveEquilibrium({ ...more, resume: foreign(state) })).state, (await solveEquilibrium(more)).state);
});

t.test('the ledger: seeds, signatures, rows and transactions', async (t) => {
  const key = createKey(foreign(new Uint8Array(32).fill(7)));
  t.equal(key.publicKey, createKey(new Uint8Array(32).fill(7)).publicKey);
  const bytes = Uint8Array.of(1, 2, 3);
  t.ok(verifyBytes(foreign(bytes), signBytes(foreign(bytes), key), key.publicKey));
  const row = { members: 2, weights: foreign(Uint32Array.of(1, 2)) };
  const tx = signTransaction({ kind: 'setWeights', row, chain: 'ab'.repeat(32), from: key.publicKey, nonce: 0 } as never, key);
  t.same(encodeTransaction(decodeTransaction(foreign(encodeTransaction(tx)))!), encodeTransaction(tx));
});

t.test('participants: tensors, students, saved states, messages and plugins', (t) => {
  checkTensor('tensor', { shape: [2], data: foreign(Float32Array.of(1, 2)) });
  const student = encodeStudent(
    DenseNet.random({
      widths: [2, 3, 1],
      activation: 'tanh',
      outputActivation: 'identity',
      seed: 1,
      stream: [1],
      optimiser: { learningRate: 0.1 },
    }),
  );
  t.same(encodeStudent(decodeStudent(foreign(student))), student);
  const saved = (take: <T extends Typed>(values: T) => T): Saved => ({
    hash: take(Uint8Array.of(1, 2)),
    arrays: [take(Float32Array.of(1.5)), take(Float64Array.of(2.5))],
  });
  t.same(
    decodeSaved(foreign(encodeSaved(saved(foreign)))),
    saved((values) => values),
  );
  t.same([...readBytes(foreign(Uint8Array.of(5)))], [5]);
  const model = { inputWidth: 2, width: 1, description: 'none', respond: async () => new Float32Array(0), dispose: () => undefined };
  const samples = (targets: object) => ({ size: 1, inputs: foreign(Float32Array.of(1, 2)), targets });
  for (const targets of [
    { loss: 'softmaxCrossEntropy', labels: foreign(Int32Array.of(0)) },
    { loss: 'squaredError', targets: foreign(Float64Array.of(0, 1)) },
  ]) {
    const own = { encoder: model, data: samples(targets), validation: samples(targets), outputs: 2 };
    t.equal(checkPlugin(own, { width: 1, inputWidth: 2 }), own);
  }
  t.end();
});
