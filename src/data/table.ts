/** Tables of text or numbers, column by column, whatever file they come from. */
import { InputError } from '../core/errors.js';

/** One column. */
export interface TableColumn {
  readonly name: string;
  /** [rows], NaN for an empty cell; null when some cell is not a number. */
  readonly numbers: Float64Array | null;
  text(row: number): string;
}

/** A table with named columns. */
export interface Table {
  /** Where it came from, for errors. */
  readonly source: string;
  readonly rows: number;
  readonly columns: readonly TableColumn[];
}

/** The column with one of the names, whatever their case. */
export function findColumn(table: Table, names: readonly string[]): TableColumn | undefined {
  return table.columns.find(({ name }) => names.includes(name.trim().toLowerCase()));
}

/** The column of that name, or an error that lists those there are. */
export function needColumn(table: Table, name: string): TableColumn {
  const found = table.columns.find((column) => column.name === name) ?? findColumn(table, [name.toLowerCase()]);
  if (found !== undefined) return found;
  const there = table.columns.map((column) => column.name).join(', ');
  throw new InputError('BTM_DOMAIN', `has no column '${name}'`, { argument: table.source, value: name, remedy: `It has ${there}.` });
}

/** Numbers of a column, each of them there and finite. */
export function numbersOf(table: Table, column: TableColumn): Float64Array {
  for (let row = 0; row < table.rows; row++) {
    const value = column.numbers?.[row] ?? Number.NaN;
    if (!Number.isFinite(value)) {
      throw new InputError('BTM_TYPE', `column '${column.name}', row ${row + 1} is '${column.text(row)}', not a number`, {
        argument: table.source,
        index: row,
        value: column.text(row),
      });
    }
  }
  return column.numbers as Float64Array;
}

/** Collects the cells of one column as they come: numbers while they are numbers, else text. */
export class ColumnBuilder {
  #numbers = new Float64Array(64);
  #texts: string[] | null;
  #numeric = true;
  #rows = 0;

  /** `keepText` keeps every cell as it was written, for identifiers such as 007. */
  constructor(
    readonly name: string,
    keepText: boolean,
  ) {
    this.#texts = keepText ? [] : null;
  }

  get rows(): number {
    return this.#rows;
  }

  add(cell: string): void {
    const value = numberOf(cell);
    if (this.#numeric && value === undefined) this.#giveUpNumbers();
    if (this.#rows === this.#numbers.length) {
      const larger = new Float64Array(2 * this.#rows);
      larger.set(this.#numbers);
      this.#numbers = larger;
    }
    this.#numbers[this.#rows] = value ?? Number.NaN;
    this.#texts?.push(cell);
    this.#rows += 1;
  }

  build(): TableColumn {
    const numbers = this.#numbers.slice(0, this.#rows);
    const texts = this.#texts;
    return { name: this.name, numbers: this.#numeric ? numbers : null, text: (row) => texts?.[row] ?? String(numbers[row]) };
  }

  #giveUpNumbers(): void {
    this.#numeric = false;
    this.#texts ??= Array.from(this.#numbers.subarray(0, this.#rows), (value) => (Number.isNaN(value) ? '' : String(value)));
  }
}

const MISSING: readonly string[] = ['', 'na', 'n/a', 'nan', 'null', 'none', '-'];
const INFINITE: Readonly<Record<string, number>> = {
  inf: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  '-infinity': Number.NEGATIVE_INFINITY,
};

/** A cell as a number: NaN where it is empty, undefined where it is something else. */
export function numberOf(cell: string): number | undefined {
  const text = cell.trim();
  const value = Number(text);
  if (text !== '' && !Number.isNaN(value)) return value;
  const lower = text.toLowerCase();
  if (MISSING.includes(lower)) return Number.NaN;
  if (lower === 'true') return 1;
  if (lower === 'false') return 0;
  return INFINITE[lower];
}
