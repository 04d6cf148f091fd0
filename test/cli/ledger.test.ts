import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { printable } from '../../src/core/printable.js';
import { RandomStream } from '../../src/core/random.js';
import { removalScores } from '../../src/curvature.js';
import { rowToParts } from '../../src/ledger/index.js';
import { canRemount, intermodel, readOnly } from './run.js';

const folder = mkdtempSync(join(tmpdir(), 'intermodel-cli-ledger-'));
t.teardown(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);
const run = (...args: string[]) => intermodel(['ledger', ...args]);
const json = (...args: string[]) => {
  const done = run(...args, '--json');
  if (done.stdout === '') throw new Error(done.stderr);
  return JSON.parse(done.stdout);
};
const keys: string[] = [];
const path = at('net.sqlite');

t.test('key, init, submit, block, status', async (t) => {
  for (const name of ['a', 'b', 'c']) keys.push(json('key', at(`${name}.key`)).publicKey);
  t.equal(statSync(at('a.key')).mode & 0o777, 0o600, 'a key is for its owner only');
  t.equal(run('key', at('a.key')).code, 3, 'a key file is never overwritten');
  writeFileSync(
    at('genesis.json'),
    JSON.stringify({
      parameters: { epsilon: 1_414_213_563, tau: '1000000000', emission: 'l1' },
      participants: keys.map((key) => ({ key, stake: '5000000000', balance: '1000000000' })),
    }),
  );
  t.match(json('init', path, at('genesis.json')), { supply: '18000000000' });
  t.equal(run('init', path, at('genesis.json')).code, 2, 'twice is refused');
  const action = JSON.stringify({ kind: 'transfer', to: keys[1], amount: '400000000' });
  t.match(json('submit', path, action, '--key', at('a.key')), { code: 'ok', height: 1 });
  const refused = run('submit', path, JSON.stringify({ kind: 'transfer', to: keys[1], amount: '700000000' }), '--key', at('a.key'));
  t.equal(refused.code, 1);
  t.match(refused.stdout, /refused: insufficient_balance/);
  t.match(json('block', path), { height: 2, transactions: [], minted: '1000000000' });
  t.match(json('block', path, '1'), { height: 1, supply: '19000000000' });
  const status = json('status', path);
  t.match(status, { height: 2, supply: '20000000000', participants: [{ stake: '5666666668' }, { stake: '5666666666' }, {}] });
  t.match(run('status', path).stdout, /height 2[\s\S]*supply 20 /);
  t.equal(run('block', path, '9').code, 2);
});

t.test('audit: the row is recomputed from responses, head and data', async (t) => {
  const random = new RandomStream(3);
  const draw = (length: number): number[] => Array.from({ length }, () => random.normal());
  const [batch, peers, width, classes] = [6, 3, 2, 3];
  const responses = draw(batch * peers * width);
  const weights = draw(peers * width * classes);
  const bias = draw(classes);
  const evidence = {
    formatVersion: 1,
    names: keys,
    batch,
    peers,
    width,
    responses,
    head: { layers: [{ weights, bias, activation: 'identity' }] },
  };
  writeFileSync(at('evidence.json'), JSON.stringify({ ...evidence, labels: [0, 1, 2, 0, 1, 2] }));
  const { scores } = removalScores({
    head: { layers: [{ weights: Float64Array.from(weights), bias: Float64Array.from(bias), activation: 'identity' }] },
    responses: Float64Array.from(responses),
    labels: Float64Array.from([0, 1, 2, 0, 1, 2]),
    batch,
    peers,
    width,
    loss: 'softmaxCrossEntropy',
    estimator: 'gaussNewton',
    reduction: 'mean',
  });
  const row = { targets: keys, weights: [...rowToParts(scores)] };
  const before = run('audit', path, keys[0], at('evidence.json'), '--json');
  t.equal(before.code, 1, 'the row is not set yet');
  const { evidence: hash } = JSON.parse(before.stdout);
  writeFileSync(at('row.json'), JSON.stringify({ kind: 'setWeights', row }));
  t.match(json('submit', path, `@${at('row.json')}`, '--key', at('a.key')), { code: 'ok' });
  t.match(json('audit', path, keys[0], at('evidence.json')), { verdict: 'equal', evidenceDeclared: null, squaredDistance: '0' });
  const endpoint = JSON.stringify({ kind: 'setEndpoint', endpoint: `tcp://h:1#sha256=${hash}` });
  t.match(json('submit', path, endpoint, '--key', at('a.key')), { code: 'ok' });
  const declared = run('audit', path, keys[0], at('evidence.json'));
  t.equal(declared.code, 0);
  t.match(declared.stdout, /equal[\s\S]*as declared/);
  writeFileSync(at('forged.json'), JSON.stringify({ ...evidence, labels: [0, 1, 2, 0, 1, 1] }));
  t.equal(run('audit', path, keys[0], at('forged.json')).code, 1, 'other evidence is not what was declared');
  t.match(json('audit', path, keys[1], at('evidence.json')), { verdict: 'different' }, 'another participant never set this row');
});

