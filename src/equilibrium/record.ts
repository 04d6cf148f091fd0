/** What a run keeps along the way. */
import type { Backend } from '../backend/index.js';
import { checkInteger } from '../core/validate.js';
import { networkRanking } from '../ranking.js';
import type { SearchValues } from '../reference/search-values.js';
import { certify } from './certificate.js';
import { diagonalOf } from './many.js';
import type { Game, RecordRule, TraceEntry } from './types.js';

/** The trace of a run, and how often it grows. */
export interface RecordedRun {
  readonly trace: readonly TraceEntry[];
  /** Steps between records; 0: none. */
  readonly every: number;
}

/** Fills a trace by a rule. */
export class Recorder implements RecordedRun {
  readonly trace: TraceEntry[];
  readonly every: number;
  readonly #rule: RecordRule;
  readonly #game: Game;
  readonly #backend: Backend;

  constructor(rule: RecordRule, trace: TraceEntry[], game: Game, backend: Backend) {
    this.every = checkInteger('record.every', rule.every ?? 0, 0);
    this.trace = trace;
    this.#rule = rule;
    this.#game = game;
    this.#backend = backend;
  }

  /** Records the state where one is due: every so many steps, and at the end. */
  look(search: SearchValues): void {
    const { step } = search;
    const isOver = search.outcome !== 'running';
    if (this.every > 0 && (step % this.every === 0 || isOver) && this.trace.at(-1)?.step !== step) this.trace.push(this.#entry(search));
  }

  #entry({ step, weights }: SearchValues): TraceEntry {
    const { n, stake } = this.#game;
    const backend = this.#backend;
    const { share, ratio } = diagonalOf(weights, n);
    return {
      step,
      residual: certify({ game: this.#game, weights, backend }).worst.natural,
      diagonalShare: share,
      diagonalRatio: Number.isFinite(ratio) ? ratio : null,
      ...((this.#rule.ranking ?? true) ? { ranking: networkRanking({ weights, stake, n, backend }) } : {}),
      ...((this.#rule.weights ?? false) ? { weights: weights.slice() } : {}),
    };
  }
}
