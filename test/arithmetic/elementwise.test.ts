import { readFileSync } from 'node:fs';
import t from 'tap';
import { exp, expm1, log, log1p, sigmoid, sigmoidDerivative, tanh } from '../../src/core/arithmetic/index.js';
import { allPoints, hashOf, POINT_COUNT } from './points.js';

const functions = { exp, expm1, log, log1p, sigmoid, sigmoidDerivative, tanh };
const hashes = JSON.parse(readFileSync(new URL('../../../test/arithmetic/hashes.json', import.meta.url), 'utf8'));

t.test('each function gives the bits of the C++ kernels, as a hash over the common points', async (t) => {
  const x = allPoints();
  for (const [name, f] of Object.entries(functions)) {
    const y = x.map((value) => f(value));
    t.equal(hashOf(y), hashes[name], `${name}: ${POINT_COUNT} points`);
  }
});

t.test('special values are those of the mathematics', async (t) => {
  const infinity = Number.POSITIVE_INFINITY;
  t.same(
    [exp(-infinity), exp(infinity), exp(0), exp(-0), exp(709.782712893384), exp(709.7827128933841)],
    [0, infinity, 1, 1, 1.7976931348622732e308, infinity],
  );
  t.same([exp(-745.1332191019411), exp(-745.2)], [5e-324, 0]);
  t.same([expm1(-infinity), expm1(infinity), expm1(5e-324), expm1(1e-20)], [-1, infinity, 5e-324, 1e-20]);
  t.ok(Object.is(expm1(-0), -0) && Object.is(log1p(-0), -0) && Object.is(tanh(-0), -0));
  t.same([log(0), log(-0), log(1), log(infinity), log(5e-324)], [-infinity, -infinity, 0, infinity, -744.4400719213812]);
  t.same([log1p(-1), log1p(infinity), log1p(5e-324)], [-infinity, infinity, 5e-324]);
  t.same([sigmoid(-infinity), sigmoid(infinity), sigmoid(0), sigmoid(-800)], [0, 1, 0.5, 0]);
  t.ok(sigmoidDerivative(700) > 0, 'no dead gradient where m(1-m) is 0');
  t.same([tanh(infinity), tanh(-infinity)], [1, -1]);
  for (const f of [log, log1p]) t.ok(Number.isNaN(f(-2)) && Number.isNaN(f(-infinity)));
  for (const [name, f] of Object.entries(functions)) t.ok(Number.isNaN(f(Number.NaN)), name);
});

t.test('identities hold to a few units in the last place', async (t) => {
  const near = (a: number, b: number) => Math.abs(a - b) <= 8 * Number.EPSILON * Math.max(Math.abs(a), Math.abs(b));
  for (let x = -30; x <= 30; x += 0.37) {
    t.ok(near(exp(x) * exp(-x), 1), `e^${x} e^-${x}`);
    if (x > 0) t.ok(near(exp(log(x)), x), `exp log ${x}`);
    t.ok(Math.abs(sigmoid(x) - (1 + tanh(x / 2)) / 2) <= 2 * Number.EPSILON, `sigmoid ${x} by tanh`);
    t.ok(near(sigmoidDerivative(x), sigmoidDerivative(-x)));
    t.ok(Math.abs(expm1(log1p(Math.abs(x))) - Math.abs(x)) <= 1e-14 * Math.abs(x));
  }
});
