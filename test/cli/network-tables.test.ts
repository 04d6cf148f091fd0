/** The page of a run tells who was turned away and why; a name from outside cannot steer the terminal. */
import t from 'tap';
import { networkSection, networkText } from '../../src/cli/network-tables.js';
import type { ProcessesResult } from '../../src/process/launch.js';

const [A, B, STRANGER] = ['aa', 'bb', 'cc'].map((digits) => digits.repeat(32)) as [string, string, string];
const hidden = 'evil\u001b[2J\u202ename';

/** As much of a run as the tables read. */
function run(bySender: readonly object[]): ProcessesResult {
  const result = {
    traffic: [],
    service: { served: 1, refused: {} },
    processor_s: 1,
    memory_mb: 1,
    refusals: { byReason: {}, bySender, taskFailures: {} },
  };
  const reports = [A, B].map((key, index) => ({ index, key, name: index === 0 ? hidden : 'b', status: 'finished', restarts: 0 }));
  return {
    names: [hidden, 'b'],
    wire: 'f32',
    elapsed_s: 1,
    blocks: [],
    chainVerified: true,
    reports,
    results: [result, result],
  } as unknown as ProcessesResult;
}

const refused = [
  { sender: A, total: 3, reasons: { norm: 2, unasked: 1 } },
  { sender: STRANGER, total: 5, reasons: { noStake: 5 } },
];

t.test('refusals of all processes by sender and reason, most first', async (t) => {
  const text = networkText(run(refused));
  const lines = text.split('\n');
  const at = lines.findIndex((line) => line.startsWith('sender'));
  t.match(lines[at + 2], /^cccccccccccccccc +10 {2}noStake 10$/);
  t.match(lines[at + 3], /^evil\\u001b\[2J\\u202ename +6 {2}norm 4, unasked 2$/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  t.notMatch(text, /[\u001b\u202e]/);
  const page = networkSection(run(refused)).body.map(String).join('');
  t.match(page, /What processes turned away/);
  t.match(page, /norm 4, unasked 2/);
});

t.test('where nothing was refused there is no such table', async (t) => {
  t.notMatch(networkText(run([])), /sender/);
  t.notMatch(networkSection(run([])).body.map(String).join(''), /turned away/);
});
