import t from 'tap';
import {
  type Action,
  commitmentHash,
  type Genesis,
  type Ledger,
  memoryStore,
  openLedger,
  type Parameters,
  rotationBytes,
  signBytes,
  signTransaction,
  TOKEN,
} from '../../src/ledger/index.js';
import { testKey } from './workload.js';

const [a, b, c, d] = [0, 1, 2, 3].map(testKey);
const start = (parameters: Partial<Parameters>, more: Partial<Genesis> = {}): Promise<Ledger> =>
  openLedger({
    store: memoryStore(),
    genesis: {
      parameters: { epsilon: 1_414_213_563, tau: 0n, ...parameters },
      participants: [a, b].map((key) => ({ key: key.publicKey, stake: 10n * TOKEN })),
      accounts: [c, d].map((key) => ({ key: key.publicKey, balance: 50n * TOKEN })),
      ...more,
    },
  });
const row = (...pairs: [key: string, weight: number][]): Action => ({
  kind: 'setWeights',
  row: { targets: pairs.map((p) => p[0]), weights: pairs.map((p) => p[1]) },
});

t.test('a slot reused by a new key inherits nothing', async (t) => {
  const ledger = await start({});
  t.equal(ledger.submitAction(a, row([b.publicKey, 1_000_000_000])).code, 'ok');
  await ledger.closeBlock();
  const slot = ledger.state().participant(b.publicKey)?.slot;
  t.equal(ledger.submitAction(b, { kind: 'unregister' }).code, 'ok');
  t.equal(ledger.submitAction(c, { kind: 'register', endpoint: '', stake: 5n * TOKEN }).code, 'ok');
  t.not(ledger.pending().participant(c.publicKey)?.slot, slot, 'not in the block in which it was left');
  await ledger.closeBlock();
  t.same([...ledger.state().row(a.publicKey).targets], [a.publicKey], "the rater's weight came back to it");
  t.equal(ledger.state().balance(b.publicKey), 10n * TOKEN, 'the stake became liquid');
  t.equal(ledger.submitAction(d, { kind: 'register', endpoint: '', stake: 5n * TOKEN }).code, 'ok');
  await ledger.closeBlock();
  t.equal(ledger.state().participant(d.publicKey)?.slot, slot, 'the free slot is used again');
  await ledger.closeBlock();
  t.equal(
    ledger.ranking()?.exact.at(ledger.ranking()?.keys.indexOf(d.publicKey) ?? -1),
    5n * TOKEN * 1_000_000_000n,
    'ranked by its own row alone',
  );
  t.same([...ledger.state().row(d.publicKey).targets], [d.publicKey]);
});

t.test('each participant is shown with its own endpoint, stake and blocks', async (t) => {
  const ledger = await start({});
  t.equal(ledger.submitAction(c, { kind: 'register', endpoint: 'tcp://c:1', stake: 5n * TOKEN }).code, 'ok');
  await ledger.closeBlock();
  t.equal(ledger.submitAction(d, { kind: 'register', endpoint: 'tcp://d:1', stake: 6n * TOKEN }).code, 'ok');
  t.equal(ledger.submitAction(b, { kind: 'setEndpoint', endpoint: 'tcp://b:2' }).code, 'ok');
  t.equal(ledger.submitAction(c, row([a.publicKey, 1_000_000_000])).code, 'ok');
  await ledger.closeBlock();
  const seen = ledger.state().participants();
  const expected = new Map([
    [a.publicKey, ['', 0, 0]],
    [b.publicKey, ['tcp://b:2', 0, 0]],
    [c.publicKey, ['tcp://c:1', 1, 2]],
    [d.publicKey, ['tcp://d:1', 2, 0]],
  ]);
  t.equal(seen.length, 4);
  for (const { key, endpoint, registeredAt, lastSet, slot, stake } of seen) {
    t.same([endpoint, registeredAt, lastSet], expected.get(key), key);
    t.same(ledger.state().participant(key), { key, endpoint, registeredAt, lastSet, slot, stake });
  }
});

t.test('a newcomer at the limit prunes the lowest ranked past its immunity', async (t) => {
  const ledger = await start({ maximumParticipants: 2, immunity: 2 });
  t.equal(ledger.submitAction(b, row([a.publicKey, 900_000_000], [b.publicKey, 100_000_000])).code, 'ok');
  t.equal(ledger.submitAction(c, { kind: 'register', endpoint: '', stake: TOKEN }).code, 'full', 'every participant is immune');
  for (let block = 0; block < 3; block++) await ledger.closeBlock();
  t.equal(ledger.submitAction(c, { kind: 'register', endpoint: '', stake: TOKEN }).code, 'ok');
  await ledger.closeBlock();
  t.same(
    ledger
      .state()
      .participants()
      .map((p) => p.key)
      .sort(),
    [a.publicKey, c.publicKey].sort(),
    'b had the lower ranking',
  );
  t.equal(ledger.state().balance(b.publicKey), 10n * TOKEN);
  t.equal(ledger.submitAction(b, { kind: 'register', endpoint: '', stake: TOKEN }).code, 'ok', 'a is not immune');
  t.ok(ledger.pending().participant(c.publicKey), 'the newcomer is');
  t.notOk(ledger.pending().participant(a.publicKey));
});

