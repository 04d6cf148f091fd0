/** Who waits for whom, without a network: missing ones are put out, strays too, and none can delay the others for long. */
import t from 'tap';
import { Membership, type MembershipOptions } from '../../src/run/membership.js';
import { VirtualClock } from '../network/support/virtual-clock.js';

const PATIENCE_MS = 60_000;

function roll(members: readonly string[], options: Partial<MembershipOptions> = {}) {
  const events: string[] = [];
  const clock = new VirtualClock();
  const kept = new Membership({
    members,
    clock,
    patience_ms: PATIENCE_MS,
    joinPatience_ms: PATIENCE_MS,
    closeBlock: async (round) => events.push(`block ${round}`) > 0,
    onMember: (key, event) => events.push(`${key} ${event}`),
    ...options,
  });
  /** 'asked 3', or 'block 1' in round 1. */
  const come = (key: string, name: string) => {
    const [kind, number] = name.split(' ');
    return kept.arrive(
      key,
      kind === 'block' ? { kind, round: 1, height: Number(number) } : { kind: kind as 'asked', round: Number(number) },
    );
  };
  const pass = (ms: number) => clock.runUntil(clock.now() + ms);
  return { kept, come, events, pass };
}

t.test('a barrier opens when all have come, after its block is closed', async (t) => {
  const { come, events } = roll(['a', 'b']);
  const barrier = come('a', 'block 1');
  t.notOk(barrier.passed);
  t.equal(come('b', 'block 1'), barrier);
  await barrier.opened;
  t.ok(barrier.done);
  t.same(events, ['block 1']);
  t.equal(come('b', 'block 1').done, true, 'one that asks again hears that it has opened');
});

t.test('those that do not come are out; one that comes alone to a place of its own is out itself', async (t) => {
  const { kept, come, events, pass } = roll(['a', 'b', 'c', 'd']);
  const early = ['a', 'b', 'c'].map((key) => come(key, 'asked 1'));
  await pass(PATIENCE_MS - 1);
  t.same(events, [], 'not a moment too early');
  await pass(1);
  await early[0]!.opened;
  t.ok(early[0]!.done);
  t.same(events, ['d out']);
  const stray = come('c', 'published 7');
  await pass(PATIENCE_MS);
  await stray.opened;
  t.notOk(stray.done);
  t.same(events, ['d out', 'c out'], 'a and b, most of those that are in, are not held up');
  t.ok(kept.has('a') && kept.has('b') && !kept.has('c'));
  come('a', 'asked 2');
  t.ok(come('b', 'asked 2').done);
});

t.test('no participant waits in two places, and empty places are forgotten', async (t) => {
  const { kept, come, events, pass } = roll(['a', 'b', 'c']);
  for (let k = 0; k < 1000; k++) come('c', `learnt ${k}`);
  come('a', 'asked 1');
  come('b', 'asked 1');
  t.notOk(come('c', 'published 1').done);
  t.ok(come('c', 'asked 1').done, 'it came after all');
  await pass(2 * PATIENCE_MS);
  t.same(events, [], 'the places it left remove no participant');
  t.ok(kept.has('c'));
});

t.test('passed barriers are remembered for those that hear late, but not for ever', async (t) => {
  const { come } = roll(['a', 'b']);
  for (let k = 0; k < 600; k++) {
    come('a', `asked ${k}`);
    t.ok(k % 100 !== 0 || come('b', `asked ${k}`).done);
    come('b', `asked ${k}`);
  }
  t.ok(come('b', 'asked 599').done);
  t.ok(come('b', 'asked 344').done, 'the last 256');
  t.notOk(come('b', 'asked 343').done, 'forgotten');
});

