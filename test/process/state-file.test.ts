/** The file that keeps a participant's state, on a real disk. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { readState, writeProof, writeState } from '../../src/process/state-file.js';

t.test('what was written is read again, and nothing else is left in the folder', async (t) => {
  const folder = t.testdir();
  const path = join(folder, 'state');
  t.equal(await readState(path), null, 'there is none before the first');
  await writeState(path, { round: 3, weights: Float64Array.of(0.5, -2) });
  await writeState(path, { round: 4, weights: Float64Array.of(0.25, 8) });
  t.same(await readState(path), { round: 4, weights: Float64Array.of(0.25, 8) });
  t.same(readdirSync(folder), ['state']);
  t.equal(statSync(path).mode & 0o077, 0, 'nobody else may read it');
});

t.test('a file that is not a state, one that cannot be read and a folder that is not there are told apart', async (t) => {
  const folder = t.testdir();
  writeFileSync(join(folder, 'other'), 'not a state');
  await t.rejects(readState(join(folder, 'other')), { name: 'InputError', code: 'BTM_TYPE', argument: join(folder, 'other') });
  mkdirSync(join(folder, 'taken'));
  await t.rejects(readState(join(folder, 'taken')), { code: 'BTM_IO', message: /cannot read .*taken/ });
  await t.rejects(writeState(join(folder, 'no', 'state'), {}), { code: 'BTM_IO', message: /cannot write .*state/ });
  await t.rejects(writeProof(join(folder, 'no', 'state'), {} as never), { code: 'BTM_IO', message: /cannot write .*state\.fork\.json/ });
});

t.test('a proof of a fork stands beside the state', async (t) => {
  const folder = t.testdir();
  await writeProof(join(folder, 'state'), { first: 1, second: 2 } as never);
  t.same(JSON.parse(readFileSync(join(folder, 'state.fork.json'), 'utf8')), { first: 1, second: 2 });
});
