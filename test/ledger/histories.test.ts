import t from 'tap';
import { runHistory } from './history.js';

t.test('100 random histories: the auditor agrees on every amount, weight and ranking after every block', async (t) => {
  const codes = new Set<string>();
  let accepted = 0;
  for (let seed = 0; seed < 100; seed++) {
    const history = await runHistory(seed, 12);
    accepted += history.accepted;
    for (const code of history.refused.keys()) codes.add(code);
    if (seed % 10 === 0) t.match(await history.ledger.verify(), { ok: true, height: 12 }, `seed ${seed} replays`);
  }
  t.comment(`${accepted} accepted; refused with ${[...codes].sort().join(', ')}`);
  t.ok(accepted > 900, 'most blocks had something in them');
  t.ok(codes.size >= 10, 'many guards were met');
  const seed = 1;
  t.ok((await runHistory(seed, 3)).minted > 0n);
  await t.rejects(runHistory(seed, 3, { tauError: 1_000_000n }), /audited/, 'control: an auditor with another tau disagrees');
});
