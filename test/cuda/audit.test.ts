// A score computed by one kind of hardware, audited by another: the kernels of the GPU in their host form against the processor, both ways.
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { RandomStream } from '../../src/core/random.js';
import { type Estimator, removalScores } from '../../src/curvature.js';
import { auditRow, createKey, rowToParts } from '../../src/ledger/index.js';
import { hostForm } from '../support/cuda.js';

const stream = new RandomStream(15, 6);
const [batch, peers, width, outputs] = [70, 5, 4, 6];
const draw = (length: number) => Float64Array.from({ length }, () => stream.normal());
const published = {
  head: { layers: [{ weights: draw(outputs * peers * width), bias: draw(outputs), activation: 'identity' as const }] },
  responses: draw(batch * peers * width),
  ...{ batch, peers, width, reduction: 'mean' as const },
};
const keys = Array.from({ length: peers }, (_, k) => createKey(new Uint8Array(32).fill(k + 1)).publicKey);
const kinds = [hostForm({ schedule: 9 }), createBackend({ kind: 'native' }), createBackend({ kind: 'reference' })];

for (const estimator of ['gaussNewton', 'relativeEntropy'] as Estimator[]) {
  t.test(estimator, async (test) => {
    for (const raters of kinds) {
      const scores = removalScores({ ...published, estimator, backend: raters }).scores as Float64Array;
      const row = rowToParts(Array.from(scores));
      for (const auditor of kinds) {
        const again = removalScores({ ...published, estimator, backend: auditor }).scores as Float64Array;
        const { verdict } = auditRow({ keys, row, epsilon: 1 }, new Map(keys.map((key, k) => [key, again[k]!])));
        test.equal(verdict, 'equal', `${raters.describe().isa} audited by ${auditor.describe().isa}`);
      }
      const forged = row.slice();
      forged[0]! -= 1;
      forged[1]! += 1;
      const audited = auditRow({ keys, row: forged, epsilon: 1 }, new Map(keys.map((key, k) => [key, scores[k]!])));
      test.equal(audited.verdict, 'different', 'a row that is off by one part in a billion');
    }
  });
}
