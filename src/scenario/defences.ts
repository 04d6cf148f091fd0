/** The defences of the analysis: each a change of one step of the mechanism. `paper` changes nothing. */
import { InputError } from '../core/errors.js';
import { checkNonNegative, checkNumber } from '../core/validate.js';
import { clipped, weightedMedian } from './consensus.js';
import type { Defence } from './types.js';

/** The mechanism as the paper has it: rows of sum 1, stake-weighted ranking, mean shift. */
export const paper: Defence = { name: 'paper' };

/** A row moves at most epsilon (Euclidean) in one block. */
export function boundedRows(epsilon = 0.25): Defence {
  if (!(checkNumber('epsilon', epsilon) > 0)) throw domain('epsilon', epsilon, 'must be above 0');
  return {
    name: `bounded rows(${epsilon})`,
    // Both rows lie on the simplex, so the nearest allowed row is on the straight way from one to the other.
    record(current, proposed) {
      let square = 0;
      for (const [j, w] of proposed.entries()) square += (w - current[j]!) ** 2;
      const way = Math.sqrt(square);
      const part = way > epsilon ? epsilon / way : 1;
      return current.map((w, j) => w + part * (proposed[j]! - w));
    },
  };
}

/** No single weight counts for more than `most`; the excess of a row is lost. */
export function maximumWeight(most = 0.5): Defence {
  checkPart('most', most);
  return { name: `maximum weight(${most})`, weighsOnce: true, weigh: (rows) => rows.map((weight) => Math.min(weight, most)) };
}

/** Weights above what the part kappa of the stake supports are cut down to it, by the part `pull` of the excess. */
export function consensusClip(kappa = 0.5, pull = 1): Defence {
  checkPart('kappa', kappa);
  checkPart('pull', pull);
  return { name: `consensus clip(${kappa}, ${pull})`, weigh: (rows, rating, n) => clipped(rows, rating, n, kappa, pull) };
}

/** Rows are pulled towards the consensus row by beta, from above and from below. */
export function consensusPull(beta = 0.5, kappa = 0.5): Defence {
  checkPart('beta', beta);
  checkPart('kappa', kappa);
  return {
    name: `consensus pull(${beta}, ${kappa})`,
    weigh(rows, rating, n) {
      const supported = weightedMedian(rows, rating, n, kappa);
      const sum = supported.reduce((total, w) => total + w, 0);
      if (!(sum > 0)) return rows;
      return rows.map((weight, at) => (1 - beta) * weight + (beta * supported[at % n]!) / sum);
    },
  };
}

/** Own weights do not count: the diagonal is zero in ranking and mask. */
export const noSelfWeight: Defence = {
  name: 'no self weight',
  weighsOnce: true,
  weigh: (rows, _rating, n) => rows.map((weight, at) => (at % (n + 1) === 0 ? 0 : weight)),
};

/** Own weights do not count, and the rest of the row counts in full; a row without a rest counts evenly for all others that rate. */
export const othersOnly: Defence = {
  name: 'others only',
  weighsOnce: true,
  weigh(rows, rating, n) {
    const out = rows.slice();
    let raters = 0;
    for (const s of rating) if (s > 0) raters++;
    for (let i = 0; i < n; i++) {
      const others = raters - Number(rating[i]! > 0);
      let rest = 0;
      for (let j = 0; j < n; j++) if (j !== i) rest += rows[i * n + j]!;
      for (let j = 0; j < n; j++) {
        out[i * n + j] = j === i ? 0 : rest > 0 ? rows[i * n + j]! / rest : rating[j]! > 0 ? 1 / others : 0;
      }
    }
    return out;
  },
};

/** Identities that answer the same are scored as one and share its score (false names, facts 3 and 4). */
export const quotient: Defence = { name: 'quotient', quotient: true };

/** Stake above the part `most` of the total does not rate. */
export function stakeCap(most = 0.2): Defence {
  checkPart('most', most);
  return { name: `stake cap(${most})`, ratingShare: most };
}

/** The part `rate` of all stake is burnt in every block. */
export function decay(rate = 0.01): Defence {
  checkPart('rate', rate);
  return { name: `decay(${rate})`, burns: rate };
}

/** The shift mu counts only raters with at least `least` times the mean stake (fact 2). */
export function shiftOverStaked(least = 0.01): Defence {
  checkNonNegative('least', least);
  return { name: `shift over staked(${least})`, shiftOver: { rule: 'staked', least } };
}