t.test('pruning: the lowest ranking, then the lowest stake, then the latest slot', async (t) => {
  const newcomers = [5, 6, 7].map(testKey);
  const stakes = [3n, 2n, 7n, 3n, 40n];
  const ledger = await start(
    { maximumParticipants: 5, immunity: 0, minimumStake: 1n },
    {
      participants: stakes.map((stake, n) => ({
        key: testKey(10 + n).publicKey,
        stake,
        // Number 1 is ranked a little, number 4 by all others; the other three not at all.
        row:
          n === 4
            ? { targets: Uint32Array.of(1, 4), weights: Uint32Array.of(1, 999_999_999) }
            : { targets: Uint32Array.of(4), weights: Uint32Array.of(1_000_000_000) },
      })),
      accounts: newcomers.map((key) => ({ key: key.publicKey, balance: 50n })),
    },
  );
  await ledger.closeBlock();
  const present = (): number[] => [0, 1, 2, 3, 4].filter((n) => ledger.pending().participant(testKey(10 + n).publicKey) !== undefined);
  const left: number[][] = [];
  for (const key of newcomers) {
    t.equal(ledger.submitAction(key, { kind: 'register', endpoint: '', stake: 50n }).code, 'ok');
    left.push(present());
  }
  t.same(left, [
    [0, 1, 2, 4], // 0, 2 and 3 have no ranking; 0 and 3 have less stake than 2; 3 has the later slot
    [1, 2, 4], // 0 has less stake than 2
    [1, 4], // 1 has the least stake of all, but a ranking
  ]);
});

t.test('free slots: the last one left is the first one used again', async (t) => {
  const keys = [10, 11, 12, 13].map(testKey);
  const ledger = await start({}, { participants: keys.map((key) => ({ key: key.publicKey, stake: TOKEN })) });
  t.equal(ledger.submitAction(keys[2], { kind: 'unregister' }).code, 'ok');
  t.equal(ledger.submitAction(keys[0], { kind: 'unregister' }).code, 'ok');
  await ledger.closeBlock();
  t.equal(ledger.submitAction(keys[1], { kind: 'unregister' }).code, 'ok');
  await ledger.closeBlock();
  const taken: (number | undefined)[] = [];
  for (const key of [c, d, keys[0], keys[2]]) {
    ledger.submitAction(key, { kind: 'register', endpoint: '', stake: TOKEN });
    taken.push(ledger.pending().participant(key.publicKey)?.slot);
  }
  t.same(taken, [1, 0, 2, 4], 'the latest block first, and in a block the latest to leave; then new slots');
});

t.test('a commitment made before a rotation cannot be revealed after it', async (t) => {
  const ledger = await start({ rows: 'commit', revealDelay: 1, revealWindow: 2 });
  const weights = { targets: [b.publicKey], weights: [1_000_000_000] };
  const salt = '5a'.repeat(32);
  const next = testKey(9);
  t.equal(ledger.submitAction(a, { kind: 'commitWeights', hash: commitmentHash(a.publicKey, weights, salt) }).code, 'ok');
  const newSignature = signBytes(rotationBytes(ledger.chain, a.publicKey, 1, next.publicKey), next);
  t.equal(ledger.submitAction(a, { kind: 'rotateKey', newKey: next.publicKey, newSignature }).code, 'ok');
  await ledger.closeBlock();
  t.equal(ledger.submitAction(next, { kind: 'revealWeights', row: weights, salt }).code, 'reveal_mismatch', 'it is bound to the old key');
  t.equal(
    ledger.submitAction(next, { kind: 'commitWeights', hash: 'cd'.repeat(32) }).code,
    'commit_pending',
    'until its window has closed',
  );
});

t.test('commit and reveal: a row is hidden until its reveal', async (t) => {
  const ledger = await start({ rows: 'commit', revealDelay: 2, revealWindow: 1 });
  const weights = { targets: [b.publicKey], weights: [1_000_000_000] };
  const salt = '5a'.repeat(32);
  t.equal(ledger.submitAction(a, { kind: 'commitWeights', hash: commitmentHash(a.publicKey, weights, salt) }).code, 'ok');
  t.equal(
    ledger.submitAction(b, { kind: 'commitWeights', hash: commitmentHash(a.publicKey, weights, salt) }).code,
    'ok',
    "b copies a's commitment",
  );
  await ledger.closeBlock();
  t.equal(ledger.submitAction(a, { kind: 'revealWeights', row: weights, salt }).code, 'reveal_early');
  await ledger.closeBlock();
  t.equal(ledger.submitAction(a, { kind: 'revealWeights', row: weights, salt }).code, 'ok');
  t.equal(
    ledger.submitAction(b, { kind: 'revealWeights', row: weights, salt }).code,
    'reveal_mismatch',
    'a copied commitment opens for its author only',
  );
  t.equal(ledger.submitAction(a, { kind: 'revealWeights', row: weights, salt }).code, 'no_commitment', 'a commitment opens once');
  await ledger.closeBlock();
  t.same(ledger.state().row(a.publicKey).targets, [b.publicKey]);
});

