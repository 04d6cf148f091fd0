/** The strategies of the analysis: each a small value. `honest` writes what it measured. */
import { InputError } from '../core/errors.js';
import { checkInteger, checkNumber } from '../core/validate.js';
import { weightedMedian } from './consensus.js';
import type { Entry, Identity, Sight, Strategy } from './types.js';

/** Writes what it measured. */
export const honest: Strategy = { name: 'honest', steady: true, row: ({ measured }) => measured };

/** Own weight on oneself only. */
export const hoarder: Strategy = { name: 'hoarder', steady: true, row: (sight) => onto(sight, [sight.self], 1) };

/** Members give the part c of their row to the coalition, evenly, and the rest honestly to the others. */
export function cabal(c = 1): Strategy {
  checkPart('c', c);
  return { name: `cabal(${c})`, steady: true, row: (sight) => onto(sight, sight.allies, c) };
}

/** Nothing for the victims, everything else as measured. Victims are identities outside the coalition, the first `count` of them. */
export function griefer(count = 1): Strategy {
  checkInteger('count', count, 1);
  return {
    name: `griefer(${count})`,
    steady: true,
    row(sight) {
      const victims = new Set(others(sight).slice(0, count));
      return normalised(sight.measured.map((score, j) => (victims.has(j) ? 0 : score)));
    },
  };
}

/** Writes the stake-weighted median row of `lag` blocks ago instead of measuring. */
export function copier(lag = 1): Strategy {
  checkInteger('lag', lag, 1);
  return { name: `copier(${lag})`, row: (sight) => medianRow(sight, lag) };
}

/** Writes an exponential moving average of the median rows: `gain` is the weight of the newest. */
export function forecaster(gain = 0.5): Strategy<{ mean: Float64Array | undefined }> {
  checkPart('gain', gain);
  return {
    name: `forecaster(${gain})`,
    begin: () => ({ mean: undefined }),
    row(sight, memory) {
      const newest = medianRow(sight, 1);
      const { mean } = memory;
      memory.mean = mean === undefined ? newest : mean.map((value, j) => (1 - gain) * value + gain * newest[j]!);
      return memory.mean;
    },
  };
}

/** k identities that answer f / k each ('parts') or all of f ('copies'); each writes the honest row. */
export function split(k = 2, answers: 'parts' | 'copies' = 'parts'): Strategy {
  checkInteger('k', k, 1, 1000);
  const share = answers === 'parts' ? 1 / k : 1;
  return {
    name: `split(${k}, ${answers})`,
    steady: true,
    enter: ({ player }) => Array.from({ length: k }, () => ({ stakeShare: 1 / k, answer: { source: player, share } })),
    row: ({ measured }) => measured,
  };
}

/** m more identities without stake and without answers: they dilute a mean over all identities (fact 2). */
export function dilution(m = 10): Strategy {
  checkInteger('m', m, 1, 10_000);
  return {
    name: `dilution(${m})`,
    steady: true,
    enter: ({ player }) => [
      { stakeShare: 1, answer: { source: player, share: 1 } },
      ...Array.from({ length: m }, () => ({ stakeShare: 0, answer: { source: player, share: 0 } })),
    ],
    row: ({ measured }) => measured,
  };
}

/**
 * Answers with the best other player's function. A head that sees two equal answers gives each half of the weight, so thief and
 * victim carry half of it each. `fidelity` in (0, 1] is the part of the answer that survives the thief's noise.
 */
export function thief(fidelity = 1): Strategy {
  checkPart('fidelity', fidelity);
  return {
    name: `thief(${fidelity})`,
    steady: true,
    enter(entry) {
      return [{ stakeShare: 1, answer: { source: bestOther(entry), share: fidelity } }];
    },
    row: ({ measured }) => measured,
  };
}

/** Answers nothing of use and writes the honest row: zeros, one constant, or noise. */
export function freeRider(instead: 'zeros' | 'constant' | 'random' = 'zeros'): Strategy {
  return {
    name: `free rider(${instead})`,
    steady: true,
    enter: ({ player }) => [{ stakeShare: 1, answer: { source: player, share: 0, instead } }],
    row: ({ measured }) => measured,
  };
}

/**
 * Spoils what others learn from it: trains on labels turned round ('flipped'), or answers NaN, which is refused on arrival. Answers
 * scaled up are {@link loud}. In the empirical game the first is honest and the second a free rider.
 */
export function poisoner(how: 'flipped' | 'nan' = 'flipped'): Strategy {
  const shared: Strategy = { name: `poisoner(${how})`, steady: true, row: ({ measured }) => measured };
  if (how === 'flipped') return { ...shared, teach: (labels, classes) => labels.map((label) => classes - 1 - label) };
  return { ...shared, enter: ({ player }) => [{ stakeShare: 1, answer: { source: player, share: 0, instead: 'nan' } }] };
}

/** Answers its function scaled up: the quadratic form of its removal grows by the square, whatever it is worth. */
export function loud(factor = 10): Strategy {
  if (!(checkNumber('factor', factor) > 0)) throw new InputError('BTM_DOMAIN', 'must be above 0', { argument: 'factor', value: factor });
  return {
    name: `loud(${factor})`,
    steady: true,
    enter: ({ player }) => [{ stakeShare: 1, answer: { source: player, share: factor } }],
    row: ({ measured }) => measured,
  };
}

