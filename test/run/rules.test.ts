/** Who may do what in which phase, row by row; which barriers a run has; which process speaks for a key. */
import { encode } from 'cborg';
import t from 'tap';
import { readBarrier, readHello, readProgress, readRejoin, readResult, settingsHash } from '../../src/run/messages.js';
import { type Barrier, barrierName, CALL, RUN_PROTOCOL } from '../../src/run/protocol.js';
import { type CallName, type CoordinatorPhase, refusedByRule } from '../../src/run/rules.js';
import { blocksDue, isScheduled } from '../../src/run/schedule.js';
import { Sessions } from '../../src/run/sessions.js';
import { RUN_DEFAULTS } from '../../src/run/settings.js';
import { MessageError, readValue } from '../../src/run/value.js';
import { VirtualClock } from '../network/support/virtual-clock.js';

/** One row for each call: [open to anyone, gathering, running, over, bytes, per block]. */
const TABLE: readonly (readonly [CallName, boolean, boolean, boolean, boolean, number, number])[] = [
  ['ledger/genesis', true, true, true, true, 16, Number.POSITIVE_INFINITY],
  ['ledger/head', true, true, true, true, 16, Number.POSITIVE_INFINITY],
  ['ledger/block', true, true, true, true, 16, Number.POSITIVE_INFINITY],
  ['run/hello', false, true, true, true, 512, 1024],
  ['ledger/submit', false, true, true, false, 65_536, 64],
  ['run/barrier', false, true, true, false, 256, Number.POSITIVE_INFINITY],
  ['run/rejoin', false, true, true, true, 128, Number.POSITIVE_INFINITY],
  ['run/progress', false, true, true, true, 512, 4096],
  ['run/result', false, false, true, true, 8_388_608, 4],
];

t.test('the table of rules, row by row', async (t) => {
  t.same(new Set(TABLE.map(([call]) => call)), new Set(Object.values(CALL)), 'every call has a row');
  for (const [call, open, gathering, running, over, bytes, perBlock] of TABLE) {
    const key = 'k';
    const allowed: Record<CoordinatorPhase, boolean> = { gathering, running, over };
    for (const [phase, yes] of Object.entries(allowed) as [CoordinatorPhase, boolean][]) {
      const at = { key, participant: true, sent: 0 };
      t.equal(refusedByRule(call, phase, bytes, at), yes ? null : 'phase', `${call} while ${phase}`);
      if (!yes) continue;
      t.equal(refusedByRule(call, phase, bytes + 1, at), 'oversize', `${call}, one byte more`);
      t.equal(refusedByRule(call, phase, 1, { ...at, participant: false }), open ? null : 'noStake', `${call} by a stranger`);
      if (Number.isFinite(perBlock)) {
        t.equal(refusedByRule(call, phase, 1, { ...at, sent: perBlock - 1 }), null);
        t.equal(refusedByRule(call, phase, 1, { ...at, sent: perBlock }), 'quota', `${call}, once more`);
      }
    }
  }
  const worst = { key: 'k', participant: false, sent: 1e9 };
  t.equal(refusedByRule('run/result', 'gathering', 1e9, worst), 'noStake', 'who comes before when, how large, how often');
  t.equal(refusedByRule('run/result', 'gathering', 1e9, { ...worst, participant: true }), 'phase');
  t.equal(refusedByRule('run/result', 'running', 1e9, { ...worst, participant: true }), 'oversize');
});