t.test('verify, prove, check, export, import, snapshot', async (t) => {
  t.match(run('verify', path).stdout, /ok: blocks 1 to 4 replay to the byte/);
  const { head } = json('status', path);
  writeFileSync(at('proof.json'), run('prove', path, keys[0]).stdout);
  t.match(json('check', at('proof.json'), head), { ok: true, key: keys[0], height: 4 });
  t.equal(run('check', at('proof.json'), '0'.repeat(64)).code, 1);
  t.match(json('export', path, at('all.jsonl')), { height: 4 });
  t.match(json('import', at('all.jsonl'), at('copy.sqlite')), { height: 4 });
  t.equal(json('status', at('copy.sqlite')).stateRoot, json('status', path).stateRoot);
  const lines = readFileSync(at('all.jsonl'), 'utf8').split('\n');
  const third = JSON.parse(lines[3]);
  const bytes = Buffer.from(third.bytes, 'base64');
  bytes[bytes.length - 40] ^= 1;
  lines[3] = JSON.stringify({ ...third, bytes: bytes.toString('base64') });
  writeFileSync(at('bad.jsonl'), lines.join('\n'));
  const bad = run('import', at('bad.jsonl'), at('bad.sqlite'));
  t.equal(bad.code, 2);
  t.match(bad.stderr, /does not verify at block 3: byte \d+ differs/);
  t.notOk(existsSync(at('bad.sqlite')), 'nothing is left of it');
  t.match(json('snapshot', path, '--prune'), { height: 4 });
  t.match(json('verify', path), { ok: true, from: 4, height: 4 });
  t.equal(run('export', path, at('short.jsonl')).code, 2, 'what was pruned cannot be exported');
  t.notOk(existsSync(at('short.jsonl')));
});

t.test('a cut export is refused wherever it was cut, and a retry with the whole one works', async (t) => {
  const text = readFileSync(at('all.jsonl'), 'utf8');
  const lines = text.split('\n').slice(0, -1);
  t.equal(lines.length, 6, 'the genesis, four blocks, the last line');
  t.match(JSON.parse(lines[5]), { blocks: 4, head: JSON.parse(lines[4]).hash });
  const swapped = [lines[0], lines[2], lines[1], ...lines.slice(3)];
  const cuts: [string, string][] = [
    ['in the middle of a block', text.slice(0, text.length / 2)],
    ['at the end of a line', `${lines.slice(0, 3).join('\n')}\n`],
    ['before the last line', `${lines.slice(0, 5).join('\n')}\n`],
    ['after the genesis', `${lines[0]}\n`],
    ['whole blocks out of order', swapped.join('\n')],
    ['empty', ''],
    ['another file', '{"a":1}\n'],
  ];
  for (const [name, content] of cuts) {
    writeFileSync(at('cut.jsonl'), content);
    const cut = run('import', at('cut.jsonl'), at('cut.sqlite'));
    t.equal(cut.code, 2, name);
    t.match(cut.stderr, /Nothing was imported/, name);
    t.notOk(existsSync(at('cut.sqlite')), name);
  }
  t.match(run('import', at('all.jsonl'), at('cut.sqlite')).stdout, /^4 blocks read and verified\n$/);
  const taken = run('import', at('all.jsonl'), at('cut.sqlite'));
  t.equal(taken.code, 2);
  t.match(taken.stderr, /has a ledger already/);
  const old = lines.slice(0, 5);
  old[0] = JSON.stringify({ ...JSON.parse(old[0]), formatVersion: 1 });
  writeFileSync(at('old.jsonl'), old.join('\n'));
  t.match(
    json('import', at('old.jsonl'), at('old.sqlite')),
    { height: 4 },
    'an export of the version before names its head in the first line',
  );
  writeFileSync(at('old.jsonl'), old.slice(0, 4).join('\n'));
  t.match(run('import', at('old.jsonl'), at('old2.sqlite')).stderr, /was cut: it holds 3 of 4 blocks/);
});

