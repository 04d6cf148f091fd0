/**
 * Writes an example input of `intermodel rank`: five peers answer 64 samples of a three-class problem, and a head reads them.
 * `informative` says the class clearly, `weak` faintly, `copy` repeats `informative`, `noise` and `constant` say nothing about it.
 *
 * Run: `node lib/examples/rank-input.js FOLDER`, then `intermodel rank FOLDER/input.json --estimator ablation`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { RandomStream } from '../src/core/random.js';
import { encodeNpy } from '../src/data/npy.js';

const NAMES = ['informative', 'weak', 'copy', 'noise', 'constant'];
const BATCH = 64;
const WIDTH = 3;

/** The answer of each peer to a sample of class `label`: one number a class. */
function answers(label: number, random: RandomStream): number[][] {
  const say = (strength: number): number[] => [0, 1, 2].map((output) => strength * Number(output === label) + 0.3 * random.normal());
  const informative = say(1.5);
  return [informative, say(0.5), informative, say(0), [0.5, 0.5, 0.5]];
}

const folder = process.argv[2] ?? '.';
mkdirSync(folder, { recursive: true });
const labels = Array.from({ length: BATCH }, (_, sample) => sample % WIDTH);
const responses = labels.flatMap((label, sample) => answers(label, new RandomStream(1, sample)).flat());
// The head adds up what the peers say, trusting the first three and listening a little to the others.
const trust = [1, 1, 0.5, 0.2, 0.2];
const weights = [0, 1, 2].map((output) => NAMES.flatMap((_, peer) => [0, 1, 2].map((input) => (input === output ? trust[peer]! : 0))));

writeFileSync(join(folder, 'responses.npy'), encodeNpy([BATCH, NAMES.length, WIDTH], new Float64Array(responses)));
const input = {
  formatVersion: 1,
  names: NAMES,
  loss: 'softmaxCrossEntropy',
  responses: { npy: 'responses.npy' },
  labels,
  head: { layers: [{ weights, bias: [0, 0, 0], activation: 'identity' }] },
};
writeFileSync(join(folder, 'input.json'), `${JSON.stringify(input, null, 1)}\n`);
console.log(`wrote ${join(folder, 'input.json')} and responses.npy: ${BATCH} samples, ${NAMES.length} peers`);
