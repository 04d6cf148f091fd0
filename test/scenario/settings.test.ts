/** Every setting of every strategy and defence: its bounds are taken, and what lies outside is refused by its name. */
import t from 'tap';
import * as scenario from '../../src/scenario/index.js';

/** Takes settings in [0, 1], whole numbers from `from` on, and numbers that are finite, not negative or above 0. */
type Domain = { readonly good: readonly number[]; readonly bad: readonly number[] };
const PART: Domain = { good: [0, 1], bad: [-1e-9, 1 + 1e-9] };
const NUMBER: Domain = { good: [-1, 0, 1e9], bad: [] };
const NOT_NEGATIVE: Domain = { good: [0, 1e9], bad: [-1e-9] };
const POSITIVE: Domain = { good: [1e-9, 1e9], bad: [0, -1] };
const whole = (from: number): Domain => ({ good: [from, from + 1], bad: [from - 1] });

const SETTINGS: readonly (readonly [make: (...settings: never[]) => { name: string }, ...(readonly [string, Domain])[]])[] = [
  [scenario.cabal, ['c', PART]],
  [scenario.griefer, ['count', whole(1)]],
  [scenario.copier, ['lag', whole(1)]],
  [scenario.forecaster, ['gain', PART]],
  [scenario.split, ['k', whole(1)]],
  [scenario.dilution, ['m', whole(1)]],
  [scenario.thief, ['fidelity', PART]],
  [scenario.loud, ['factor', POSITIVE]],
  [scenario.sleeper, ['t0', whole(0)]],
  [scenario.lateBribe, ['h', PART], ['t0', whole(0)], ['c', PART]],
  [scenario.selfGraded, ['factor', NUMBER]],
  [scenario.boundedRows, ['epsilon', POSITIVE]],
  [scenario.maximumWeight, ['most', PART]],
  [scenario.consensusClip, ['kappa', PART], ['pull', PART]],
  [scenario.consensusPull, ['beta', PART], ['kappa', PART]],
  [scenario.stakeCap, ['most', PART]],
  [scenario.decay, ['rate', PART]],
  [scenario.shiftOverStaked, ['least', NOT_NEGATIVE]],
  [scenario.entryCost, ['price', NOT_NEGATIVE]],
  [scenario.boundedAnswers, ['loudest', POSITIVE]],
];

t.test('settings at their bounds are taken, and outside are refused by name', async (t) => {
  for (const [make, ...settings] of SETTINGS) {
    for (const [at, [argument, { good, bad }]] of settings.entries()) {
      const made = (value: unknown): unknown => make(...([...settings.slice(0, at).map(() => undefined), value] as never[]));
      for (const value of good) t.doesNotThrow(() => made(value), `${make.name} ${argument} = ${value}`);
      for (const value of bad)
        t.throws(() => made(value), { code: /^BTM_(DOMAIN|NEGATIVE)$/, argument }, `${make.name} ${argument} = ${value}`);
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, '0.5', null])
        t.throws(() => made(value), { name: 'InputError', argument }, `${make.name} ${argument} = ${value}`);
    }
  }
});
