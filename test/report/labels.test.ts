import fc from 'fast-check';
import t from 'tap';
import { fitScale, fromPixels, placeLabels, spread, toPixels } from '../../src/report/labels.js';
import { textWidth } from '../../src/report/text-width.js';

t.test('a scale is undone by its inverse, and takes logarithms only of positive values over a wide range', async (t) => {
  for (const values of [
    [1, 2, 3],
    [0.001, 5, 900],
    [-4, 0, 1e6],
    [7, 7],
    [0, 0],
  ]) {
    const scale = fitScale(values, [300, 0]);
    t.equal(scale.kind, values[0]! > 0 && Math.max(...values) / Math.min(...values) > 30 ? 'log' : 'linear');
    for (const value of values) {
      const pixel = toPixels(scale, value);
      t.ok(pixel >= 0 && pixel <= 300, `${value} lies at ${pixel}`);
      t.ok(Math.abs(fromPixels(scale, pixel) - value) <= 1e-9 * (1 + Math.abs(value)));
    }
  }
});

t.test('labels of a crowded scatter neither overlap one another nor leave the picture', async (t) => {
  const points = Array.from({ length: 16 }, (_, index) => ({
    x: 300 + 7 * (index % 4),
    y: 200 + 7 * Math.floor(index / 4),
    text: `participant-${index}`,
  }));
  const problem = { points, width: 640, height: 440, fontSize: 11 };
  const places = placeLabels(problem);
  t.same(places, placeLabels(problem), 'the same points give the same places');
  const boxes = places.map((place, index) => ({ x: place.x, y: place.y, w: textWidth(points[index]!.text, 11), h: 11 }));
  for (const [index, box] of boxes.entries()) {
    t.ok(box.x - box.w / 2 >= 0 && box.x + box.w / 2 <= 640 && box.y - 5 >= 0 && box.y + 5 <= 440, `label ${index} is inside`);
    for (const other of boxes.slice(0, index)) {
      const clear = Math.abs(box.x - other.x) >= (box.w + other.w) / 2 || Math.abs(box.y - other.y) >= 11;
      t.ok(clear, `label ${index} is clear of the others`);
    }
  }
});

t.test('labels at the ends of lines keep their distance, their order and the frame', async () => {
  const heights = fc.array(fc.double({ min: 0, max: 400, noNaN: true }), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(heights, (wanted) => {
      const gap = 13;
      const placed = spread(wanted, gap, 400);
      const order = wanted.map((_, index) => index).sort((a, b) => wanted[a]! - wanted[b]! || a - b);
      for (let place = 1; place < order.length; place++) {
        if (placed[order[place]!]! - placed[order[place - 1]!]! < gap - 1e-9) throw new Error('two labels touch or swap');
      }
      if (Math.min(...placed) < -1e-9 || Math.max(...placed) > 400 + 1e-9) throw new Error('a label leaves the frame');
    }),
    { numRuns: 500, seed: 2 },
  );
});
