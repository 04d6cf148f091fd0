/** Strategies and defences by their words, as the command line and maps name them: `stake-cap:0.1`, `others-only+decay`. */
import { InputError } from '../core/errors.js';
import { DEFENCES } from './defences.js';
import { STRATEGIES } from './strategies.js';
import type { Defence, Strategy } from './types.js';

/**
 * The strategy of a word, with its settings after colons: `cabal:0.5`.
 *
 * @throws InputError BTM_DOMAIN for an unknown word or setting, naming the argument and what there is
 */
export const strategyOf = (words: string, argument: string): Strategy => made(STRATEGIES, words, argument);

/**
 * The defences of words joined by '+', each with its settings after colons: `others-only+stake-cap:0.1`.
 *
 * @throws InputError BTM_DOMAIN for an unknown word or setting, naming the argument and what there is
 */
export const defencesOf = (words: string, argument: string): Defence[] => words.split('+').map((one) => made(DEFENCES, one, argument));

function made<T>(known: Readonly<Record<string, (...settings: number[]) => T>>, words: string, argument: string): T {
  const [word, ...texts] = words.split(':') as [string, ...string[]];
  const make = Object.hasOwn(known, word) ? known[word] : undefined;
  if (make === undefined) {
    const remedy = `Use one of ${Object.keys(known).join(', ')}.`;
    throw new InputError('BTM_DOMAIN', `is not known: '${word}'`, { argument, value: word, remedy });
  }
  const settings = texts.map(Number);
  const wrong = texts.findIndex((text, k) => text.trim() === '' || Number.isNaN(settings[k]));
  if (wrong >= 0 || settings.length > make.length) {
    const remedy = `${word} takes ${make.length === 0 ? 'no number' : `at most ${make.length} number(s) after colons`}.`;
    throw new InputError('BTM_DOMAIN', `cannot be read: '${words}'`, { argument, value: words, remedy });
  }
  return make(...settings);
}
