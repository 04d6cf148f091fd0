/** What one file says of one or several models: a row of numbers for each sample. */

/** One model's answers as a file holds them. */
export interface Answers {
  readonly name: string;
  /** Where they came from, for errors. */
  readonly source: string;
  readonly samples: number;
  readonly width: number;
  /** [samples, width], row-major. A row of NaN alone means that there is no answer. */
  readonly values: Float64Array | Float32Array;
  /** [samples]; null where samples are known by their place. */
  readonly ids: readonly string[] | null;
  /** [width], names of the classes; null where columns are known by their place. */
  readonly columns: readonly string[] | null;
  readonly kind?: 'probabilities' | 'logits' | 'features' | 'scores';
  /** [samples]: the right answers, where the file holds them too. */
  readonly labels?: readonly string[];
  /** Mean cost of a sample, where the file holds costs. */
  readonly cost?: number;
}

/** One value a sample: labels, groups or weights. */
export interface Column {
  readonly source: string;
  readonly values: readonly string[];
  readonly ids: readonly string[] | null;
}

/** A model's name from its file's: the name without folder and ending; folders are added where names would be equal. */
export function namesFromPaths(paths: readonly string[]): string[] {
  const parts = paths.map((path) =>
    path
      .replace(/\\/g, '/')
      .replace(/\.[^./]+$/, '')
      .split('/')
      .filter((part) => part !== '' && part !== '.'),
  );
  const depth = (k: number): string[] => parts.map((part) => part.slice(-k).join('/') || 'stdin');
  const deepest = Math.max(...parts.map((part) => part.length), 1);
  for (let k = 1; k <= deepest; k++) {
    const names = depth(k);
    if (new Set(names).size === names.length) return names;
  }
  return depth(1).map((name, index) => `${name} (${index + 1})`);
}
