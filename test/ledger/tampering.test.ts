import t from 'tap';
import { tamper } from './tampering.js';

t.test('T4: 300 flips and truncations of stored blocks are all detected, none is served', async (t) => {
  const result = await tamper(1, 300);
  t.equal(result.undetected, 0);
  t.equal(result.served, 0);
  t.ok(result.missedByControl > 100, `a reader that only decodes would have missed ${result.missedByControl}`);
});