t.test('the barriers of 10 rounds with 3 blocks and 2 closing blocks, by hand', async (t) => {
  const schedule = { rounds: 10, blocks: 3, closingBlocks: 2 };
  t.same(
    [0, 3, 4, 6, 7, 9, 10].map((round) => blocksDue(round, schedule)),
    [0, 0, 1, 1, 2, 2, 3],
  );
  const rounds = (kind: 'asked' | 'published' | 'block') =>
    Array.from({ length: 13 }, (_, round) => round).filter((round) =>
      isScheduled(kind === 'block' ? { kind, round, height: 1 } : { kind, round }, schedule),
    );
  t.same(rounds('asked'), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  t.same(rounds('published'), [4, 7, 10]);
  t.same(rounds('block'), [0, 4, 7, 10]);
  const named = (barrier: Barrier) => barrierName(barrier);
  t.not(
    named({ kind: 'block', round: 4, height: 2 }),
    named({ kind: 'block', round: 5, height: 2 }),
    'who names another round is elsewhere',
  );
});

t.test('messages: what does not have the form of one is refused as such', async (t) => {
  t.same(readBarrier({ kind: 'asked', round: 3, extra: 'x'.repeat(100) }), { kind: 'asked', round: 3 });
  t.same(readBarrier({ kind: 'block', round: 0, height: 1 }), { kind: 'block', round: 0, height: 1 });
  const wrong: readonly [string, () => unknown][] = [
    ['a kind that is none', () => readBarrier({ kind: 'x'.repeat(1e6), round: 1 })],
    ['no round', () => readBarrier({ kind: 'asked' })],
    ['a negative round', () => readRejoin({ round: -1 })],
    ['half a round', () => readRejoin({ round: 0.5 })],
    ['a round beyond all runs', () => readRejoin({ round: 1e9 })],
    ['a list', () => readRejoin([1])],
    ['nothing', () => readProgress(null)],
    ['a long phase', () => readProgress({ phase: 'x'.repeat(33), done: 1, total: 1 })],
    ['a hello without a session', () => readHello({ protocol: 2, settings: '', inputWidth: 1, width: 1 })],
    ['a result of nothing', () => readResult(null, 2)],
    [
      'a result of numbers that are none',
      () => readResult({ index: 0, encoder: '', trainSamples: 1, validationSamples: 1, measurement: { ideal: [Number.NaN, 1] } }, 2),
    ],
    ['cut CBOR', () => readValue(encode({ a: 1 }).subarray(0, 2))],
    ['two values', () => readValue(Uint8Array.of(1, 1))],
    ['no bytes', () => readValue(new Uint8Array(0))],
  ];
  for (const [what, read] of wrong) t.throws(read, MessageError, what);
});

t.test('hello: what differs is named; a key in use is refused until its process is gone', async (t) => {
  const clock = new VirtualClock();
  const settings = settingsHash(RUN_DEFAULTS, 7);
  const sessions = new Sessions(clock, { settings, width: 16, participants: 16, inputWidth: 784 });
  const good = { protocol: RUN_PROTOCOL, settings, inputWidth: 784, width: 16, session: 'one' };
  t.match(sessions.hello('k', { ...good, protocol: 1 }), { refused: 'differs', reason: /version/ });
  t.match(sessions.hello('k', { ...good, settings: settingsHash(RUN_DEFAULTS, 8) }), {
    refused: 'differs',
    reason: /settings or the seed/,
  });
  t.match(sessions.hello('k', { ...good, settings: settingsHash({ ...RUN_DEFAULTS, rounds: 121 }, 7) }), { refused: 'differs' });
  t.match(sessions.hello('k', { ...good, width: 8 }), { refused: 'differs', reason: /answers have 8/ });
  t.match(sessions.hello('k', { ...good, inputWidth: 100 }), { refused: 'differs', reason: /samples have 100/ });
  t.match(sessions.problem('k', 'one'), { refused: 'unknownSession' }, 'none of these came in');
  t.equal(sessions.hello('k', good), null);
  t.equal(sessions.problem('k', 'one'), null);
  t.match(sessions.hello('k', { ...good, session: 'two' }), { refused: 'keyInUse' });
  t.match(sessions.problem('k', 'two'), { refused: 'keyInUse' });
  t.equal(sessions.hello('other', { ...good, session: 'two' }), null, 'another key is another matter');
  await clock.runUntil(clock.now() + 10_000);
  t.equal(sessions.hello('k', { ...good, session: 'two' }), null, 'not heard for ten seconds');
  t.match(sessions.problem('k', 'one'), { refused: 'keyInUse' }, 'the former one is told');
  const gone = new AbortController();
  const poll = sessions.polling('k', gone.signal, () => new Promise((resolve) => gone.signal.addEventListener('abort', () => resolve())));
  await clock.runUntil(clock.now() + 60_000);
  t.match(sessions.hello('k', { ...good, session: 'three' }), { refused: 'keyInUse' }, 'one that waits is there');
  gone.abort();
  await poll;
  t.equal(sessions.hello('k', { ...good, session: 'three' }), null, 'its connection ended');
});
