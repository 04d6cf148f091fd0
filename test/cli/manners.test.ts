/** What holds for every command: how it ends when its output cannot be written, and that what was asked for last is checked first. */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';
import { createKey } from '../../src/ledger/index.js';
import { canRemount, intermodel, readOnly } from './run.js';

const MAIN = join(packageRoot, 'lib/src/cli/main.js');
const KEY = createKey(new Uint8Array(32).fill(1));
const RANK = {
  formatVersion: 1,
  responses: [
    [[1], [2]],
    [[0.5], [-1]],
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

/** A folder with what the commands below read. */
function workplace(t: Tap): string {
  const folder = t.testdir({
    'rank.json': JSON.stringify(RANK),
    'genesis.json': JSON.stringify({ participants: [{ key: KEY.publicKey, stake: '5000000000', endpoint: 'e' }] }),
    'a.key': JSON.stringify(KEY),
  });
  for (const args of [
    ['init', 'net.sqlite', 'genesis.json'],
    ['block', 'net.sqlite'],
  ])
    intermodel(['ledger', ...args], { cwd: folder });
  const { stdout } = intermodel(['ledger', 'prove', 'net.sqlite', KEY.publicKey], { cwd: folder });
  writeFileSync(join(folder, 'proof.json'), stdout);
  return folder;
}
type Tap = { testdir(content?: Record<string, string>): string };

const SMALL_SWEEP = ['--temperature', '10', '--alpha', '1', '--trials', '2', '--n', '3'];

/** Commands of every kind that print something in a moment; what is tested lies in one place for all. */
const PRINTING: readonly (readonly string[])[] = [
  ['--help'],
  ['doctor'],
  ['rank', 'rank.json', '--json'],
  ['sweep', ...SMALL_SWEEP, '--out', 'sweep'],
  ['ledger', 'init', 'other.sqlite', 'genesis.json'],
  ['ledger', 'status', 'net.sqlite', '--follow', '--json'],
  ['ledger', 'prove', 'net.sqlite', KEY.publicKey],
  ['ledger', 'check', 'proof.json', '0'.repeat(64)],
  ['ledger', 'submit', 'net.sqlite', '{"kind":"bond","amount":"1"}', '--key', 'a.key'],
  ['peer', 'init', '--participants', '6', '--out', 'configs'],
];

interface Ended {
  readonly code: number | null;
  readonly stderr: string;
}

/** Runs a command whose stdout is a file, or a pipe that its reader has closed before it prints. */
function ended(args: readonly string[], cwd: string, stdout: number | 'closed'): Promise<Ended> {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, stdio: ['ignore', stdout === 'closed' ? 'pipe' : stdout, 'pipe'] });
  child.stdout?.destroy();
  let stderr = '';
  child.stderr?.on('data', (data) => {
    stderr += data;
  });
  return new Promise((resolve) => child.on('close', (code) => resolve({ code, stderr })));
}

t.test('a reader that leaves ends every command quietly', async (t) => {
  const folder = workplace(t);
  for (const args of PRINTING) {
    const { code, stderr } = await ended(args, folder, 'closed');
    t.ok(code === 0 || code === 1, `${args.join(' ')}: exit ${code}`);
    t.notMatch(stderr, /EPIPE|\n\s+at |node:/, args.join(' '));
  }
});

t.test('a full disk under standard output is a typed error with exit code 3', async (t) => {
  const folder = workplace(t);
  const full = openSync('/dev/full', 'w');
  try {
    for (const args of PRINTING) {
      const { code, stderr } = await ended(args, folder, full);
      t.equal(code, 3, `${args.join(' ')}: exit ${code}`);
      t.match(stderr, /BTM_IO: cannot write to standard output: the disk is full[\s\S]*cure: /, args.join(' '));
      t.notMatch(stderr, /\n\s+at /, args.join(' '));
    }
  } finally {
    closeSync(full);
  }
});

/** Every command that writes where the user says, with a place that cannot be. The work of the first ones would take minutes. */
const MISPLACED: readonly (readonly string[])[] = [
  ['demo', '--out', 'no/such/r.html'],
  ['distill', '--out', 'no/such/s.cbor'],
  ['simulate', '--figure', '4', '--out', 'rank.json'],
  ['sweep', ...SMALL_SWEEP, '--out', 'rank.json'],
  ['sweep', 'merge', 'nowhere', '--out', 'rank.json/x'],
  ['rank', 'rank.json', '--out', 'no/such/s.json'],
  ['report', 'rank.json', '--out', 'no/such/r.html'],
  ['report', 'rank.json', '--svg', 'genesis.json'],
  ['peer', 'init', '--participants', '6', '--out', 'rank.json'],
  ['ledger', 'key', 'no/such/key'],
  ['ledger', 'init', 'no/such/net.sqlite', 'genesis.json'],
  ['ledger', 'export', 'net.sqlite', 'rank.json'],
  ['ledger', 'import', 'all.jsonl', 'no/such/net.sqlite'],
];

t.test('a place that cannot be written is refused at once, and nothing is left behind', async (t) => {
  const folder = workplace(t);
  const before = readdirSync(folder).sort();
  for (const args of MISPLACED) {
    const run = intermodel(args, { cwd: folder });
    t.equal(run.code, 3, `${args.join(' ')}: exit ${run.code} ${run.stderr}`);
    t.match(run.stderr, /BTM_IO: cannot/, args.join(' '));
    t.notMatch(run.stderr, /\n\s+at /, args.join(' '));
    t.equal(run.stdout, '', 'no work was done');
  }
  t.same(readdirSync(folder).sort(), before);
});

t.test('rank prints in a folder that cannot be written, and writes only what was asked for', async (t) => {
  const folder = workplace(t);
  const before = readdirSync(folder).sort();
  t.equal(intermodel(['rank', 'rank.json', '--json'], { cwd: folder }).code, 0);
  t.same(readdirSync(folder).sort(), before, 'no scores.json');
  t.equal(intermodel(['rank', 'rank.json', '--out', 'x.txt'], { cwd: folder }).code, 2);
  if (!canRemount()) return t.comment('not tried on a read-only file system: that needs root');
  const run = readOnly(folder, ['rank', 'rank.json', '--json']);
  t.equal(run.code, 0, run.stderr);
  t.equal(JSON.parse(run.stdout).peers.length, 2);
  const refused = readOnly(folder, ['rank', 'rank.json', '--out', 's.json']);
  t.equal(refused.code, 3);
  t.match(refused.stderr, /the file system is read-only/);
});

t.test('a file that is not JSON is named, with the place', async (t) => {
  const folder = t.testdir({ 'x.json': '{"responses": [\n  1, NaN]}' });
  const readers = [
    ['report', 'x.json'],
    ['sweep', '--spec', 'x.json'],
    ['ledger', 'init', 'net.sqlite', 'x.json'],
    ['ledger', 'check', 'x.json', '0'.repeat(64)],
    ['ledger', 'submit', 'net.sqlite', '@x.json', '--key', 'x.json'],
    ['ledger', 'serve', '--config', 'x.json'],
    ['peer', '--config', 'x.json'],
    ['rank', 'x.json'],
  ];
  for (const args of readers) {
    const run = intermodel(args, { cwd: folder });
    t.equal(run.code, 2, `${args.join(' ')}: ${run.stderr}`);
    t.match(run.stderr, /x\.json is not JSON: NaN at line 2, column 6/, args.join(' '));
  }
  t.same(readdirSync(folder), ['x.json'], 'nothing was made');
});