/** Honest until block t0, a hoarder from then on. */
export function sleeper(t0 = 20): Strategy {
  checkInteger('t0', t0, 0);
  return { name: `sleeper(${t0})`, row: (sight) => (sight.block < t0 ? sight.measured : hoarder.row(sight, undefined)) };
}

/**
 * From block t0 on, the part h of every honest row goes to the coalition, which gives the part c of its own rows to itself. With c = 0
 * its own rows stay honest: a bribe that nothing in the coalition's rows betrays.
 */
export function lateBribe(h = 0.1, t0 = 0, c = 1): Strategy {
  checkPart('h', h);
  checkInteger('t0', t0, 0);
  checkPart('c', c);
  return {
    name: `late bribe(${h}, ${t0}, ${c})`,
    steady: t0 === 0,
    row: (sight) => (sight.block < t0 || c === 0 ? sight.measured : onto(sight, sight.allies, c)),
    sway: (row, { block }, allies) => (block < t0 ? row : moved(row, allies, h)),
  };
}

/** Reports a row from a head that makes the coalition look large: its own scores count `factor` times. */
export function selfGraded(factor = 10): Strategy {
  checkNumber('factor', factor);
  return {
    name: `self-graded(${factor})`,
    steady: true,
    row(sight) {
      const chosen = new Set(sight.allies);
      return normalised(sight.measured.map((score, j) => (chosen.has(j) ? factor * score : score)));
    },
  };
}

/** Every strategy by the word that the command line uses, with the settings that may follow it. */
export const STRATEGIES: Readonly<Record<string, (...settings: number[]) => Strategy>> = {
  honest: () => honest,
  hoarder: () => hoarder,
  cabal: (c) => cabal(c),
  griefer: (count) => griefer(count),
  copier: (lag) => copier(lag),
  forecaster: (gain) => forecaster(gain) as Strategy,
  split: (k) => split(k, 'parts'),
  copies: (k) => split(k, 'copies'),
  dilution: (m) => dilution(m),
  thief: (fidelity) => thief(fidelity),
  'free-rider': () => freeRider('zeros'),
  loud: (factor) => loud(factor),
  sleeper: (t0) => sleeper(t0),
  'late-bribe': (h, t0) => lateBribe(h, t0),
  'quiet-bribe': (h, t0) => lateBribe(h, t0, 0),
  'self-graded': (factor) => selfGraded(factor),
};

/** Strategies that only real participants can tell from others, beside {@link STRATEGIES}. */
export const REAL_STRATEGIES: typeof STRATEGIES = {
  ...STRATEGIES,
  'free-rider-constant': () => freeRider('constant'),
  'free-rider-random': () => freeRider('random'),
  'poisoner-flipped': () => poisoner('flipped'),
  'poisoner-nan': () => poisoner('nan'),
};

function checkPart(argument: string, value: number): void {
  const part = checkNumber(argument, value);
  if (part < 0 || part > 1) throw new InputError('BTM_DOMAIN', 'must lie in [0, 1]', { argument, value });
}

/** Identities outside the coalition. */
function others({ identities, allies }: Sight): number[] {
  const own = new Set(allies);
  return Array.from({ length: identities }, (_, j) => j).filter((j) => !own.has(j));
}

/** The part `c` evenly onto `chosen`, the rest over the others as measured; all of it onto `chosen` where the others have no score. */
function onto(sight: Sight, chosen: readonly number[], c: number): Float64Array {
  const picked = new Set(chosen);
  let rest = 0;
  for (const [j, score] of sight.measured.entries()) if (!picked.has(j)) rest += score;
  const kept = rest > 0 ? c : 1;
  return sight.measured.map((score, j) => (picked.has(j) ? kept / chosen.length : rest > 0 ? ((1 - kept) * score) / rest : 0));
}

/** A row of which the part h is moved evenly onto `chosen`. */
function moved(row: Float64Array, chosen: readonly number[], h: number): Float64Array {
  const picked = new Set(chosen);
  return row.map((weight, j) => (1 - h) * weight + (picked.has(j) ? h / chosen.length : 0));
}

function medianRow(sight: Sight, lag: number): Float64Array {
  return normalised(weightedMedian(sight.rows(lag), sight.stake, sight.identities, 0.5));
}

function bestOther({ player, worth }: Entry): number {
  let best = player === 0 ? 1 : 0;
  for (const [j, value] of worth.entries()) if (j !== player && value > worth[best]!) best = j;
  return best;
}

/** A row divided by its sum; an even one where the sum is zero. */
export function normalised(row: Float64Array): Float64Array {
  let sum = 0;
  for (let j = 0; j < row.length; j++) sum += row[j]!;
  const out = new Float64Array(row.length);
  for (let j = 0; j < row.length; j++) out[j] = sum > 0 ? row[j]! / sum : 1 / row.length;
  return out;
}

/** The identities of a player that enters as itself. */
export function alone(player: number): readonly Identity[] {
  return [{ stakeShare: 1, answer: { source: player, share: 1 } }];
}
