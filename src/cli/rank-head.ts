/** `intermodel rank --head FILE`: what each peer is worth to a head of the user's own, from one file. */
import { basename } from 'node:path';
import { packageVersion } from '../backend/index.js';
import type { OutputFile } from '../core/user-files.js';
import { type Estimator, type Reduction, type RemovalScores, removalScores } from '../curvature.js';
import type { JoinedPool } from '../data/index.js';
import type { Loss } from '../head.js';
import { type BackendFlags, backendOf } from './backend-option.js';
import { jsonLine } from './output.js';
import { joinFiles, type PoolFlags, readPoolFiles } from './pool-input.js';
import { printOut } from './print.js';
import { type RankInput, readHeadFile, readRankInput } from './rank-input.js';
import { textTable } from './text-table.js';

/** Options of this form of the command. */
export interface RankHeadFlags extends BackendFlags {
  readonly estimator: Estimator;
  readonly reduction: Reduction;
  readonly loss?: Loss;
  readonly draws: number;
  readonly seed: number;
  readonly json?: boolean;
  readonly out?: string;
}

/** What `rank` saves and, with --json, prints. */
interface RankOutput {
  readonly kind: 'intermodel-rank';
  readonly formatVersion: 1;
  readonly version: string;
  readonly backend: { readonly kind: string; readonly isa: string };
  readonly input: string;
  readonly estimator: string;
  readonly loss: string;
  readonly reduction: string;
  /** Draws and seed of the Monte-Carlo Fisher; null for the others, which draw nothing. */
  readonly draws: number | null;
  readonly seed: number | null;
  readonly batch: number;
  /** Null where the peers differ; then `widths` are given. */
  readonly width: number | null;
  readonly widths?: readonly number[];
  readonly status: RemovalScores['status'];
  readonly peers: readonly RankedPeer[];
  /** With reduction 'none': the scores of every sample, [batch][peers]. */
  readonly perSample?: readonly (readonly number[])[];
}

interface RankedPeer {
  readonly name: string;
  /** 1 is the highest score; equal scores share the better position. */
  readonly position: number;
  readonly score: number;
  /** Part of the sum of all scores; null when that sum is not positive. */
  readonly share: number | null;
  /** How large the dropped linear term was; null without labels or targets. */
  readonly linearShare: number | null;
}

/** Scores the peers of an input file and prints them; saves only where --out says. */
export async function rankHead(path: string, flags: RankHeadFlags, file: OutputFile | undefined): Promise<void> {
  return show(rank(basename(path), await readRankInput(path), flags), flags, file);
}

/** The same for a head in one file and the answers of its peers, in their order, in others. */
export async function rankHeadOverFiles(
  files: readonly string[],
  flags: RankHeadFlags & PoolFlags,
  file: OutputFile | undefined,
): Promise<void> {
  const pool = await joinFiles(await readPoolFiles(files, { ...flags, head: 'stacking' }), flags);
  const { head, loss } = await readHeadFile(
    flags.head,
    pool.models.reduce((sum, { answers }) => sum + answers.length / pool.labels.length, 0),
  );
  return show(rank(basename(flags.head), { ...peersOf(pool, flags.baseline), head, loss }, flags), flags, file);
}

/** Answers side by side, and the mean of each model's as its baseline. */
function peersOf({ models, labels }: JoinedPool, baseline: 'mean' | 'zero'): Omit<RankInput, 'head' | 'loss'> {
  const batch = labels.length;
  const widths = models.map(({ answers }) => answers.length / batch);
  const inputs = widths.reduce((sum, width) => sum + width, 0);
  const responses = new Float64Array(batch * inputs);
  const means = new Float64Array(inputs);
  let first = 0;
  models.forEach(({ answers, answered }, i) => {
    const width = widths[i];
    const count = answered === undefined ? batch : answered.reduce((sum, given) => sum + given, 0);
    for (let s = 0; s < batch; s++) {
      if (answered?.[s] === 0) continue;
      for (let c = 0; c < width; c++) {
        const value = answers[s * width + c];
        responses[s * inputs + first + c] = value;
        means[first + c] += value / count;
      }
    }
    first += width;
  });
  return {
    names: models.map(({ name }) => name),
    responses,
    labels: Float64Array.from(labels),
    targets: undefined,
    batch,
    peers: models.length,
    widths,
    ...(baseline === 'mean' ? { baseline: means } : {}),
    ...(models.every(({ answered }) => answered === undefined) ? {} : { answered: answeredOf(models, batch) }),
  };
}