/** The shift mu divides by the effective number of raters, (sum s)^2 / sum s^2 (fact 2). */
export const shiftOverEffective: Defence = { name: 'shift over effective number', shiftOver: { rule: 'effective' } };

/** Coming in costs `price` times the mean first stake of a player, for every identity. */
export function entryCost(price = 0.05): Defence {
  checkNonNegative('price', price);
  return { name: `entry cost(${price})`, entryCost: price };
}

/** Answers louder than `loudest` times an honest one are scaled down to that, as a norm bound on responses does. */
export function boundedAnswers(loudest = 1): Defence {
  if (!(checkNumber('loudest', loudest) > 0)) throw domain('loudest', loudest, 'must be above 0');
  return { name: `bounded answers(${loudest})`, loudest };
}

/** Several defences, each at its own step; where two change the same step, the later one reads what the earlier one made. */
export function together(defences: readonly Defence[]): Defence {
  const numbers = <T>(pick: (defence: Defence) => T | undefined): T[] => defences.flatMap((d) => pick(d) ?? []) as T[];
  const having = <K extends 'record' | 'weigh' | 'rate' | 'settle'>(step: K) => defences.filter((d) => d[step] !== undefined);
  const [recording, weighing, rated, settling] = [having('record'), having('weigh'), having('rate'), having('settle')];
  const last = defences.findLast((d) => d.shift !== undefined || d.shiftOver !== undefined);
  const shares = numbers((d) => d.ratingShare);
  return {
    name: defences.length === 0 ? paper.name : defences.map(({ name }) => name).join(' + '),
    ...(recording.length === 0
      ? {}
      : { record: (current: Float64Array, proposed: Float64Array) => recording.reduce((row, d) => d.record!(current, row), proposed) }),
    ...(weighing.length === 0
      ? {}
      : {
          weighsOnce: weighing.every((d) => d.weighsOnce === true),
          weigh: (rows: Float64Array, rating: Float64Array, n: number) => weighing.reduce((all, d) => d.weigh!(all, rating, n), rows),
        }),
    ...(shares.length === 0 ? {} : { ratingShare: Math.min(...shares) }),
    ...(rated.length === 0 ? {} : { rate: (stake: Float64Array) => rated.reduce((s, d) => d.rate!(s), stake) }),
    burns: 1 - numbers((d) => d.burns).reduce((kept, rate) => kept * (1 - rate), 1),
    ...(settling.length === 0 ? {} : { settle: (stake: Float64Array) => settling.reduce((s, d) => d.settle!(s), stake) }),
    quotient: defences.some((d) => d.quotient === true),
    loudest: Math.min(Number.POSITIVE_INFINITY, ...numbers((d) => d.loudest)),
    entryCost: numbers((d) => d.entryCost).reduce((sum, price) => sum + price, 0),
    ...(last?.shift === undefined ? {} : { shift: last.shift.bind(last) }),
    ...(last?.shiftOver === undefined ? {} : { shiftOver: last.shiftOver }),
  };
}

/** Every defence by the word that the command line uses, with the settings that may follow it. */
export const DEFENCES: Readonly<Record<string, (...settings: number[]) => Defence>> = {
  paper: () => paper,
  'bounded-answers': (loudest) => boundedAnswers(loudest),
  'bounded-rows': (epsilon) => boundedRows(epsilon),
  'maximum-weight': (most) => maximumWeight(most),
  'consensus-clip': (kappa, pull) => consensusClip(kappa, pull),
  'consensus-pull': (beta, kappa) => consensusPull(beta, kappa),
  'no-self-weight': () => noSelfWeight,
  'others-only': () => othersOnly,
  quotient: () => quotient,
  'stake-cap': (most) => stakeCap(most),
  decay: (rate) => decay(rate),
  'shift-over-staked': (least) => shiftOverStaked(least),
  'shift-over-effective': () => shiftOverEffective,
  'entry-cost': (price) => entryCost(price),
};

function domain(argument: string, value: number, text: string): InputError {
  return new InputError('BTM_DOMAIN', text, { argument, value });
}

function checkPart(argument: string, value: number): void {
  const part = checkNumber(argument, value);
  if (part < 0 || part > 1) throw domain(argument, value, 'must lie in [0, 1]');
}
