import fc from 'fast-check';
import t from 'tap';
import { correlation, integer, number, percent } from '../../src/report/format.js';
import { escapeHtml, html, Markup } from '../../src/report/markup.js';
import { table } from '../../src/report/table.js';
import { textWidth } from '../../src/report/text-width.js';

t.test('a text put into a template can neither open a tag nor leave its quotes', async (t) => {
  t.equal(html`<td title="${'"><script>'}">${"<i>&'"}</td>`.text, '<td title="&quot;&gt;&lt;script&gt;">&lt;i&gt;&amp;&#39;</td>');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const escaped = escapeHtml(text);
      t.notMatch(escaped, /[<>"']/);
      const back = escaped.replace(
        /&(amp|lt|gt|quot|#39);/g,
        (_, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" })[name]!,
      );
      if (back !== text) throw new Error('escaping lost something');
    }),
    { numRuns: 200, seed: 1 },
  );
});

t.test('markup is printed as it is, lists are joined, nothing prints nothing', async (t) => {
  t.equal(html`${new Markup('<b>')}${[html`<i>`, 'a<', 3]}${null}${undefined}`.text, '<b><i>a&lt;3');
});

t.test('numbers read as people write them', async (t) => {
  t.same(
    [0, 1.23456, -0.5, 1234.5, 1e-4, 2.5e7, Number.NaN].map((value) => number(value)),
    ['0', '1.23', '−0.500', '1\u2009235', '1.00e−4', '2.50e7', 'NaN'],
  );
  t.equal(correlation(null), 'undefined');
  t.equal(correlation(-0.12345), '−0.123');
  t.equal(percent(0.1234), '12.3 %');
  t.equal(integer(1234567), '1\u2009234\u2009567');
});

t.test('text is measured by the metrics of Helvetica', async (t) => {
  // Helvetica: H 722, e 556, l 222, o 556 thousandths of an em.
  t.ok(Math.abs(textWidth('Hello', 10) - (722 + 556 + 222 + 222 + 556) / 100) < 1e-12);
  t.ok(textWidth('Hello', 10, true) > textWidth('Hello', 10));
  t.equal(textWidth('', 10), 0);
});

t.test('columns of numbers are marked as such in the head and in every row, the first cell of a row heads it', async (t) => {
  const columns = [
    { title: 'name', cell: (row: { name: string }) => row.name },
    { title: 'size', numeric: true, hint: 'in <m>', cell: (row: { size: number }) => row.size },
    { title: 'place', numeric: true, cell: (_: object, index: number) => index },
  ];
  const rows = [
    { name: 'a', size: 7 },
    { name: '<b>', size: 8 },
  ];
  const { text } = table({ caption: 'All & more', columns, rows } as never);
  t.match(text, '<caption>All &amp; more</caption>');
  t.same(
    [...text.matchAll(/<th scope="col" class="(\w+)" title="([^"]*)">(\w+)/g)].map((match) => match.slice(1)),
    [
      ['text', '', 'name'],
      ['number', 'in &lt;m&gt;', 'size'],
      ['number', '', 'place'],
    ],
  );
  t.same(
    [...text.matchAll(/<tr>(<th scope="row".*)<\/tr>/g)].map((match) => match[1]),
    [
      '<th scope="row" class="text">a</th><td class="number">7</td><td class="number">0</td>',
      '<th scope="row" class="text">&lt;b&gt;</th><td class="number">8</td><td class="number">1</td>',
    ],
  );
});

t.test('a line is as wide as the letters of Helvetica add up to', async (t) => {
  // Advance widths of the Adobe font metrics, in thousandths of the size.
  for (const [letter, width] of Object.entries({ ' ': 278, '!': 278, A: 667, W: 944, i: 222, m: 833, 0: 556, '~': 584, é: 600 })) {
    t.equal(textWidth(letter, 1000), width, letter);
  }
  t.ok(Math.abs(textWidth('Wi', 10) - 11.66) < 1e-12);
  t.ok(Math.abs(textWidth('Wi', 10, true) - 11.66 * 1.06) < 1e-12);
});