t.test('late ones come in with a block, together with the others; when all have left, they are told', async (t) => {
  const { kept, come, events } = roll(['a', 'b']);
  come('a', 'asked 1');
  t.ok(come('b', 'asked 1').done);
  kept.leave('b');
  kept.apply('b', 5);
  t.equal(kept.takeAdmission('b'), undefined);
  const change = kept.change();
  await come('a', 'block 1').opened;
  await change;
  t.equal(kept.takeAdmission('b'), 1, 'the round that the others have behind them');
  t.equal(kept.takeAdmission('b'), undefined, 'told once');
  t.same(events, ['b out', 'block 1', 'b in']);
  kept.leave('a');
  kept.leave('b');
  t.ok(kept.over);
  kept.end();
});

t.test('one that applies while a block is being closed comes in with the next: its address is not in this one', async (t) => {
  const closing: (() => void)[] = [];
  const { kept, come } = roll(['a', 'b'], { closeBlock: () => new Promise((resolve) => closing.push(() => resolve(true))) });
  come('a', 'asked 1');
  come('b', 'asked 1');
  kept.leave('b');
  const first = come('a', 'block 1');
  kept.apply('b', 0);
  closing[0]!();
  await first.opened;
  t.equal(kept.takeAdmission('b'), undefined);
  t.notOk(kept.has('b'));
  const second = come('a', 'block 2');
  closing[1]!();
  await second.opened;
  t.equal(kept.takeAdmission('b'), 1);
  t.ok(kept.has('b'));
  kept.end();
});

t.test('half of the members are not few: those that have not come are out', async (t) => {
  const { kept, come, events, pass } = roll(['a', 'b', 'c', 'd']);
  come('a', 'asked 1');
  const barrier = come('b', 'asked 1');
  await pass(PATIENCE_MS);
  t.ok(barrier.done);
  t.same(events, ['c out', 'd out']);
  t.same(kept.members, ['a', 'b']);
});

t.test('an open barrier stays open for one that asks again, also when all are further', async (t) => {
  const { come } = roll(['a', 'b']);
  for (const name of ['asked 1', 'learnt 1', 'asked 2']) {
    come('a', name);
    t.ok(come('b', name).done);
  }
  t.ok(come('a', 'asked 1').done);
  t.ok(come('b', 'learnt 1').done);
});

t.test('the first barrier has a patience of its own, all others the usual one', async (t) => {
  const { come, events, pass } = roll(['a', 'b', 'c'], { joinPatience_ms: 5 * PATIENCE_MS });
  come('a', 'asked 1');
  come('b', 'asked 1');
  await pass(5 * PATIENCE_MS - 1);
  t.same(events, []);
  await pass(1);
  t.same(events, ['c out']);
  come('a', 'asked 2');
  await pass(PATIENCE_MS);
  t.same(events, ['c out', 'b out']);
});

t.test('one that has finished leaves without being missed', (t) => {
  const { kept, come, events } = roll(['a', 'b']);
  come('a', 'asked 1');
  come('b', 'asked 1');
  kept.finish('a');
  t.same(events, []);
  t.same(kept.members, ['b']);
  kept.finish('b');
  t.ok(kept.over);
  t.end();
});

t.test('before training, one that was started again does not hold up those that wait', async (t) => {
  const { kept, come, events } = roll(['a', 'b']);
  const barrier = come('a', 'block 1');
  kept.apply('b', 0);
  await barrier.opened;
  t.same(events, ['b out', 'block 1'], 'its new address is not in this block');
  kept.end();
});

t.test('no participant is removed after the end', async (t) => {
  const { kept, come, events, pass } = roll(['a', 'b']);
  come('a', 'asked 1');
  kept.end();
  await pass(2 * PATIENCE_MS);
  t.same(events, []);
});

t.test('a block that cannot be closed: no participant continues', async (t) => {
  const { come, events, pass } = roll(['a', 'b'], { closeBlock: async () => false });
  const barrier = come('a', 'block 1');
  come('b', 'block 1');
  await pass(2 * PATIENCE_MS);
  t.ok(barrier.passed && !barrier.done);
  t.same(events, [], 'and no participant is blamed');
});
