import t from 'tap';
import { printable, SHOWN_OF_STRANGERS } from '../../src/core/printable.js';

t.test('hidden characters are escaped, everything else is left alone', async (t) => {
  t.equal(printable('a\u001b[31mred\u009b0m\r\n'), 'a\\u001b[31mred\\u009b0m\\u000d\\u000a');
  t.equal(printable('two\nlines\u202e', { keep: '\n' }), 'two\nlines\\u202e');
  t.equal(printable('\u200b\u2028\ufeff\u00ad\u{e0041}'), '\\u200b\\u2028\\ufeff\\u00ad\\udb40\\udc41');
  for (const plain of ['/ip4/1.2.3.4/tcp/1', 'C:\\new', 'grüße, 世界 🦊 👩‍👧 می‌خواهم']) t.equal(printable(plain), plain);
  t.equal(printable('\ud800 alone'), '\\ud800 alone');
  t.equal(printable(undefined), 'undefined');
  const value = { text: '\u009b\u202e\u{e0041}"\\' };
  t.same(JSON.parse(printable(JSON.stringify(value))), value, 'escaped JSON is the same value');
});

t.test('a long text is cut and marked', async (t) => {
  t.equal(printable('x'.repeat(300), { most: SHOWN_OF_STRANGERS }).length, 203);
  t.equal(printable('x'.repeat(200), { most: SHOWN_OF_STRANGERS }).length, 200);
});
