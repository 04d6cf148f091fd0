/** What became of the rows that a participant wrote. */
import { EnvironmentError } from '../core/errors.js';

/** Rows written, and how many are in blocks. */
export interface RowsWritten {
  readonly submitted: number;
  readonly accepted: number;
  /** Refused ones by code; `lost` for one that was taken and is in no block. */
  readonly refused: Readonly<Record<string, number>>;
}

/** Counts rows as they are submitted and as blocks close. */
export class RowBook {
  #submitted = 0;
  #accepted = 0;
  readonly #refused: Record<string, number> = {};
  /** Whether a row was taken into the block that is open. */
  #open = false;

  get counts(): RowsWritten {
    return { submitted: this.#submitted, accepted: this.#accepted, refused: { ...this.#refused } };
  }

  /** A row was submitted, and this was the answer. */
  submitted(code: string): void {
    this.#submitted++;
    if (code === 'ok') this.#open = true;
    else this.#refuse(code);
  }

  /** Blocks closed. Another writer of the same store may have closed one first, and the row no longer fit the one after it. */
  closed(rowIsIn: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    if (rowIsIn) this.#accepted++;
    else this.#refuse('lost');
  }

  /** A run whose rows never reached the ledger has measured for nothing, and says so. @throws EnvironmentError BTM_IO */
  checkArrived(name: string): void {
    if (this.#submitted === 0 || this.#accepted > 0) return;
    const attempts = Object.entries(this.#refused).map(([code, times]) => ({ what: `${times} rows`, reason: code }));
    const problem = `none of the ${this.#submitted} rows of ${name} is on the ledger`;
    throw new EnvironmentError(
      'BTM_IO',
      problem,
      attempts.length > 0 ? attempts : [{ what: 'the rows', reason: 'taken, and in no block' }],
    );
  }

  #refuse(code: string): void {
    this.#refused[code] = (this.#refused[code] ?? 0) + 1;
  }
}
