/** Data by name: the digits, the text that this package ships, or a folder of IDX files. */
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { packageRoot } from '../backend/index.js';
import { type DigitData, idxPathsIn, loadDigitFiles, loadMnist } from '../data/dataset.js';
import { loadText } from '../data/text.js';

/**
 * What the package's own text can carry: shards that it can fill, and fewer steps than the digits get. With more, heads
 * memorise their small shards, and on held-out text removing a useful peer then lowers the loss.
 */
export const TEXT_SETTINGS = { largestShard: 2400, rounds: 60, refitSteps: 60 } as const;

/** Loads it. */
export async function dataNamed(name: string): Promise<DigitData> {
  if (name === 'mnist') return loadMnist();
  if (name === 'text') return loadText('the text of this package, next character', ownText(), { classes: 8 });
  return loadDigitFiles(name, idxPathsIn(name));
}

/** The same data, named so that it is found from anywhere: a folder is looked for from `here`. */
export function placeOfData(name: string, here: string): string {
  return name === 'mnist' || name === 'text' ? name : resolve(here, name);
}

/** The Markdown files that ship with the package, in a fixed order. */
function ownText(): string[] {
  const docs = join(packageRoot, 'docs');
  const files = readdirSync(docs, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md'));
  return [join(packageRoot, 'README.md'), ...files.sort().map((file) => join(docs, file))];
}