function answeredOf(models: JoinedPool['models'], batch: number): Uint8Array {
  return Uint8Array.from({ length: batch * models.length }, (_, cell) => {
    return models[cell % models.length].answered?.[Math.floor(cell / models.length)] ?? 1;
  });
}

async function show(output: RankOutput, flags: RankHeadFlags, file: OutputFile | undefined): Promise<void> {
  await file?.write(file.path.endsWith('.csv') ? csv(output) : `${JSON.stringify(output, null, 1)}\n`);
  const saved = file === undefined ? '' : `\nsaved to ${file.path}`;
  printOut(flags.json === true ? jsonLine(output) : `${describe(output)}${saved}`);
  if (output.status !== 'ok') process.exitCode = 1;
}

function rank(inputName: string, input: RankInput, flags: RankHeadFlags): RankOutput {
  const backend = backendOf(flags);
  const loss = flags.loss ?? input.loss;
  const { labels, targets, names, ...data } = input;
  const result = removalScores({
    ...data,
    loss,
    estimator: flags.estimator,
    reduction: flags.reduction,
    ...(labels === undefined ? {} : { labels }),
    ...(targets === undefined ? {} : { targets }),
    ...(flags.estimator === 'monteCarloFisher' ? { draws: flags.draws, seed: flags.seed } : {}),
    backend,
  });
  const scores = overSamples(result.scores, input, flags.reduction);
  const linear = result.linearShare === null ? null : overSamples(result.linearShare, input, flags.reduction);
  const total = scores.reduce((sum, score) => sum + score, 0);
  const random = flags.estimator === 'monteCarloFisher';
  const { kind, isa } = backend.describe();
  return {
    kind: 'intermodel-rank',
    formatVersion: 1,
    version: packageVersion,
    backend: { kind, isa },
    input: inputName,
    estimator: result.estimator,
    loss: result.loss,
    reduction: result.reduction,
    draws: random ? flags.draws : null,
    seed: random ? flags.seed : null,
    batch: input.batch,
    width: input.width ?? null,
    ...(input.widths === undefined ? {} : { widths: input.widths }),
    status: result.status,
    peers: names.map((name, peer) => ({
      name,
      position: 1 + scores.filter((score) => score > scores[peer]!).length,
      score: scores[peer]!,
      share: total > 0 ? scores[peer]! / total : null,
      linearShare: linear?.[peer] ?? null,
    })),
    ...(flags.reduction === 'none' ? { perSample: rows(result.scores, input.peers) } : {}),
  };
}

/** With reduction 'none' the table shows the mean over the samples; the file holds every one. */
function overSamples(values: Float64Array, input: RankInput, reduction: Reduction): number[] {
  if (reduction !== 'none') return [...values];
  return input.names.map((_, peer) => rows(values, input.peers).reduce((sum, row) => sum + row[peer]!, 0) / input.batch);
}

function rows(values: Float64Array, columns: number): number[][] {
  return Array.from({ length: values.length / columns }, (_, row) => [...values.subarray(row * columns, (row + 1) * columns)]);
}

function describe(output: RankOutput): string {
  const order = [...output.peers].sort((a, b) => a.position - b.position);
  const body = order.map((peer) => [
    String(peer.position),
    peer.name,
    peer.score.toPrecision(6),
    peer.share === null ? '-' : `${(100 * peer.share).toFixed(1)} %`,
    peer.linearShare === null ? '-' : peer.linearShare.toFixed(3),
  ]);
  const over = output.reduction === 'none' ? 'mean' : output.reduction;
  const drawn = output.draws === null ? '' : `, ${output.draws} draws a sample, seed ${output.seed}`;
  const lines = [
    `${output.estimator} over ${output.loss}, ${over} over ${output.batch} samples of ${output.input}${drawn}`,
    `backend ${output.backend.kind} (${output.backend.isa}), intermodel ${output.version}`,
    '',
    textTable(['position', 'peer', 'score', 'share', 'linear share'], body, [0, 2, 3, 4]),
    '',
  ];
  if (output.peers[0]?.linearShare === null) lines.push('The linear share needs labels or targets in the file (R-03).');
  if (output.status === 'overflow') lines.push('A score is beyond the range of f64: scale the responses or the head down.');
  return lines.join('\n');
}

function csv(output: RankOutput): string {
  const quote = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = output.peers.map((peer) =>
    [quote(peer.name), peer.position, peer.score, peer.share ?? '', peer.linearShare ?? ''].join(','),
  );
  return `name,position,score,share,linear_share\n${lines.join('\n')}\n`;
}
