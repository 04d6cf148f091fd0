/** samples_<task>_<date>.jsonl of lm-evaluation-harness: log-likelihoods of the choices, or a score where text was generated. */
import { basename, dirname } from 'node:path';
import { InputError } from '../core/errors.js';
import { parseJson } from '../core/user-files.js';
import type { Answers } from './answers.js';
import { readWhole } from './bytes.js';

/** Metrics that score generated text, the first one found counts. */
const METRICS = ['exact_match', 'acc', 'pass@1', 'f1', 'bleu', 'rouge1'];

interface Sample {
  readonly id: string;
  /** Log-likelihood of each choice; null where text was generated. */
  readonly logs: readonly number[] | null;
  readonly score: number | null;
  readonly target: string | null;
}

/** Whether a file is named as the harness names them. */
export function isLmEvalPath(path: string): boolean {
  return /^samples_.*\.jsonl$/.test(basename(path));
}

/**
 * Reads one file of samples. Choices that a sample lacks have a log-likelihood of minus infinity. The model is named after the folder,
 * where the harness writes it; samples are known by `doc_hash`, or by `doc_id` where there is none.
 *
 * @throws EnvironmentError BTM_IO; InputError, naming file and line, for lines that are no such samples.
 */
export async function readLmEval(path: string): Promise<Answers> {
  const text = new TextDecoder().decode(await readWhole(path));
  const lines = text.split('\n');
  const samples = lines.flatMap((line, at) => (line.trim() === '' ? [] : [parseSample(`${path}, line ${at + 1}`, line)]));
  if (samples.length === 0) throw new InputError('BTM_SHAPE', 'holds no samples', { argument: path });
  const chosen = samples.every(({ logs }) => logs !== null);
  const width = chosen ? Math.max(...samples.map(({ logs }) => logs?.length ?? 0)) : 1;
  const values = new Float64Array(samples.length * width).fill(Number.NEGATIVE_INFINITY);
  samples.forEach(({ logs, score }, s) => {
    if (chosen) values.set(logs ?? [], s * width);
    else values[s] = score ?? Number.NaN;
  });
  const labels = samples.map(({ target }) => target ?? '');
  return {
    name: basename(dirname(path)) === '.' ? basename(path, '.jsonl') : basename(dirname(path)),
    source: path,
    samples: samples.length,
    width,
    values,
    ids: samples.map(({ id }) => id),
    columns: null,
    kind: chosen ? 'logits' : 'scores',
    ...(chosen && labels.every((label) => label !== '') ? { labels } : {}),
  };
}

function parseSample(argument: string, line: string): Sample {
  const value = parseJson(argument, line);
  if (typeof value !== 'object' || value === null || !('resps' in value || 'filtered_resps' in value)) {
    throw new InputError('BTM_TYPE', 'has no resps', { argument, remedy: 'Run the harness with --log_samples.' });
  }
  const sample = value as Record<string, unknown>;
  const id = sample['doc_hash'] ?? sample['doc_id'];
  if (typeof id !== 'string' && typeof id !== 'number') throw new InputError('BTM_TYPE', 'has neither doc_hash nor doc_id', { argument });
  const logs = logLikelihoods(sample['filtered_resps']) ?? logLikelihoods(sample['resps']);
  const metric = METRICS.find((name) => typeof sample[name] === 'number');
  if (logs === null && metric === undefined) {
    throw new InputError('BTM_TYPE', `has neither log-likelihoods nor one of the metrics ${METRICS.join(', ')}`, { argument });
  }
  return {
    id: String(id),
    logs,
    score: metric === undefined ? null : (sample[metric] as number),
    target: targetOf(sample, logs?.length ?? 0),
  };
}

/** [[-3.2, false], ...] or [[[-3.2, false]], ...]; numbers may be written as text. Null for anything else. */
function logLikelihoods(resps: unknown): number[] | null {
  if (!Array.isArray(resps) || resps.length < 2) return null;
  const logs = resps.map((resp) => {
    const pair: unknown = Array.isArray(resp) && Array.isArray(resp[0]) ? resp[0] : resp;
    if (!Array.isArray(pair) || pair.length < 2) return Number.NaN;
    return typeof pair[0] === 'number' ? pair[0] : typeof pair[0] === 'string' && pair[0].trim() !== '' ? Number(pair[0]) : Number.NaN;
  });
  return logs.some(Number.isNaN) ? null : logs;
}

/** The number of the right choice: as written, or the place of the text among the document's choices, or of a letter. */
function targetOf(sample: Record<string, unknown>, choices: number): string | null {
  const { target } = sample;
  if (typeof target === 'number' && Number.isInteger(target)) return String(target);
  if (typeof target !== 'string') return null;
  const text = target.trim();
  if (/^\d+$/.test(text) && Number(text) < choices) return text;
  const doc = sample['doc'];
  const listed = typeof doc === 'object' && doc !== null ? (doc as Record<string, unknown>)['choices'] : undefined;
  const texts = Array.isArray(listed) ? listed : (listed as { text?: unknown } | undefined)?.text;
  const place = Array.isArray(texts) ? texts.findIndex((choice) => String(choice).trim() === text) : -1;
  if (place !== -1) return String(place);
  const letter = /^\(?([A-Z])\)?$/.exec(text);
  const at = letter === null ? -1 : letter[1].charCodeAt(0) - 65;
  return at >= 0 && at < choices ? String(at) : null;
}
