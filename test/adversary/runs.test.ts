/** Whole runs under attack, in one process and on a virtual clock; `node lib/test/long/adversary.js` plays 10,000 seeds. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { signTransaction } from '../../src/ledger/index.js';
import { createIdentity } from '../../src/network/index.js';
import { MEMBER_DEEDS, member, Sender, STRANGER_DEEDS, strangers } from './support/attacks.js';
import { MEMBERS, playWorld, type WorldResult } from './support/world.js';

t.setTimeout(280_000);

/** Seeds of strangers, and of members for each deed. */
const [STRANGERS, PER_DEED] = [140, 4];

/** Seeds that once failed, with what they found. They stay. */
const KEPT: readonly number[] = [];

const unowned: unknown[] = [];
process.on('unhandledRejection', (reason) => unowned.push(reason));

const control = await playWorld();

/** Refusals of all honest participants and the coordinator, by reason. */
function counted({ refusals }: WorldResult): Record<string, number> {
  const all: Record<string, number> = {};
  for (const { byReason } of refusals) for (const [reason, count] of Object.entries(byReason)) all[reason] = (all[reason] ?? 0) + count;
  return all;
}

t.test('control: the run without an attacker breaks no law, and is the same each time', async (t) => {
  t.same(control.violations, []);
  t.equal((await playWorld()).digest, control.digest);
});

t.test(`${STRANGERS} seeds of strangers: the result is that of the run without them, to the bit`, async (t) => {
  const broken: string[] = [];
  const all: Record<string, number> = {};
  for (const seed of [...Array(STRANGERS).keys(), ...KEPT]) {
    const result = await playWorld({ attack: strangers(seed) });
    if (result.digest !== control.digest) broken.push(`seed ${seed}: another result`);
    for (const violation of result.violations) broken.push(`seed ${seed}: ${violation}`);
    for (const [reason, count] of Object.entries(counted(result))) all[reason] = (all[reason] ?? 0) + count;
  }
  t.same(broken, []);
  t.comment(JSON.stringify(all));
  for (const reason of ['noStake', 'oversize']) t.ok((all[reason] ?? 0) > 0, `${reason}: the attackers did attack`);
});

for (const deed of Object.keys(MEMBER_DEEDS)) {
  t.test(`one hostile member of four, ${deed}: every row of the others is in its block`, async (t) => {
    const broken: string[] = [];
    for (let seed = 0; seed < PER_DEED; seed++) {
      const { violations } = await playWorld({ attack: member(seed, deed), hostileMember: true });
      for (const violation of violations) broken.push(`seed ${seed}: ${violation}`);
    }
    t.same(broken, []);
  });
}

t.test('one hostile member that does a little of everything', async (t) => {
  const broken: string[] = [];
  for (let seed = 100; seed < 112; seed++) {
    const { violations } = await playWorld({ attack: member(seed), hostileMember: true });
    for (const violation of violations) broken.push(`seed ${seed}: ${violation}`);
  }
  t.same(broken, []);
});

t.test('a stranger that asks and sends gradients all the time changes nothing', async (t) => {
  const settings = { rounds: 12 };
  const stranger = createIdentity(new Uint8Array(32).fill(200));
  const learn = async (stage: Parameters<ReturnType<typeof strangers>>[0]) => {
    const sender = new Sender(stranger, stage, new RandomStream(1, 1));
    for (; !stage.over(); await nextTurn()) await STRANGER_DEEDS.learn(sender, stage);
  };
  t.equal((await playWorld({ settings, attack: learn })).digest, (await playWorld({ settings })).digest);
});

t.test('negative control: a change of members that does not wait for the rows voids those of the others', async (t) => {
  const leave = (direct: boolean) => async (stage: Parameters<ReturnType<typeof member>>[0]) => {
    const { ledger } = stage.coordinator;
    const key = stage.hostile!.key;
    const sender = new Sender(stage.hostile!.identity, stage, new RandomStream(1, 1));
    while (ledger.height < 1) await stage.clock.sleep(10);
    if (!direct) return void (await sender.submit({ kind: 'unregister' }, key));
    ledger.submit(
      signTransaction({ kind: 'unregister', chain: ledger.chain, from: key.publicKey, nonce: ledger.state().nonce(key.publicKey) }, key),
    );
  };
  t.same((await playWorld({ attack: leave(false), hostileMember: true })).violations, []);
  t.ok((await playWorld({ attack: leave(true), hostileMember: true })).violations.some((violation) => /stale_members/.test(violation)));
});

t.test('where no row reaches a block, every participant ends with an error that says who and why', async (t) => {
  const { violations } = await playWorld({
    attack: async ({ coordinator: { ledger } }) => {
      const submit = ledger.submit.bind(ledger);
      ledger.submit = (tx) => (tx.kind === 'setWeights' ? { code: 'stale_members', reason: '', hash: '', height: 0 } : submit(tx));
    },
  });
  for (let index = 0; index < MEMBERS; index++) {
    const told = violations.find((violation) => violation.startsWith(`participant ${index} ended`));
    t.match(told, new RegExp(`none of the 3 rows of p${index} is on the ledger[^]*stale_members`));
  }
});

t.test('no rejection was left without an owner', async (t) => t.same(unowned, []));
