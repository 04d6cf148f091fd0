import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';
import { readRankInput } from '../../src/cli/rank-input.js';
import { encodeNpy } from '../../src/data/npy.js';
import { intermodel } from './run.js';

/** The file of docs/rank-input.md. */
const SMALL = {
  formatVersion: 1,
  names: ['ann', 'bob'],
  responses: [
    [[1.0], [2.0]],
    [[0.5], [-1.0]],
  ],
  labels: [0, 1],
  head: {
    layers: [
      {
        weights: [
          [1, 0],
          [0, 1],
        ],
        bias: [0, 0],
        activation: 'identity',
      },
    ],
  },
};

function write(folder: string, value: unknown, name = 'input.json'): string {
  const path = join(folder, name);
  writeFileSync(path, typeof value === 'string' ? value : JSON.stringify(value));
  return path;
}

t.test('the scores are the closed form of the example, on both backends, and are saved', async (t) => {
  const folder = t.testdir();
  const input = write(folder, SMALL);
  // Removing a peer of an identity head moves one logit by its response r: r^2 p (1 - p), summed over the samples.
  const p0 = 1 / (1 + Math.exp(2 - 1));
  const p1 = 1 / (1 + Math.exp(-1 - 0.5));
  const expected = [p0 * (1 - p0) + 0.25 * p1 * (1 - p1), 4 * p0 * (1 - p0) + p1 * (1 - p1)];
  const outputs = ['native', 'reference'].map((backend) => {
    const out = join(folder, `${backend}.json`);
    const run = intermodel(['rank', input, '--backend', backend, '--reduction', 'sum', '--json', '--out', out]);
    t.equal(run.code, 0, run.stderr);
    t.same(JSON.parse(run.stdout), JSON.parse(readFileSync(out, 'utf8')), 'what is printed is what is saved');
    return JSON.parse(run.stdout);
  });
  for (const [index, peer] of outputs[0].peers.entries()) {
    t.ok(Math.abs(peer.score - expected[index]!) < 1e-14, `${peer.name}: ${peer.score}`);
    t.ok(peer.linearShare > 0 && peer.linearShare < 1);
  }
  t.same(
    outputs[0].peers.map((peer: { position: number }) => peer.position),
    [2, 1],
  );
  t.same(outputs[0].peers, outputs[1].peers, 'native equals reference to the bit');
});

t.test('the table names every peer, the estimator and the batch; CSV and per-sample scores are saved', async (t) => {
  const folder = t.testdir();
  const input = write(folder, { ...SMALL, names: ['a "quoted", name', 'bob'] });
  const run = intermodel(['rank', input, '--out', join(folder, 's.csv')]);
  t.equal(run.code, 0, run.stderr);
  t.match(run.stdout, /gaussNewton over softmaxCrossEntropy, mean over 2 samples of input\.json/);
  t.match(run.stdout, /1\s+bob\s+0\.\d+\s+\d+\.\d %/);
  t.match(readFileSync(join(folder, 's.csv'), 'utf8'), /^name,position,score,share,linear_share\n"a ""quoted"", name",2,/);
  const each = intermodel(['rank', input, '--reduction', 'none', '--json']);
  const { perSample, peers } = JSON.parse(each.stdout);
  t.equal(perSample.length, 2);
  t.equal(peers[0].score, (perSample[0][0] + perSample[1][0]) / 2);
});

t.test('the example that the generator writes ranks the peers by what they were built to be', async (t) => {
  const folder = t.testdir();
  execFileSync(process.execPath, [join(packageRoot, 'lib/examples/rank-input.js'), folder]);
  const run = intermodel(['rank', join(folder, 'input.json'), '--estimator', 'ablation', '--json']);
  t.equal(run.code, 0, run.stderr);
  const { peers } = JSON.parse(run.stdout) as { peers: { name: string; position: number; score: number }[] };
  const byName = new Map(peers.map((peer) => [peer.name, peer]));
  t.equal(byName.get('informative')!.position, 1);
  t.ok(byName.get('copy')!.score > byName.get('weak')!.score);
  t.ok(byName.get('weak')!.score > byName.get('noise')!.score);
  t.ok(Math.abs(byName.get('constant')!.score) < 1e-12, 'the same number for every class changes no softmax');
});

