// A head of the user's own in one file, the answers of its peers in others.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { encodeNpy } from '../../src/data/index.js';
import { createBackend, removalScores } from '../../src/index.js';
import { intermodel } from './run.js';

const A = Float64Array.of(1, 0.5, -1, 2, 0.25, 3);
const B = Float64Array.of(2, 1, -3);
const WEIGHTS = [
  [1, -0.5, 0.25],
  [-1, 0.75, 0.5],
];
const BIAS = [0.1, -0.2];
const LABELS = [0, 1, 1];

function files(dir: string, weights: readonly (readonly number[])[], more: object = {}): string[] {
  writeFileSync(join(dir, 'a.npy'), encodeNpy([3, 2], A));
  writeFileSync(join(dir, 'b.npy'), encodeNpy([3, 1], B));
  writeFileSync(join(dir, 'labels.txt'), LABELS.join('\n'));
  const head = { layers: [{ weights, bias: BIAS, activation: 'identity' }] };
  writeFileSync(join(dir, 'head.json'), JSON.stringify({ formatVersion: 1, head, ...more }));
  return ['rank', 'a.npy', 'b.npy', '--labels', 'labels.txt', '--head', 'head.json', '--json'];
}

t.test('peers of unequal widths are scored against their mean answers, or zeros', async (t) => {
  const cwd = t.testdir();
  const words = files(cwd, WEIGHTS);
  const responses = Float64Array.of(1, 0.5, 2, -1, 2, 1, 0.25, 3, -3);
  const means = Float64Array.of(0.25 / 3, 5.5 / 3, 0);
  for (const baseline of ['mean', 'zero']) {
    const run = intermodel([...words, '--baseline', baseline, '--estimator', 'ablation'], { cwd });
    t.equal(run.code, 0, run.stderr);
    const { peers, width, widths } = JSON.parse(run.stdout);
    t.same([width, widths], [null, [2, 1]]);
    const { scores } = removalScores({
      head: { layers: [{ weights: WEIGHTS.flat(), bias: BIAS, activation: 'identity' }] },
      responses,
      labels: LABELS,
      batch: 3,
      peers: 2,
      widths: [2, 1],
      estimator: 'ablation',
      reduction: 'mean',
      ...(baseline === 'mean' ? { baseline: means } : {}),
      backend: createBackend({ kind: 'reference' }),
    });
    peers.forEach((peer: { name: string; score: number }, i: number) => {
      t.equal(peer.name, ['a', 'b'][i]);
      t.ok(Math.abs(peer.score - scores[i]) < 1e-12, `${baseline}: ${peer.score}, ${scores[i]}`);
    });
  }
});

t.test('a row of NaN is no answer: it is left out of the mean, which stands in for it', async (t) => {
  const cwd = t.testdir();
  const words = files(cwd, WEIGHTS);
  writeFileSync(join(cwd, 'b.npy'), encodeNpy([3, 1], Float64Array.of(2, Number.NaN, -3)));
  const run = intermodel([...words, '--estimator', 'ablation'], { cwd });
  t.equal(run.code, 0, run.stderr);
  const { scores } = removalScores({
    head: { layers: [{ weights: WEIGHTS.flat(), bias: BIAS, activation: 'identity' }] },
    responses: Float64Array.of(1, 0.5, 2, -1, 2, 0, 0.25, 3, -3),
    labels: LABELS,
    batch: 3,
    peers: 2,
    widths: [2, 1],
    answered: [1, 1, 1, 0, 1, 1],
    baseline: Float64Array.of(0.25 / 3, 5.5 / 3, -0.5),
    estimator: 'ablation',
    reduction: 'mean',
    backend: createBackend({ kind: 'reference' }),
  });
  JSON.parse(run.stdout).peers.forEach(({ score }: { score: number }, i: number) => {
    t.ok(Math.abs(score - scores[i]) < 1e-12, `${score}, ${scores[i]}`);
  });
});

t.test('a head that does not fit the answers is refused by name', async (t) => {
  const cwd = t.testdir();
  const refuse = (words: string[], message: RegExp) => {
    const run = intermodel(words, { cwd });
    t.equal(run.code, 2);
    t.match(run.stderr, message);
  };
  const transposed = [0, 1, 2].map((d) => WEIGHTS.map((row) => row[d]));
  refuse(files(cwd, transposed), /head\.layers\[0\]\.weights.*shape.*\(2, 3\).*got \(3, 2\).*transposed/s);
  refuse(
    files(cwd, [
      [1, 2],
      [3, 4],
    ]),
    /shape.*\(2, 3\).*got \(2, 2\)/s,
  );
  refuse(files(cwd, WEIGHTS, { responses: [[[1]]] }), /holds the responses too/);
  refuse(files(cwd, WEIGHTS, { extra: 1 }), /unknown field 'extra'/);
});
