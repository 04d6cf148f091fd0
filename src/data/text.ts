/**
 * Text as labelled samples: from the characters before it, which character comes next?
 *
 * A sample is a window of characters, one-hot encoded as an image of [context, alphabet] pixels, so that participants take
 * text and digits by the same code. The label is the next character, one of the most frequent ones.
 */
import { readFile } from 'node:fs/promises';
import { EnvironmentError, InputError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import type { DigitData, ImageDataset } from './dataset.js';

/** Letters, space, digits as one symbol, then everything else as one symbol. */
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz .,#';
const OTHER = ALPHABET.length;

/** Symbols of the encoding: the width of a sample's image. */
export const TEXT_SYMBOLS = ALPHABET.length + 1;

/** Characters of a block; every fifth block is kept from training. */
const BLOCK = 500;

/** How text becomes samples. */
export interface TextOptions {
  /** Characters that a sample shows, 1 to 64. Default 8. */
  readonly context?: number;
  /** The most frequent next characters are the classes, 2 to 27. Default 10. */
  readonly classes?: number;
}

/** One string as a model takes it: [context, TEXT_SYMBOLS] one-hot, 0 or 255, the last `context` characters of it, padded in front. */
export function encodeText(text: string, context: number): Uint8Array {
  const image = new Uint8Array(context * TEXT_SYMBOLS);
  const symbols = [...normal(text)].slice(-context);
  symbols.forEach((symbol, k) => {
    image[(context - symbols.length + k) * TEXT_SYMBOLS + symbolOf(symbol)] = 255;
  });
  return image;
}

/**
 * Makes samples of a text; four fifths of its blocks are for training, no window crosses from one part into the other.
 *
 * @throws InputError BTM_SHAPE if the text is too short to hold every class in both parts
 */
export function textSamples(name: string, text: string, options: TextOptions = {}): DigitData {
  const context = checkInteger('context', options.context ?? 8, 1, 64);
  const classes = checkInteger('classes', options.classes ?? 10, 2, 27);
  const symbols = Array.from(normal(text), symbolOf);
  const classOf = classesOf(symbols, classes);
  const parts: [number[], number[]] = [[], []];
  for (let at = 0; at < symbols.length; at++) {
    const start = at % BLOCK;
    if (start >= context && classOf[symbols[at]] >= 0) parts[Math.floor(at / BLOCK) % 5 === 4 ? 1 : 0].push(at);
  }
  const [train, test] = parts.map((positions, part) =>
    dataset(`${name} (${part === 0 ? 'training' : 'test'} part)`, symbols, positions, classOf, context, classes),
  );
  for (const part of [train, test]) {
    const present = new Set(part.labels).size;
    if (present < classes) {
      throw new InputError('BTM_SHAPE', `holds only ${present} of ${classes} classes in its ${part.name}`, {
        argument: 'text',
        value: text.length,
        remedy: 'Bring more text, or ask for fewer classes.',
      });
    }
  }
  return { name, train, test };
}

/**
 * Reads text files, in the order given, into samples.
 *
 * @throws EnvironmentError BTM_IO if a file cannot be read
 */
export async function loadText(name: string, paths: readonly string[], options: TextOptions = {}): Promise<DigitData> {
  const texts = await Promise.all(
    paths.map(async (path) => {
      try {
        return await readFile(path, 'utf8');
      } catch (error) {
        throw new EnvironmentError('BTM_IO', `cannot read ${path}`, [{ what: path, reason: (error as Error).message }], ['check the path']);
      }
    }),
  );
  return textSamples(name, texts.join('\n'), options);
}

/** Lower case without accents, runs of white space as one space, digits as '#'. */
function normal(text: string): string {
  return text.normalize('NFD').replace(/\p{M}/gu, '').toLowerCase().replace(/\s+/g, ' ').replace(/\d/g, '#');
}

function symbolOf(character: string): number {
  const symbol = ALPHABET.indexOf(character);
  return symbol < 0 ? OTHER : symbol;
}

/** For each symbol its class, or -1: classes are letters and the space by falling frequency, ties in alphabetical order. */
function classesOf(symbols: readonly number[], classes: number): Int32Array {
  const counts = new Array<number>(TEXT_SYMBOLS).fill(0);
  for (const symbol of symbols) counts[symbol]++;
  const letters = Array.from({ length: 27 }, (_, symbol) => symbol).sort((a, b) => counts[b] - counts[a] || a - b);
  const classOf = new Int32Array(TEXT_SYMBOLS).fill(-1);
  letters.slice(0, classes).forEach((symbol, k) => {
    classOf[symbol] = k;
  });
  return classOf;
}

function dataset(
  name: string,
  symbols: readonly number[],
  positions: readonly number[],
  classOf: Int32Array,
  context: number,
  classes: number,
): ImageDataset {
  const size = context * TEXT_SYMBOLS;
  const images = new Uint8Array(positions.length * size);
  const labels = new Uint8Array(positions.length);
  positions.forEach((at, sample) => {
    labels[sample] = classOf[symbols[at]];
    for (let k = 0; k < context; k++) images[sample * size + k * TEXT_SYMBOLS + symbols[at - context + k]] = 255;
  });
  return { name, samples: positions.length, height: context, width: TEXT_SYMBOLS, classes, images, labels };
}
