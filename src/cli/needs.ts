/** The optional packages that a command will use, so that one message names all that are missing before anything starts. */
import { type Feature, missingError, missingPackages } from '../core/optional-packages.js';

/** What each command uses, given the words after its name. Commands that are not listed use no optional package. */
const NEEDS: Readonly<Record<string, (words: readonly string[]) => readonly Feature[]>> = {
  demo: (words) => [...training(words), 'report', ...(words.includes('--processes') ? (['network'] as const) : [])],
  distill: (words) => [
    ...training(words),
    ...(words.includes('libp2p') || words.includes('--transport=libp2p') ? (['network'] as const) : []),
  ],
  ledger: (words) => ['configuration', ...(words[0] === 'serve' ? (['network'] as const) : [])],
  peer: (words) => (words[0] === 'init' ? ['configuration'] : ['configuration', 'network']),
  rank: (words) => [...answers(words), ...(isHead(words) ? (['configuration'] as const) : [])],
  report: () => ['configuration', 'report'],
  select: answers,
  simulate: () => ['report'],
};

/** Files of answers by their endings, and a page where one is asked for. */
function answers(words: readonly string[]): readonly Feature[] {
  const ends = (...endings: readonly string[]) => words.some((word) => endings.some((ending) => word.toLowerCase().endsWith(ending)));
  return [
    ...(ends('.csv', '.tsv') ? (['tables'] as const) : []),
    ...(ends('.parquet') ? (['parquet'] as const) : []),
    ...(ends('.html') ? (['report'] as const) : []),
  ];
}

/** Whether `rank` is given a file with a head. */
function isHead(words: readonly string[]): boolean {
  return words.some((word) => word.endsWith('.json')) && !words.some((word) => word === '--labels' || word.startsWith('--labels='));
}

/** Participants train on data that a package ships, or on a file that a package reads. */
function training(words: readonly string[]): readonly Feature[] {
  const joined = words.find((word) => word.startsWith('--data='))?.slice('--data='.length);
  const data = joined ?? (words.includes('--data') ? words[words.indexOf('--data') + 1] : undefined) ?? 'mnist';
  return ['configuration', ...dataFeatures(data)];
}

function dataFeatures(data: string): readonly Feature[] {
  if (data === 'mnist') return ['digits'];
  if (data === 'text') return ['text'];
  if (data === 'table') return ['table', 'tables'];
  return answers([data.replace(/#.*$/s, '')]);
}

/**
 * Makes sure that the packages a command will use are there.
 *
 * @throws EnvironmentError BTM_NO_PACKAGE that names all that are missing and one line that installs them.
 */
export function checkNeeds(command: string, words: readonly string[]): void {
  const missing = missingNeeds(command, words);
  if (missing.length > 0) throw missingError(`intermodel ${command}`, missing);
}

/** The packages a command will use that are not installed. */
export function missingNeeds(command: string, words: readonly string[]): string[] {
  return missingPackages(NEEDS[command]?.(words) ?? []);
}
