/** What a call costs beside its arithmetic: the smallest inputs. */
import { createBackend } from '../../src/backend/index.js';
import { competitionMask, headForward, inflate, networkRanking, peerGram, projectBoundedStep, removalScores } from '../../src/index.js';
import type { BenchCase } from './case.js';
import { inProcess } from './contender.js';

const layers = [{ weights: Float64Array.from([1, 0, 0, 1]), bias: new Float64Array(2), activation: 'identity' as const }];
const head = { layers };
const responses = Float64Array.from([1, 2]);
const weights = Float64Array.from([0.4, 0.6, 0.5, 0.5]);
const steps = Float64Array.from([0.1, -0.1, 0, 0]);
const stake = Float64Array.from([5, 2]);
const backend = createBackend({ kind: 'native', threads: 1 });
const one = { head, responses, batch: 1, peers: 2, width: 1, backend };

const CALLS: Readonly<Record<string, () => ArrayLike<number>>> = {
  removalScores: () => removalScores({ ...one, estimator: 'gaussNewton' }).scores,
  peerGram: () => peerGram(one).gram,
  headForward: () => headForward(one),
  projectBoundedStep: () => projectBoundedStep({ rows: weights, steps, epsilon: 0.05, n: 2, backend }),
  networkRanking: () => networkRanking({ weights, stake, n: 2, backend }),
  inflate: () => inflate({ stake, ranking: stake, tau: 1, backend }).stake,
  competitionMask: () => competitionMask({ weights, stake, temperature: 5, n: 2, backend }).mask,
};

export function callCases(): BenchCase[] {
  return Object.entries(CALLS).map(([name, call]) => ({
    workload: 'calls',
    name: `${name}, two peers`,
    repeat: 'call',
    open: async () => [inProcess('intermodel f64', 1, call)],
  }));
}
