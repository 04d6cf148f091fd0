/** The record of a block and of the ledger, against what was put on it. */
import t from 'tap';
import { createKey, memoryStore, openLedger, TOKEN } from '../../src/ledger/index.js';
import type { PeerKey } from '../../src/network/index.js';
import { describeBlock, describeLedger } from '../../src/run/run-record.js';

const keys = [1, 2, 3].map((n) => createKey(new Uint8Array(32).fill(n)));
const names = new Map(keys.map(({ publicKey }, k) => [publicKey as PeerKey, `p${k}`]));
const backwards = new Map([...names].reverse());

t.test('rows accepted in this block, stake and minted tokens, the ranking as shares, refusals by name', async (t) => {
  const ledger = await openLedger({
    store: memoryStore(),
    genesis: {
      parameters: { epsilon: 1_414_213_563, emission: 'l1', tau: 2n * TOKEN },
      participants: keys.map(({ publicKey }, k) => ({ key: publicKey, stake: BigInt(k + 1) * TOKEN })),
    },
  });
  t.match(describeBlock(ledger, names, 0, []), { height: 0, round: 0, stake: [1, 2, 3], ranking: [], minted: 0 }, 'before the first block');
  const [a, b, c] = keys.map(({ publicKey }) => publicKey);
  const row = (targets: string[], weights: number[]) => ({ kind: 'setWeights', row: { targets, weights } }) as const;
  t.equal(ledger.submitAction(keys[0]!, row([b!, c!], [750_000_000, 250_000_000])).code, 'ok');
  t.equal(ledger.submitAction(keys[2]!, row([b!], [1_000_000_000])).code, 'ok');
  await ledger.closeBlock();
  const refusals = [
    { key: b, code: 'nonce' },
    { key: 'ff'.repeat(32), code: 'unknown' },
  ];
  const first = describeBlock(ledger, names, 7, refusals as never);
  t.match(first, { height: 1, round: 7, accepted: 2, minted: 2 });
  t.same(first.refused, [
    { participant: 'p1', code: 'nonce' },
    { participant: 'ff'.repeat(32), code: 'unknown' },
  ]);
  const close = (found: readonly number[], wanted: readonly number[]) => {
    t.equal(found.length, wanted.length);
    for (const [k, value] of found.entries()) t.ok(Math.abs(value - wanted[k]!) < 1e-8, `${found} against ${wanted}`);
  };
  // A block pays by the rows that it began with: each had rated itself, so shares are those of stake, of two tokens.
  close(first.ranking, [1 / 6, 2 / 6, 3 / 6]);
  close(first.stake, [1 + 2 / 6, 2 + 4 / 6, 3 + 6 / 6]);
  close(describeBlock(ledger, backwards, 7, []).ranking, [3 / 6, 2 / 6, 1 / 6]);
  const whole = await describeLedger(ledger);
  const order = ledger.state().weights().keys;
  close(
    [...whole.weights],
    order.flatMap((rater) => order.map((ranked) => weightOf(rater, ranked))),
  );
  close(
    [...whole.stake],
    order.map((key) => first.stake[keys.findIndex(({ publicKey }) => publicKey === key)]!),
  );
  t.equal(whole.chainVerified, true);
  await ledger.closeBlock();
  const second = describeBlock(ledger, names, 8, []);
  t.equal(second.accepted, 0, 'rows of an earlier block are not counted again');
  // Now the second has all of its own stake, all of the third's and three quarters of the first's.
  const [one, two, three] = first.stake as [number, number, number];
  close(second.ranking, [0, (0.75 * one + two + three) / 8, (0.25 * one) / 8]);

  function weightOf(rater: string, ranked: string): number {
    if (rater === a) return ranked === b ? 0.75 : ranked === c ? 0.25 : 0;
    return ranked === b ? 1 : 0;
  }
});