t.test('lists, nested lists and .npy files of one array read the same', async (t) => {
  const folder = t.testdir();
  writeFileSync(join(folder, 'r.npy'), encodeNpy([2, 2, 1], new Float64Array([1, 2, 0.5, -1])));
  const nested = await readRankInput(write(folder, SMALL));
  const flat = await readRankInput(write(folder, { ...SMALL, responses: [1, 2, 0.5, -1], batch: 2, peers: 2, width: 1 }));
  const npy = await readRankInput(write(folder, { ...SMALL, responses: { npy: 'r.npy' } }));
  t.same(flat, nested);
  t.same(npy, nested);
});

t.test('an input that does not fit is refused with the file, the field and exit code 2', async (t) => {
  const folder = t.testdir();
  const layer = SMALL.head.layers[0]!;
  const refuse = async (value: unknown, code: string, words: RegExp): Promise<void> => {
    const path = write(folder, value);
    await t.rejects(readRankInput(path), { code, message: words, argument: /input\.json/ });
  };
  await refuse('{ "formatVersion": 1, ', 'BTM_TYPE', /not JSON/);
  await refuse([], 'BTM_TYPE', /does not fit/);
  await refuse({ ...SMALL, formatVersion: 2 }, 'BTM_TYPE', /formatVersion/);
  await refuse({ ...SMALL, label: [0, 1] }, 'BTM_TYPE', /unknown field 'label'/);
  await refuse({ ...SMALL, responses: undefined }, 'BTM_TYPE', /responses/);
  await refuse({ ...SMALL, responses: 'text' }, 'BTM_TYPE', /responses.*list of numbers/);
  await refuse({ ...SMALL, responses: { npz: 'x' } }, 'BTM_TYPE', /responses.*npy/);
  await refuse({ ...SMALL, responses: [[[1], [2]], [[3]]] }, 'BTM_SHAPE', /responses.*ragged/);
  await refuse(
    {
      ...SMALL,
      responses: [
        [[1], ['2']],
        [[3], [4]],
      ],
    },
    'BTM_TYPE',
    /responses\[1\] must be a number/,
  );
  await refuse(
    {
      ...SMALL,
      responses: [
        [[1], [null]],
        [[3], [4]],
      ],
    },
    'BTM_TYPE',
    /responses\[1\] must be a number/,
  );
  await refuse({ ...SMALL, responses: [1, 2, 3, 4] }, 'BTM_SHAPE', /batch is needed/);
  await refuse({ ...SMALL, responses: [1, 2, 3], batch: 2, peers: 2, width: 1 }, 'BTM_SHAPE', /= 4 numbers, got 3/);
  await refuse({ ...SMALL, batch: 3 }, 'BTM_SHAPE', /batch is 3/);
  await refuse({ ...SMALL, batch: 0 }, 'BTM_TYPE', /batch/);
  await refuse({ ...SMALL, names: ['ann'] }, 'BTM_SHAPE', /names.*2 names/);
  await refuse({ ...SMALL, loss: 'hinge' }, 'BTM_TYPE', /loss/);
  await refuse({ ...SMALL, head: { layers: [{ ...layer, activation: 'step' }] } }, 'BTM_TYPE', /head\.layers\[0\]\.activation/);
  await refuse({ ...SMALL, head: { layers: [] } }, 'BTM_TYPE', /head\.layers/);
  await t.rejects(readRankInput(write(folder, { ...SMALL, responses: { npy: 'none.npy' } })), { code: 'BTM_IO', message: /none\.npy/ });
});

