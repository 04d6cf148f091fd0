// The law by which tau follows the sparsity: what counts as an error, and that the integral does not wind up.
import t from 'tap';
import { checkController, sparsityError, steer } from '../../src/equilibrium/controller.js';
import type { TauController } from '../../src/equilibrium/index.js';

const controllerOf = (terms: Partial<TauController>) => checkController({ gain: 2e-4, ...terms });

t.test('a relative error is zero on target, weighs twice and half alike, and is bounded', async (t) => {
  const relative = controllerOf({ error: 'relative' });
  t.equal(sparsityError(relative, 1), 0);
  t.equal(sparsityError(relative, 0.5), -sparsityError(relative, 2));
  t.equal(sparsityError(relative, 0), 1);
  t.equal(sparsityError(relative, null), -1, 'W = I');
});

t.test('a difference is bounded by largestError on both sides', async (t) => {
  const difference = controllerOf({ target: 4, largestError: 2 });
  t.equal(sparsityError(difference, 4), 0);
  t.equal(sparsityError(difference, 3.5), 0.5);
  t.equal(sparsityError(difference, 0), 2);
  t.equal(sparsityError(difference, 100), -2);
  t.equal(sparsityError(difference, null), -2, 'W = I');
  t.equal(sparsityError(controllerOf({ error: 'relative', largestError: 0.25 }), null), -0.25);
});

for (const error of ['difference', 'relative'] as const) {
  t.test(`the integral does not wind up: it turns at once when the error does (${error})`, async (t) => {
    const controller = controllerOf({ error, proportional: 0.2, largestTau: 10 });
    let integral = 0.5;
    for (let step = 0; step < 10_000; step++) integral = steer(controller, integral, null).integral;
    t.equal(integral, 0, 'held at the lower end');
    t.ok(steer(controller, integral, 0.1).integral > 0, 'and leaves it in one step');
    for (let step = 0; step < 200_000; step++) integral = steer(controller, integral, 0).integral;
    t.equal(integral, controller.largestTau);
    t.equal(steer(controller, integral, 0).tau, controller.largestTau, 'tau stays within its range');
    t.ok(steer(controller, integral, null).integral < controller.largestTau, 'and leaves the upper end in one step');
    t.equal(steer(controller, 0, null).tau, 0, 'and is never negative, whatever the proportional part says');
  });
}

t.test('proportional acts on tau alone; a multiplicative law moves by a factor', async (t) => {
  const plain = steer(controllerOf({ gain: 0.1 }), 0.5, 0);
  t.same(plain, { integral: 0.6, tau: 0.6 });
  t.same(steer(controllerOf({ gain: 0.1, proportional: 0.25 }), 0.5, 0), { integral: 0.6, tau: 0.85 });
  const { integral } = steer(controllerOf({ law: 'multiplicative', gain: 0.1 }), 0.5, 0);
  t.ok(Math.abs(integral - 0.5 * Math.exp(0.1)) < 1e-15);
  t.equal(steer(controllerOf({ law: 'multiplicative', gain: 0.1 }), 0, 0).integral, 0, 'which is why it must start above 0');
});

t.test('values outside their ranges are refused by name', async (t) => {
  const wrong: [Partial<TauController>, string][] = [
    [{ gain: 0 }, 'controller.gain'],
    [{ target: 0 }, 'controller.target'],
    [{ proportional: -1 }, 'controller.proportional'],
    [{ largestError: 0 }, 'controller.largestError'],
    [{ largestTau: 0 }, 'controller.largestTau'],
    [{ law: 'fuzzy' as 'integral' }, 'controller.law'],
    [{ measure: 'trace' as 'diagonalRatio' }, 'controller.measure'],
    [{ error: 'squared' as 'relative' }, 'controller.error'],
  ];
  for (const [terms, argument] of wrong) t.throws(() => controllerOf(terms), { name: 'InputError', argument });
  t.throws(() => checkController(undefined as unknown as TauController), { name: 'InputError', argument: 'controller.gain' });
});
