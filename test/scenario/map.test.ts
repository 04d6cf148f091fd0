/** Maps: the same cells for any number of workers, shards and interruptions; break-even stakes where they are known. */
import { appendFileSync, mkdtempSync, readFileSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { breakEven, type MapSpec, runMap } from '../../src/scenario/index.js';

const spec: MapSpec = {
  strategies: ['hoarder', 'griefer'],
  defences: ['paper', 'consensus-clip+no-self-weight'],
  stakes: [0.1, 0.3],
  ratios: [0, 0.1],
  players: 5,
  members: 1,
  blocks: 5,
  temperature: 0.1,
  tau: 0.1,
  law: 'wishart-quality',
  trials: 4,
  seed: 3,
};

const folder = mkdtempSync(join(tmpdir(), 'intermodel-map-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));

t.test('workers, shards and a torn line change no cell', async (t) => {
  const whole = await runMap({ spec, folder: join(folder, 'one'), jobs: 1 });
  t.equal(whole.length, 16);
  t.same(await runMap({ spec, folder: join(folder, 'two'), jobs: 2 }), whole, 'two workers');
  const parts = await Promise.all(
    [1, 2].map((index) => runMap({ spec, folder: join(folder, `part-${index}`), jobs: 1, shard: { index, count: 2 } })),
  );
  t.same(parts.flat().map(String).sort(), whole.map(String).sort(), 'two shards hold every cell once');
  t.same(
    [...parts[0]!, ...parts[1]!].map((cell) => JSON.stringify(cell)).sort(),
    whole.map((cell) => JSON.stringify(cell)).sort(),
    'with the same values',
  );
  const lines = join(folder, 'one', 'groups.jsonl');
  const text = readFileSync(lines, 'utf8');
  truncateSync(lines, Math.floor(text.length / 2));
  let found = -1;
  const onProgress = (_done: number, _total: number, there: number) => {
    found = there;
  };
  t.same(await runMap({ spec, folder: join(folder, 'one'), jobs: 1, onProgress }), whole, 'continued after a cut in the middle of a line');
  t.ok(found > 0 && found < 8, `${found} groups were there`);
  appendFileSync(lines, '');
  await t.rejects(runMap({ spec: { ...spec, seed: 4 }, folder: join(folder, 'one'), jobs: 1 }), { code: 'BTM_DOMAIN', argument: 'folder' });
});

t.test('a bad word or number is named', async (t) => {
  await t.rejects(runMap({ spec: { ...spec, strategies: ['lier'] }, folder }), { code: 'BTM_DOMAIN', argument: 'strategies[0]' });
  await t.rejects(runMap({ spec: { ...spec, defences: ['paper+wall'] }, folder }), { code: 'BTM_DOMAIN', argument: 'defences[0]' });
  await t.rejects(runMap({ spec: { ...spec, stakes: [0.5, 1] }, folder }), { code: 'BTM_DOMAIN', argument: 'stakes', index: 1 });
});

t.test('hoarding pays at any stake where loss is free, and never where it is dear', async (t) => {
  const wide = { ...spec, stakes: [0.05, 0.45], trials: 5 };
  t.same(breakEven(wide, 'hoarder', 'paper', 0), { stake: 0, low: 0, high: 0 });
  t.equal(breakEven(wide, 'hoarder', 'paper', 100).stake, null);
});