t.test('a transposed array is refused although it holds as many numbers', async (t) => {
  const folder = t.testdir();
  const layer = {
    weights: [
      [1, 0],
      [0, 2],
      [0, 0],
    ],
    bias: [0, 0, 0],
    activation: 'identity',
  };
  const right = { formatVersion: 1, responses: [[[1], [1]]], labels: [0], head: { layers: [layer] } };
  const run = intermodel(['rank', write(folder, right), '--estimator', 'gaussNewton', '--reduction', 'sum', '--json']);
  // p = softmax(1, 2, 0); the removal of a peer moves one logit by w, and the form is w^2 p (1 - p)
  const total = Math.E + Math.E ** 2 + 1;
  const [p0, p1] = [Math.E / total, Math.E ** 2 / total];
  const { peers } = JSON.parse(run.stdout) as { peers: { score: number }[] };
  t.ok(Math.abs(peers[0]!.score - p0 * (1 - p0)) < 1e-14 && Math.abs(peers[1]!.score - 4 * p1 * (1 - p1)) < 1e-14, run.stdout);
  const refuse = async (changed: object, words: RegExp): Promise<void> => {
    await t.rejects(readRankInput(write(folder, { ...right, ...changed })), { code: 'BTM_SHAPE', message: words });
  };
  const head = (weights: unknown, bias: unknown = layer.bias) => ({ head: { layers: [{ ...layer, weights, bias }] } });
  await refuse(
    head([
      [1, 0, 0],
      [0, 2, 0],
    ]),
    /weights must have shape \[outputs, inputs\] = \(3, 2\), got \(2, 3\).*transposed/s,
  );
  await refuse(head([[1, 0, 0, 2, 0, 0]]), /\(3, 2\), got \(1, 6\)/);
  await refuse(head(layer.weights, [[0], [0], [0]]), /bias must have shape \[outputs\]/);
  writeFileSync(join(folder, 'w.npy'), encodeNpy([2, 3], new Float64Array(6)));
  await refuse(head({ npy: 'w.npy' }), /\(3, 2\), got \(2, 3\)/);
  await refuse({ responses: [[1], [1]], batch: 1, peers: 2, width: 1 }, /flat or have shape \[batch, peers, width\]/);
  await refuse({ labels: [[0]] }, /labels must have shape \[batch\]/);
  await refuse(
    { labels: undefined, loss: 'squaredError', targets: [[1], [0], [0]] },
    /targets must have shape \[batch, outputs\] = \(1, 3\), got \(3, 1\)/,
  );
  const flat = await readRankInput(write(folder, { ...right, ...head([1, 0, 0, 2, 0, 0]) }));
  t.same(flat, await readRankInput(write(folder, right)), 'a flat list has no shape to be wrong');
});

t.test('exit codes: 2 for a wrong input, 3 for a missing file, each with one message and no stack', async (t) => {
  const folder = t.testdir();
  const cases: [unknown, string[], number, RegExp][] = [
    [{ ...SMALL, labels: [0, 5] }, [], 2, /BTM_LABEL: .*labels\[1\]/],
    [{ ...SMALL, labels: undefined }, ['--estimator', 'ablation'], 2, /labels/],
    [SMALL, ['--out', join(folder, 'scores.txt')], 2, /--out/],
    [SMALL, ['--out', join(folder, 'nowhere', 'scores.json')], 3, /cannot write/],
    [SMALL, ['--backend', 'cuda'], 3, /BTM_NO_CUDA/],
  ];
  for (const [value, args, code, words] of cases) {
    const run = intermodel(['rank', write(folder, value), '--out', join(folder, 's.json'), ...args]);
    t.equal(run.code, code, run.stderr);
    t.match(run.stderr, words);
    t.notMatch(run.stderr, /\n\s+at /, 'no stack');
  }
  t.equal(intermodel(['rank', join(folder, 'missing.json')], { cwd: folder }).code, 3);
});
