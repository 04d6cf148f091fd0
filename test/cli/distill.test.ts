import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { contentHash, decodeStudent } from '../../src/participant/students/student-file.js';
import { intermodel } from './run.js';

t.setTimeout(280_000);

const SMALL = ['distill', '--participants', '4', '--rounds', '4', '--steps', '3', '--away', '1'];

t.test('prints JSON, saves the student under its hash, the same for the same seed', async (t) => {
  const file = join(t.testdir(), 'student.cbor');
  const budget = String(2 * 32 * (784 + 784 + 16) * 4);
  const first = intermodel([...SMALL, '--budget', budget, '--json', '--out', file]);
  t.equal(first.code, 0, first.stderr);
  const result = JSON.parse(first.stdout);
  t.match(result, {
    kind: 'intermodel-distill',
    formatVersion: 1,
    seed: 1,
    settings: { k: 2, peers: 4 },
    offline: { queryFailure: 'unreachable' },
  });
  t.equal(result.absence.away[0], 1);
  const bytes = new Uint8Array(readFileSync(file));
  t.equal(contentHash(bytes), result.offline.hash);
  t.equal(decodeStudent(bytes).width, 16);
  t.match(first.stderr, /training: .*rounds/);
  const second = intermodel([...SMALL, '--k', '2', '--json']);
  t.equal(second.stdout, first.stdout, 'byte for byte, and the budget is just a way to say k');
});

t.test('prints tables, and refuses wrong options with exit code 2', async (t) => {
  const shown = intermodel([...SMALL, '--k', '2', '--away', '']);
  t.equal(shown.code, 0, shown.stderr);
  t.match(shown.stdout, /participant 0 left the network \(a query to it: unreachable\)/);
  t.notMatch(shown.stdout, /away/);
  t.equal(intermodel([...SMALL, '--k', '9']).code, 2);
  t.equal(intermodel([...SMALL, '--budget', '10']).code, 2);
  t.equal(intermodel([...SMALL, '--leaver', '7']).code, 2);
  t.not(intermodel([...SMALL, '--temperature', 'warm']).code, 0);
});
