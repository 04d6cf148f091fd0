import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { describeDemo } from '../../src/cli/demo-text.js';
import { loadMnist } from '../../src/data/dataset.js';
import { TEXT_SYMBOLS, textSamples } from '../../src/data/text.js';
import { type DemoOptions, type DemoProgress, runDemo } from '../../src/demo/demo.js';
import { SMALL } from './small.js';

t.setTimeout(280_000);

const OPTIONS: DemoOptions = { ...SMALL, backend: createBackend({ kind: 'native' }) };

t.test('a run trains, measures, submits, ranks and pays; the same seed gives the same bytes', async (t) => {
  const data = await loadMnist();
  const steps: DemoProgress[] = [];
  const result = await runDemo({ ...OPTIONS, data }, { onProgress: (step) => void steps.push(step) });
  const again = await runDemo({ ...OPTIONS, data });
  t.equal(JSON.stringify(result), JSON.stringify(again));
  t.equal(describeDemo(result), describeDemo(again));
  t.notSame((await runDemo({ ...OPTIONS, data, seed: 6, rounds: 1, blocks: 0 })).weights, result.weights);

  t.same(new Set(result.participants.map((p) => p.role)), new Set(['generalist', 'specialist', 'scarce', 'shuffled', 'noise', 'copy']));
  t.same(new Set(steps.map((step) => step.phase)), new Set(['loading', 'training', 'refitting', 'measuring', 'competing', 'closing']));
  t.ok(steps.every((step) => step.done <= step.total));
  t.equal(result.blocks.length, 6, 'one in which all join, two while training, two closing, one that pays for them');
  t.ok(result.blocks.every((block) => block.refused.length === 0));
  t.same(
    result.blocks.map((block) => block.accepted),
    [0, 6, 6, 6, 6, 0],
  );
  for (const [index, block] of result.blocks.entries()) {
    const before = index === 0 ? 6 * result.settings.initialStake : sum(result.blocks[index - 1].stake);
    t.ok(Math.abs(sum(block.stake) - before - block.minted) < 1e-6, 'stake grows by what was minted');
    t.ok(Math.abs(sum(block.ranking) - 1) < 1e-12);
  }
  for (const row of result.weights) t.ok(Math.abs(sum(row) - 1) < 1e-9, 'a row sums to one');
  t.ok(result.mask.flat().every((m) => m > 0 && m < 1));
  t.equal(result.equilibrium.status, 'converged');
  t.equal(result.curves[0].values.length, 6);
  t.same(
    result.rankings.map((ranking) => ranking.name),
    ['ablation', 'ablationByRow', 'ideal', 'shapley', 'ledger', 'competitive'],
  );
});

t.test('the copy answers what its original answers, and the ideal ranking is the mean of the scores', async (t) => {
  const result = await runDemo({ ...OPTIONS, rounds: 2, blocks: 1, closingBlocks: 1 });
  const copy = result.participants.find((p) => p.role === 'copy')!;
  t.equal(copy.copyOf, result.participants[0].name);
  const ideal = result.rankings.find((ranking) => ranking.name === 'ideal')!;
  for (const peer of ideal.values.keys()) {
    t.ok(Math.abs(ideal.values[peer] - sum(result.scores.ideal.map((row) => row[peer])) / 6) < 1e-15);
  }
  t.ok(result.findings.some((finding) => finding.participant === copy.name && finding.text.includes(`${copy.copyOf}`)));
});

t.test('participants on text join, are measured, ranked and paid by the same code', async (t) => {
  const words = Array.from({ length: 2500 }, (_, k) => ['abcde', 'fghij', 'adgj', 'behc', 'if'][(k * k + (k >> 3)) % 5]);
  const data = textSamples('made-up words', words.join(''), { context: 4, classes: 10 });
  const result = await runDemo({ ...OPTIONS, data, rounds: 40 });
  t.match(result.data, { name: 'made-up words', height: 4, width: TEXT_SYMBOLS, classes: 10 });
  t.ok(result.blocks.every((block) => block.refused.length === 0));
  t.ok(result.rankings.every((ranking) => ranking.values.every(Number.isFinite)));
  const head = result.curves.find((curve) => curve.name === 'head')!;
  const total = (point: number) => sum(head.values.at(point)!.map((loss) => loss ?? Number.NaN));
  t.ok(total(-1) < total(0), 'the heads learn');
});

t.test('participants may compete for payoff instead of reporting: rows stay admissible and differ from the measured ones', async (t) => {
  const short = { ...OPTIONS, rounds: 4, blocks: 4 };
  const competing = await runDemo({ ...short, rows: 'competing' });
  t.ok(competing.blocks.every((block) => block.refused.length === 0));
  t.notSame(competing.weights, (await runDemo(short)).weights);
  for (const row of competing.weights) t.ok(Math.abs(sum(row) - 1) < 1e-9);
  t.ok(competing.assumptions.some((text) => text.includes('its own payoff')));
});

t.test('a run stops when it is told to, and refuses settings it cannot run', async (t) => {
  const stopper = new AbortController();
  const onProgress = (step: DemoProgress): void => {
    if (step.phase === 'training' && step.done === 2) stopper.abort();
  };
  await t.rejects(runDemo({ ...OPTIONS, rounds: 500 }, { signal: stopper.signal, onProgress }), { name: 'AbortError' });
  await t.rejects(runDemo({ ...OPTIONS, participants: 2 }), { code: 'BTM_DOMAIN', argument: 'participants' });
  await t.rejects(runDemo({ ...OPTIONS, maskTemperature: 0 }), { code: 'BTM_DOMAIN', argument: 'maskTemperature' });
  await t.rejects(runDemo({ ...OPTIONS, blocks: 7 }), { code: 'BTM_DOMAIN', argument: 'blocks' });
  await t.rejects(runDemo({ ...OPTIONS, largestShard: 20000 }), { code: 'BTM_DOMAIN', argument: 'largestShard' });
  await t.rejects(runDemo({ ...OPTIONS, estimator: 'guess' as 'diagonal' }), { code: 'BTM_DOMAIN', argument: 'estimator' });
});

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
