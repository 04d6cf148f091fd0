/** What the numbers say about one model, in words. */
import type { Estimate } from './resample.js';

/** A verdict with what it rests on. */
export interface Verdict {
  readonly code: 'keep' | 'carriesClass' | 'copy' | 'redundant' | 'noEffect' | 'harmful';
  readonly text: string;
}

/** What a verdict is reached from. */
export interface Evidence {
  readonly worth: Estimate;
  /** Holm-corrected p-value of the worth. */
  readonly worthP: number;
  /** After refitting; null where nothing was refitted. */
  readonly refitted: Estimate | null;
  readonly refittedP: number;
  /** Names of its copies. */
  readonly copies: readonly string[];
  /** The most similar other model. */
  readonly nearest: string | null;
  /** [classes]: mean worth over the samples of each class. */
  readonly byClass: readonly number[];
  readonly classNames: readonly string[];
  readonly level: number;
}

/** Share of a model's worth that one class must hold for the model to carry it. */
const MOST_OF_IT = 0.6;

/** The verdict, from strong statements to weak ones. */
export function verdictOf(evidence: Evidence): Verdict {
  const { worth, worthP, refitted, refittedP, copies, nearest, level } = evidence;
  const alpha = 1 - level;
  const useful = worth.value > 0 && worthP < alpha;
  const needed = refitted === null ? useful : refitted.value > 0 && refittedP < alpha;
  const harmful = refitted === null ? worth.value < 0 && worthP < alpha : refitted.value < 0 && refittedP < alpha;
  if (harmful) return { code: 'harmful', text: 'harmful: the pool does better without it' };
  if (copies.length > 0) return { code: 'copy', text: `copy of ${copies.join(', ')}` };
  if (useful && !needed) {
    return { code: 'redundant', text: nearest === null ? 'redundant with the others' : `redundant with the others, most like ${nearest}` };
  }
  if (!useful && !needed) return { code: 'noEffect', text: 'no effect found' };
  const carried = carriedClass(evidence);
  if (carried !== null) return { code: 'carriesClass', text: `worth keeping: carries class ${carried}` };
  return { code: 'keep', text: 'worth keeping' };
}

function carriedClass({ byClass, classNames }: Evidence): string | null {
  if (byClass.length < 3) return null;
  const total = byClass.reduce((sum, value) => sum + Math.max(0, value), 0);
  const most = byClass.reduce((best, value, c) => (value > byClass[best] ? c : best), 0);
  return total > 0 && byClass[most] > MOST_OF_IT * total ? classNames[most] : null;
}
