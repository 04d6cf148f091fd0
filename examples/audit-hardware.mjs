/**
 * A score that one kind of hardware computed, audited by another. A participant measures its peers on a GPU where there is one, else on the
 * widest vectors of its processor, and publishes a row; the auditor recomputes it with plain C++ on one thread. The rows are the same
 * to the part per billion, because the scores are the same to the bit.
 *
 * Run: `node audit-hardware.mjs`
 */
import { createBackend, removalScores } from 'intermodel';
import { auditRow, createKey, rowToParts } from 'intermodel/ledger';

const [batch, peers, width, outputs] = [500, 6, 8, 10];
const wave = (length, step) => Float64Array.from({ length }, (_, k) => Math.sin(k * step));
const published = {
  head: { layers: [{ weights: wave(outputs * peers * width, 0.7), bias: new Float64Array(outputs), activation: 'identity' }] },
  responses: wave(batch * peers * width, 0.3),
  ...{ batch, peers, width, estimator: 'relativeEntropy', reduction: 'mean' },
};
const keys = Array.from({ length: peers }, (_, k) => createKey(new Uint8Array(32).fill(k + 1)).publicKey);

const mine = participantBackend();
const scores = removalScores({ ...published, backend: mine }).scores;
const row = rowToParts(Array.from(scores));

const plain = createBackend({ kind: 'native', isa: 'scalar', threads: 1 });
const again = removalScores({ ...published, backend: plain }).scores;
const { verdict, squaredDistance } = auditRow({ keys, row, epsilon: 1 }, new Map(keys.map((key, k) => [key, again[k]])));
console.log(`${mine.describe().isa} against ${plain.describe().isa}: ${verdict}, distance ${squaredDistance}`);
console.log(`scores equal to the bit: ${scores.every((score, k) => Object.is(score, again[k]))}`);

/** A GPU, or what the processor has. */
function participantBackend() {
  try {
    return createBackend({ kind: 'cuda' });
  } catch (error) {
    if (error.code !== 'BTM_NO_CUDA') throw error;
    return createBackend({ kind: 'native' });
  }
}
