import t from 'tap';
import { RandomStream } from '../../src/core/random.js';
import { encodeText, TEXT_SYMBOLS, textSamples } from '../../src/data/text.js';

/** Text in which the next letter follows from the last one, so that its samples can be predicted by hand. */
const cycle = 'abcdefghij'.repeat(400);

t.test('a window shows the characters before its label, and only those', async (t) => {
  const { train, test } = textSamples('cycle', cycle, { context: 3, classes: 10 });
  t.equal(train.width, TEXT_SYMBOLS);
  t.equal(train.height, 3);
  for (const part of [train, test]) {
    t.ok(part.samples > 100, part.name);
    for (const sample of [0, 7, part.samples - 1]) {
      const image = part.images.subarray(sample * 3 * TEXT_SYMBOLS, (sample + 1) * 3 * TEXT_SYMBOLS);
      const shown = [0, 1, 2].map((k) => image.subarray(k * TEXT_SYMBOLS, (k + 1) * TEXT_SYMBOLS).indexOf(255));
      t.strictSame(shown, [(part.labels[sample] + 7) % 10, (part.labels[sample] + 8) % 10, (part.labels[sample] + 9) % 10]);
      t.equal(image.filter((pixel) => pixel !== 0).length, 3, 'one hot in each place');
    }
  }
});

t.test('no window of the test part shows a character that the training part shows or predicts', async (t) => {
  // Every 500-character block has letters of its own: blocks 4 and 9 (the test part) use a to e, the others f to j.
  const stream = new RandomStream(3, 1);
  const block = (from: number) => Array.from({ length: 500 }, () => String.fromCharCode(97 + from + stream.integer(5))).join('');
  const text = Array.from({ length: 10 }, (_, k) => block(k % 5 === 4 ? 0 : 5)).join('');
  t.throws(() => textSamples('split', text, { context: 4, classes: 10 }), { code: 'BTM_SHAPE', argument: 'text' }, 'classes do not meet');
});

t.test('strings of any script are encoded; accents, case and runs of space do not matter', async (t) => {
  t.strictSame(encodeText('Été  1', 6), encodeText('ete 7', 6));
  t.equal(encodeText('日本', 4).filter((pixel) => pixel === 255).length, 2, 'unknown symbols share one');
  t.strictSame(encodeText('', 2), new Uint8Array(2 * TEXT_SYMBOLS));
  t.strictSame(encodeText('xyz', 1), encodeText('z', 1), 'the last characters count');
});

t.test('wrong sizes are refused by name', async (t) => {
  t.throws(() => textSamples('short', 'abc', { classes: 2 }), { code: 'BTM_SHAPE' });
  t.throws(() => textSamples('cycle', cycle, { context: 0 }), { code: 'BTM_DOMAIN', argument: 'context' });
  t.throws(() => textSamples('cycle', cycle, { classes: 99 }), { code: 'BTM_DOMAIN', argument: 'classes' });
});
