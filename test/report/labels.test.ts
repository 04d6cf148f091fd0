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

t.test('a label with room stands right of its point, 8 pixels from its edge and level with it', async (t) => {
  const point = { x: 300, y: 200, text: 'alone' };
  const [place] = placeLabels({ points: [point], width: 640, height: 440, fontSize: 11 });
  t.equal(place!.x - (textWidth('alone', 11) + 4) / 2 - point.x, 8);
  t.equal(place!.y, point.y);
  t.equal(place!.far, false);
});

t.test('a label is called far where it left the ring around its point, and only there', async (t) => {
  const points = Array.from({ length: 24 }, (_, k) => ({ x: 300 + 3 * (k % 5), y: 200 + 3 * Math.floor(k / 5), text: `point-${k}` }));
  const places = placeLabels({ points, width: 640, height: 440, fontSize: 11 });
  // An ellipse: the label's half width and 8 pixels across, its half height and 6 pixels up, both stretched by the same distance.
  for (const [k, { x, y, far }] of places.entries()) {
    const width = (textWidth(points[k]!.text, 11) + 4) / 2 + 8;
    const height = (11 + 2) / 2 + 6;
    const [dx, dy] = [x - points[k]!.x, y - points[k]!.y];
    const inside = (distance: number) => (dx / (width + distance)) ** 2 + (dy / (height + distance)) ** 2 < 1 + 1e-9;
    t.equal(far, !inside(12), `label ${k}: ${dx.toFixed(1)}, ${dy.toFixed(1)}`);
    t.ok(!inside(-1e-6), `label ${k} is not on its point`);
  }
  t.ok(places.some(({ far }) => far) && places.some(({ far }) => !far));
});

t.test('a point in the upper left corner has its label to the right, below the others that fill the place', async (t) => {
  const corner = (text: string) => ({ x: 2, y: 2, text });
  const places = placeLabels({ points: [corner('a'), corner('b'), corner('c')], width: 200, height: 200, fontSize: 11 });
  for (const { x, y } of places) t.ok(x > 2 && y >= 2, `${x}, ${y}`);
  const heights = places.map(({ y }) => y).sort((a, b) => a - b);
  for (let k = 1; k < heights.length; k++) t.ok(heights[k]! - heights[k - 1]! >= 13 - 1e-9 || new Set(places.map(({ x }) => x)).size > 1);
});
