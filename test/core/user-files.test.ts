import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { checkOutputFolder, outputFile, parseJson, readUserFile, readUserJson } from '../../src/core/user-files.js';

t.test('a file is checked first, creates nothing by that, and is written whole', async (t) => {
  const folder = t.testdir({ 'there.txt': 'old' });
  const path = join(folder, 'new.json');
  const file = await outputFile('--out', path, { endings: ['.json'] });
  t.same(readdirSync(folder), ['there.txt'], 'a check leaves no trace');
  await file.write('{}');
  t.equal(readFileSync(path, 'utf8'), '{}');
  chmodSync(join(folder, 'there.txt'), 0o640);
  await (await outputFile('--out', join(folder, 'there.txt'))).write(Uint8Array.of(65));
  t.equal(readFileSync(join(folder, 'there.txt'), 'utf8'), 'A');
  t.equal(statSync(join(folder, 'there.txt')).mode & 0o777, 0o640, 'permissions stay');
  t.same(readdirSync(folder).sort(), ['new.json', 'there.txt'], 'no parts are left');
});

t.test('a link is followed, not replaced; a device is written to as it is', async (t) => {
  const folder = t.testdir({ 'real.txt': 'old', link: t.fixture('symlink', 'real.txt') });
  await (await outputFile('--out', join(folder, 'link'))).write('new');
  t.equal(readFileSync(join(folder, 'real.txt'), 'utf8'), 'new');
  symlinkSync('/dev/null', join(folder, 'null'));
  await (await outputFile('--out', join(folder, 'null'))).write('gone');
  t.ok(statSync('/dev/null').isCharacterDevice());
  await t.rejects((await outputFile('--out', '/dev/full')).write('x'), {
    code: 'BTM_IO',
    message: /--out.*the disk is full[\s\S]*Free some space/,
  });
});

t.test('what cannot be written is refused before the work, naming option, path and remedy', async (t) => {
  const folder = t.testdir({ 'a-file': '' });
  const refused: [string, Parameters<typeof outputFile>[2], RegExp][] = [
    [join(folder, 'no/such/x.html'), {}, /cannot write .*x\.html \(--out\): no such file or folder/],
    [folder, {}, /it is a folder/],
    [join(folder, 'a-file/x'), {}, /a part of the path is a file/],
    [join(folder, 'a-file'), { exclusive: true }, /there is a file already/],
  ];
  for (const [path, options, message] of refused) await t.rejects(outputFile('--out', path, options), { code: 'BTM_IO', message });
  await t.rejects(outputFile('--out', join(folder, 'x.txt'), { endings: ['.json', '.csv'] }), {
    code: 'BTM_DOMAIN',
    message: /--out must end in \.json or \.csv, got '.*x\.txt'/,
  });
  await t.rejects(outputFile('--out', ''), { code: 'BTM_DOMAIN' });
  await t.rejects(checkOutputFolder('--out', join(folder, 'a-file/deep')), { code: 'BTM_IO', message: /--out/ });
  await checkOutputFolder('--out', join(folder, 'to/be/made'));
  t.same(readdirSync(folder), ['a-file']);
});

t.test('a file that appears after the check is not overwritten where that was promised', async (t) => {
  const folder = t.testdir();
  const path = join(folder, 'key');
  const file = await outputFile('<file>', path, { exclusive: true, mode: 0o600 });
  writeFileSync(path, 'mine');
  await t.rejects(file.write('yours'), { code: 'BTM_IO', message: /there is a file already/ });
  t.equal(readFileSync(path, 'utf8'), 'mine');
  t.same(readdirSync(folder), ['key']);
});

t.test('reading says what is wrong and where', async (t) => {
  const folder = t.testdir({ 'nan.json': '{\n  "name": "NaN \\" inside",\n  "scores": [1, NaN]\n}', 'cut.json': '{"a": [1,\n2' });
  mkdirSync(join(folder, 'sub'));
  await t.rejects(readUserFile(join(folder, 'none')), { code: 'BTM_IO', message: /cannot read .*none: no such file/ });
  await t.rejects(readUserFile(join(folder, 'sub')), { code: 'BTM_IO', message: /it is a folder/ });
  await t.rejects(readUserJson(join(folder, 'nan.json')), {
    code: 'BTM_TYPE',
    message: /nan\.json is not JSON: NaN at line 3, column 17, which JSON does not have\. .*allow_nan=False/,
  });
  await t.rejects(readUserJson(join(folder, 'cut.json')), { code: 'BTM_TYPE', message: /cut\.json is not JSON/ });
  for (const [text, word] of [
    ['[-Infinity]', '-Infinity'],
    ['{"x": nan}', 'nan'],
  ])
    t.throws(() => parseJson('x', text!), { code: 'BTM_TYPE', message: `x is not JSON: ${word} at line 1` });
  t.same(parseJson('x', '["NaN"]'), ['NaN']);
});