t.test('an older copy put back is found by whoever remembers the last head', async (t) => {
  copyFileSync(at('cut.sqlite'), at('older.sqlite'));
  const { hash } = json('block', at('cut.sqlite'));
  const { head } = json('status', at('older.sqlite'));
  t.match(json('verify', at('cut.sqlite'), '--head', hash, '--min-height', '5'), { ok: true, height: 5, head: hash });
  t.match(json('verify', at('cut.sqlite'), '--head', head), { ok: true }, 'an earlier head is further down the chain');
  const older = run('verify', at('older.sqlite'), '--head', hash);
  t.equal(older.code, 1);
  t.match(older.stdout, /WRONG at block 4: the ledger does not contain block [0-9a-f]{64}, which was seen before/);
  t.match(json('verify', at('older.sqlite'), '--min-height', '5'), { ok: false, problem: /at least 5 blocks/ });
  t.match(json('verify', at('older.sqlite')), { ok: true }, 'valid in itself');
  t.equal(run('verify', at('older.sqlite'), '--head', 'x').code, 2);
  t.equal(run('verify', at('older.sqlite'), '--min-height', '-1').code, 2);
});

t.test('a failed init leaves nothing behind; what is shown cannot steer the terminal', async (t) => {
  const hostile = { participants: [{ key: keys[0], stake: '5000000000', endpoint: 'a\u001b[2J\u009b\u202eb' }] };
  writeFileSync(at('hostile.json'), JSON.stringify(hostile));
  writeFileSync(
    at('broken.json'),
    JSON.stringify({
      participants: [
        { key: keys[0], stake: '5' },
        { key: keys[0], stake: '5' },
      ],
    }),
  );
  t.equal(run('init', at('broken.sqlite'), at('broken.json')).code, 2);
  t.equal(run('init', at('broken.sqlite'), at('missing.json')).code, 3);
  t.notOk(existsSync(at('broken.sqlite')));
  json('init', at('hostile.sqlite'), at('hostile.json'));
  const shown = run('status', at('hostile.sqlite')).stdout;
  t.match(shown, /a\\u001b\[2J\\u009b\\u202eb/);
  const asJson = run('status', at('hostile.sqlite'), '--json').stdout;
  for (const text of [shown, asJson]) t.equal(printable(text, { keep: '\n' }), text, 'nothing is left to escape');
  t.equal(JSON.parse(asJson).participants[0].endpoint, hostile.participants[0]?.endpoint, 'JSON still carries it');
  writeFileSync(at('list.json'), '[]');
  t.equal(run('check', at('list.json'), '0'.repeat(64)).code, 1);
  t.equal(run('check', at('none.json'), '0'.repeat(64)).code, 3);
  writeFileSync(at('empty.sqlite'), '');
  t.match(run('status', at('empty.sqlite')).stderr, /has no ledger/);
});

t.test('an auditor reads a copy that cannot be written, and leaves nothing beside it', async (t) => {
  if (!canRemount()) return t.comment('not tried: that needs root');
  const copies = t.testdir({});
  copyFileSync(at('cut.sqlite'), join(copies, 'copy.sqlite'));
  const read = (...args: string[]) => readOnly(copies, ['ledger', ...args]);
  t.match(read('status', 'copy.sqlite').stdout, /height 5/);
  t.match(read('verify', 'copy.sqlite').stdout, /ok: blocks 1 to 5/);
  t.equal(JSON.parse(read('prove', 'copy.sqlite', keys[0]).stdout).key, keys[0]);
  t.match(read('block', 'copy.sqlite', '2').stdout, /block 2/);
  const refused = read('block', 'copy.sqlite');
  t.equal(refused.code, 3, 'closing a block is not reading');
  t.match(refused.stderr, /read-only|cannot be opened/);
  t.same(readdirSync(copies), ['copy.sqlite']);
});