t.test('a rotated key keeps stake, row and weights; the old key is dead for good', async (t) => {
  const ledger = await start({}, { parameters: { tau: 0n, epsilon: 1_414_213_563, authority: a.publicKey } });
  const replay = signTransaction({ kind: 'bond', amount: 1n, chain: ledger.chain, from: a.publicKey, nonce: 0 }, a);
  t.equal(ledger.submitAction(b, row([a.publicKey, 1_000_000_000])).code, 'ok');
  const newSignature = signBytes(rotationBytes(ledger.chain, a.publicKey, 0, testKey(9).publicKey), testKey(9));
  t.equal(ledger.submitAction(a, { kind: 'rotateKey', newKey: testKey(9).publicKey, newSignature }).code, 'ok');
  await ledger.closeBlock();
  t.equal(ledger.state().stake(testKey(9).publicKey), 10n * TOKEN);
  t.equal(ledger.state().stake(a.publicKey), 0n);
  t.same(ledger.state().row(b.publicKey).targets, [testKey(9).publicKey], 'weights follow the participant');
  t.equal(ledger.state().parameters.authority, testKey(9).publicKey, 'so does the authority');
  t.equal(ledger.submitAction(c, { kind: 'transfer', to: a.publicKey, amount: TOKEN }).code, 'ok');
  t.equal(ledger.submit(replay).code, 'replayed', 'an old transaction of the old key stays dead even when it is funded again');
});

t.test('emission and control of tau', async (t) => {
  for (const [emission, minted] of [
    ['l1', 1_000_000n],
    ['l2', 1_414_213n],
    ['none', 10_000_000n],
  ] as const) {
    const ledger = await start({ emission, tau: 1_000_000n });
    await ledger.closeBlock();
    t.equal(
      ledger.state().minted,
      minted,
      `${emission}: tau ${emission === 'none' ? 'is a rate of R: 0.001 * (1/2) * 20 tokens' : 'is an amount'}`,
    );
  }
  const down = await start({ emission: 'l1', tau: 1_000_000n, tauGain: 100_000n, tauMinimum: 400_000n });
  t.equal(down.submitAction(a, row([a.publicKey, 500_000_000], [b.publicKey, 500_000_000])).code, 'ok');
  await down.closeBlock();
  t.equal(down.state().tau, 400_000n, 'every row on itself: the ratio is unbounded, tau goes to its minimum');
  await down.closeBlock();
  t.equal(down.ranking()?.diagonalRatio, 3_000_000_000n, 'trace 1.5 against 0.5');
  t.equal(down.state().tau, 400_000n, 'held at the bound, without winding up');
  t.equal(down.submitAction(a, row([b.publicKey, 1_000_000_000])).code, 'ok');
  t.equal(down.submitAction(b, row([a.publicKey, 1_000_000_000])).code, 'ok');
  await down.closeBlock();
  await down.closeBlock();
  t.equal(down.state().tau, 500_000n, 'nothing on the diagonal: up by gain * target at once');
});

t.test('settlement comes before the block changes anything', async (t) => {
  const ledger = await start({ emission: 'l1', tau: TOKEN });
  t.equal(ledger.submitAction(a, row([b.publicKey, 1_000_000_000])).code, 'ok');
  t.equal(ledger.submitAction(a, { kind: 'unbond', amount: 10n * TOKEN }).code, 'ok', 'stake that earned may leave after');
  await ledger.closeBlock();
  t.same(ledger.ranking()?.paid, [500_000_000n, 500_000_000n], 'paid by the row and stake of the block before');
});

t.test('the supply never passes its limit', async (t) => {
  const most = (1n << 63n) - 1n;
  const ledger = await openLedger({
    store: memoryStore(),
    genesis: {
      parameters: { emission: 'l2', tau: most },
      participants: [a, b].map((key) => ({ key: key.publicKey, stake: most / 2n - 5n })),
    },
  });
  await ledger.closeBlock();
  t.equal(ledger.state().supply, most, 'the last base units are minted, no more');
  await ledger.closeBlock();
  t.equal(ledger.state().minted, 11n);
  t.match(await ledger.verify(), { ok: true });
});
