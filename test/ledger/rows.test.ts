import fc from 'fast-check';
import t from 'tap';
import { genesisFile } from '../../src/ledger/genesis-file.js';
import { boundedStep, ROW_PARTS, rowToParts } from '../../src/ledger/index.js';
import { apportion, ceilSqrt, floorSqrt, SquareSum } from '../../src/ledger/integers.js';
import { sparseRow, squaredDistance } from '../../src/ledger/rows.js';

const score = fc.double({ min: 0, max: 1e12, noNaN: true });
const row = (n: number) => fc.array(score, { minLength: n, maxLength: n }).filter((scores) => scores.some((s) => s > 0));
const sum = (parts: Uint32Array): number => parts.reduce((a, b) => a + b, 0);

t.test('rowToParts: exact sum, each part within one of its exact share', async () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }).chain(row), (scores) => {
      const parts = rowToParts(scores);
      // Another route: doubles scaled to a common power of two by string arithmetic on their exact binary expansion.
      const exact = scores.map((s) => BigInt(Math.round(s * 2 ** 10)));
      const total = exact.reduce((a, b) => a + b, 0n);
      const near = scores.every((s) => Number.isInteger(s * 2 ** 10));
      const inside =
        !near || parts.every((part, i) => Math.abs(Number(BigInt(part) * total - exact[i] * BigInt(ROW_PARTS))) <= Number(total));
      return sum(parts) === ROW_PARTS && inside && scores.every((s, i) => s > 0 || parts[i] === 0);
    }),
  );
});

t.test('rowToParts: extreme and hostile values', async (t) => {
  t.same([...rowToParts([Number.MIN_VALUE, Number.MIN_VALUE])], [500_000_000, 500_000_000], 'subnormals count as they are');
  t.same([...rowToParts([Number.MAX_VALUE, Number.MIN_VALUE])], [ROW_PARTS, 0]);
  t.same([...rowToParts([1, 1, 1])], [333_333_334, 333_333_333, 333_333_333], 'ties to the lower index');
  t.throws(() => rowToParts([0, Number.NaN]), { code: 'BTM_NONFINITE', index: 1 });
  t.throws(() => rowToParts([1, -1e-300]), { code: 'BTM_NEGATIVE', index: 1 });
  t.throws(() => rowToParts([0, 0]), { code: 'BTM_DOMAIN' });
  t.throws(() => rowToParts([]), { code: 'BTM_DOMAIN' });
  const input = Float64Array.of(3, 1);
  rowToParts(input);
  t.same([...input], [3, 1], 'the input stays as it was');
});

t.test('boundedStep: on the simplex, inside the ball, and no longer step of the kind is', async () => {
  const pair = fc.integer({ min: 2, max: 30 }).chain((n) => fc.tuple(row(n), row(n), fc.integer({ min: 1, max: 1_414_213_563 })));
  fc.assert(
    fc.property(pair, ([from, to, epsilon]) => {
      const current = rowToParts(from);
      const target = rowToParts(to);
      const next = boundedStep(current, target, epsilon);
      const far = squaredDistance(sparseRow(current), sparseRow(target)) > BigInt(epsilon) ** 2n;
      const step = squaredDistance(sparseRow(current), sparseRow(next));
      if (sum(next) !== ROW_PARTS || step > BigInt(epsilon) ** 2n) return false;
      if (!far) return next.every((part, i) => part === target[i]);
      // Moving one part more, split the same way, must leave the ball.
      const mass = next.reduce((a, part, i) => a + Math.max(0, part - current[i]), 0);
      const longer = moved(current, target, mass + 1);
      return squaredDistance(sparseRow(current), sparseRow(longer)) > BigInt(epsilon) ** 2n;
    }),
  );
});

function moved(current: Uint32Array, target: Uint32Array, mass: number): Uint32Array {
  const gains = Array.from(target, (part, i) => BigInt(Math.max(0, part - current[i])));
  const losses = Array.from(target, (part, i) => BigInt(Math.max(0, current[i] - part)));
  const up = apportion(BigInt(mass), gains);
  const down = apportion(BigInt(mass), losses);
  return current.map((part, i) => part + Number(up[i]) - Number(down[i]));
}

t.test('boundedStep: refuses what is no row', async (t) => {
  t.throws(() => boundedStep([1, 2], [ROW_PARTS, 0], 5), { code: 'BTM_ROWSUM', argument: 'current' });
  t.throws(() => boundedStep([ROW_PARTS, 0], [ROW_PARTS], 5), { code: 'BTM_SHAPE' });
  t.throws(() => boundedStep([ROW_PARTS + 0.5, -0.5], [ROW_PARTS, 0], 5), { code: 'BTM_DOMAIN', index: 0 });
});

t.test('integer roots, shares and sums of squares against their definitions', async () => {
  const big = fc.bigInt({ min: 0n, max: 1n << 190n });
  fc.assert(fc.property(big, (x) => floorSqrt(x) ** 2n <= x && (floorSqrt(x) + 1n) ** 2n > x));
  fc.assert(fc.property(big, (x) => ceilSqrt(x) ** 2n >= x && (x === 0n || (ceilSqrt(x) - 1n) ** 2n < x)));
  fc.assert(fc.property(big, (x) => floorSqrt(x * x) === x && ceilSqrt(x * x) === x));
  const shares = fc.array(fc.bigInt({ min: 0n, max: 1n << 70n }), { minLength: 1, maxLength: 30 }).filter((s) => s.some((x) => x > 0n));
  fc.assert(
    fc.property(shares, fc.bigInt({ min: 0n, max: 1n << 62n }), (s, total) => {
      const parts = apportion(total, s);
      const all = s.reduce((a, b) => a + b, 0n);
      return (
        parts.reduce((a, b) => a + b, 0n) === total &&
        parts.every((part, i) => part * all > total * s[i] - all && part * all < total * s[i] + all)
      );
    }),
  );
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -1_000_000_000, max: 1_000_000_000 })), (values) => {
      const squares = new SquareSum();
      for (const value of values) squares.add(value);
      return squares.value() === values.reduce((a, v) => a + BigInt(v) ** 2n, 0n);
    }),
  );
});

t.test('a genesis file begins with rows of their own, or with equal ones', async (t) => {
  const participants = ['11', '22', '33', '44'].map((digits) => ({ key: digits.repeat(32), stake: 5 }));
  const rowsOf = (rows?: string) => genesisFile.parse({ participants, ...(rows === undefined ? {} : { rows }) }).participants ?? [];
  for (const participant of [...rowsOf(), ...rowsOf('own')]) t.notOk('row' in participant, 'without a row it is wholly its own');
  for (const participant of rowsOf('equal')) {
    t.same(
      [...((participant.row as { weights: ArrayLike<number> }).weights as number[])],
      [250_000_000, 250_000_000, 250_000_000, 250_000_000],
    );
  }
  t.same(genesisFile.parse({ rows: 'equal' }).participants, []);
});
