/** Searching sets of models: every set where they are few, else removal and addition one by one, then exchanges. */

/** A set that was looked at. */
export interface Candidate {
  readonly models: readonly number[];
  readonly cost: number;
  readonly loss: number;
}

/** What a search needs to know. */
export interface SearchOptions {
  readonly costs: readonly number[];
  /** Every set is looked at for pools of at most this many models. */
  readonly exactUpTo: number;
  /** Sets that may be looked at in all. */
  readonly limit: number;
  /** Called after each set with the share of the work; may throw to stop. Resolves when the search may go on. */
  readonly onSet: (share: number) => Promise<void>;
}

/** What a search found. */
export interface SearchResult {
  /** Every set that was looked at. */
  readonly seen: readonly Candidate[];
  /** The best of each size, from 1 model to all. */
  readonly bySize: readonly Candidate[];
  readonly exact: boolean;
}

/** Looks for the best set of each size. */
export async function searchSets(lossOf: (models: readonly number[]) => number, options: SearchOptions): Promise<SearchResult> {
  const n = options.costs.length;
  const exact = n <= options.exactUpTo;
  const expected = exact ? 2 ** n - 1 : Math.min(options.limit, n * (n + 1) + 2 * n * n);
  const book = new Book(lossOf, options, expected);
  const every = Array.from({ length: n }, (_, i) => i);
  await book.look(every);
  if (exact) {
    for (let bits = 1; bits < 2 ** n; bits++) await book.look(every.filter((i) => (bits >> i) & 1));
  } else {
    await descend(book, every);
    await ascend(book, every);
    await exchange(book, every);
    while (!book.full && (await spread(book, every))) await exchange(book, every);
  }
  return { seen: book.all(), bySize: every.map((i) => book.best(i + 1)).filter((found) => found !== undefined), exact };
}

/** Every set that was looked at, each once. */
class Book {
  readonly #sets = new Map<string, Candidate>();
  readonly #best: (Candidate | undefined)[] = [];

  constructor(
    private readonly lossOf: (models: readonly number[]) => number,
    private readonly options: SearchOptions,
    private readonly expected: number,
  ) {}

  get full(): boolean {
    return this.#sets.size >= this.options.limit;
  }

  async look(models: readonly number[]): Promise<Candidate> {
    const key = models.join(',');
    const before = this.#sets.get(key);
    if (before !== undefined) return before;
    const cost = models.reduce((sum, i) => sum + this.options.costs[i], 0);
    const found = { models, cost, loss: this.lossOf(models) };
    this.#sets.set(key, found);
    const best = this.#best[models.length];
    if (best === undefined || found.loss < best.loss) this.#best[models.length] = found;
    await this.options.onSet(Math.min(0.99, this.#sets.size / this.expected));
    return found;
  }

  best(size: number): Candidate | undefined {
    return this.#best[size];
  }

  all(): Candidate[] {
    return [...this.#sets.values()];
  }
}

/** From all models down, each time without the one that is missed least. */
async function descend(book: Book, every: readonly number[]): Promise<void> {
  let models = every;
  while (models.length > 1)
    models = (
      await bestOf(
        book,
        models.map((out) => models.filter((i) => i !== out)),
      )
    ).models;
}

/** From none up, each time with the one that helps most. */
async function ascend(book: Book, every: readonly number[]): Promise<void> {
  let models: readonly number[] = [];
  while (models.length < every.length && !book.full) {
    const now = models;
    models = (
      await bestOf(
        book,
        every.filter((i) => !now.includes(i)).map((i) => [...now, i].sort((a, b) => a - b)),
      )
    ).models;
  }
}

/** Exchanges one model for another at each size while that helps. */
async function exchange(book: Book, every: readonly number[]): Promise<void> {
  for (let size = 1; size < every.length; size++) {
    for (let improved = true; improved && !book.full; ) {
      const start = book.best(size);
      if (start === undefined) break;
      const outside = every.filter((i) => !start.models.includes(i));
      improved = false;
      for (const out of start.models) {
        for (const into of outside) {
          if (book.full) return;
          const models = [...start.models.filter((i) => i !== out), into].sort((a, b) => a - b);
          if ((await book.look(models)).loss < start.loss) improved = true;
        }
      }
    }
  }
}

/** Takes one model from, and adds one to, the best set of every size; true when the best of some size has changed. */
async function spread(book: Book, every: readonly number[]): Promise<boolean> {
  const before = every.map((i) => book.best(i + 1));
  for (let size = 1; size <= every.length && !book.full; size++) {
    const models = book.best(size)?.models ?? [];
    const fewer = size > 1 ? models.map((out) => models.filter((i) => i !== out)) : [];
    const more = every.filter((i) => !models.includes(i)).map((i) => [...models, i].sort((a, b) => a - b));
    for (const next of [...fewer, ...more]) if (!book.full) await book.look(next);
  }
  return every.some((i) => book.best(i + 1) !== before[i]);
}

async function bestOf(book: Book, sets: readonly (readonly number[])[]): Promise<Candidate> {
  let best: Candidate | undefined;
  for (const models of sets) {
    const found = await book.look(models);
    if (best === undefined || found.loss < best.loss) best = found;
  }
  return best as Candidate;
}
