/** Who waits for whom, without a network: missing ones are put out, strays too, and nobody can hold up the others for long. */
import t from 'tap';
import { Membership, type MembershipOptions } from '../../src/run/membership.js';

const PATIENCE_MS = 60;
/** A roll's timers do not keep a process alive; these tests wait for them. */
const alive = setInterval(() => undefined, 1000);
t.teardown(() => clearInterval(alive));

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

function roll(members: readonly string[], options: Partial<MembershipOptions> = {}) {
  const events: string[] = [];
  const kept = new Membership({
    members,
    patience_ms: PATIENCE_MS,
    joinPatience_ms: PATIENCE_MS,
    closeBlock: async (round) => events.push(`block ${round}`) > 0,
    onMember: (key, event) => events.push(`${key} ${event}`),
    ...options,
  });
  const come = (key: string, name: string, close = false) => kept.arrive(key, { name, round: 1, close });
  return { kept, come, events };
}

t.test('a barrier opens when all have come, after its block is closed', async (t) => {
  const { come, events } = roll(['a', 'b']);
  const barrier = come('a', 'block 1', true);
  t.notOk(barrier.passed);
  t.equal(come('b', 'block 1', true), barrier);
  await barrier.opened;
  t.ok(barrier.done);
  t.same(events, ['block 1']);
  t.equal(come('b', 'block 1', true).done, true, 'one that asks again hears that it has opened');
});

t.test('those that do not come are out; one that comes alone to a place of its own is out itself', async (t) => {
  const { kept, come, events } = roll(['a', 'b', 'c', 'd']);
  const early = ['a', 'b', 'c'].map((key) => come(key, 'round 1'));
  await early[0]!.opened;
  t.ok(early[0]!.done);
  t.same(events, ['d out']);
  const stray = come('c', 'nonsense');
  await stray.opened;
  t.notOk(stray.done);
  t.same(events, ['d out', 'c out'], 'a and b, most of those that are in, are not held up');
  t.ok(kept.has('a') && kept.has('b') && !kept.has('c'));
  come('a', 'round 2');
  t.ok(come('b', 'round 2').done);
});

t.test('nobody waits in two places, and places nobody waits in are forgotten', async (t) => {
  const { kept, come, events } = roll(['a', 'b', 'c']);
  for (let k = 0; k < 1000; k++) come('c', `place ${k}`);
  come('a', 'round 1');
  come('b', 'round 1');
  t.notOk(come('c', 'elsewhere').done);
  t.ok(come('c', 'round 1').done, 'it came after all');
  await sleep(2 * PATIENCE_MS);
  t.same(events, [], 'the places it left put nobody out');
  t.ok(kept.has('c'));
});

t.test('passed barriers are remembered for those that hear late, but not for ever', async (t) => {
  const { come } = roll(['a', 'b']);
  for (let k = 0; k < 600; k++) {
    come('a', `round ${k}`);
    t.ok(k % 100 !== 0 || come('b', `round ${k}`).done);
    come('b', `round ${k}`);
  }
  t.ok(come('b', 'round 599').done);
  t.notOk(come('b', 'round 0').done, 'forgotten');
});

t.test('late ones come in with a block, together with the others; when all have left, they are told', async (t) => {
  const { kept, come, events } = roll(['a', 'b']);
  come('a', 'round 1');
  t.ok(come('b', 'round 1').done);
  kept.leave('b');
  kept.apply('b', 5);
  t.equal(kept.takeAdmission('b'), undefined);
  const change = kept.change();
  await come('a', 'block 1', true).opened;
  await change;
  t.equal(kept.takeAdmission('b'), 1, 'the round that the others have behind them');
  t.equal(kept.takeAdmission('b'), undefined, 'told once');
  t.same(events, ['b out', 'block 1', 'b in']);
  kept.leave('a');
  kept.leave('b');
  t.ok(kept.over);
  kept.end();
});

t.test('nobody is put out after the end', async (t) => {
  const { kept, come, events } = roll(['a', 'b']);
  come('a', 'round 1');
  kept.end();
  await sleep(2 * PATIENCE_MS);
  t.same(events, []);
});

t.test('a block that cannot be closed: nobody goes on', async (t) => {
  const { come, events } = roll(['a', 'b'], { closeBlock: async () => false });
  const barrier = come('a', 'block 1', true);
  come('b', 'block 1', true);
  await sleep(2 * PATIENCE_MS);
  t.ok(barrier.passed && !barrier.done);
  t.same(events, [], 'and nobody is to blame');
});
