/** `intermodel ledger audit`: recomputes a participant's row from what it published and says whether it is the one on the ledger. */
import { createHash } from 'node:crypto';
import type { Backend } from '../backend/index.js';
import { InputError } from '../core/errors.js';
import { removalScores } from '../curvature.js';
import { type Audit, auditRow, type Ledger, type PublicKey } from '../ledger/index.js';
import { type RankInput, readRankInput } from './rank-input.js';

export interface AuditReport extends Audit {
  readonly key: PublicKey;
  /** SHA-256 of the evidence: every array and name in it, in a fixed order. */
  readonly evidence: string;
  /** Whether the participant's endpoint, or the caller, declared this hash; null where none was declared. */
  readonly evidenceDeclared: boolean | null;
  readonly scores: readonly { readonly key: PublicKey; readonly score: number }[];
}

/** Hash of what a participant publishes: names, sizes, responses, head, labels. Independent of how its files are laid out. */
export function evidenceHash(input: RankInput): string {
  const hash = createHash('sha256');
  const numbers = (values: ArrayLike<number>): void => {
    const bytes = Buffer.alloc(8 * values.length);
    for (let at = 0; at < values.length; at++) bytes.writeDoubleLE(values[at] ?? 0, 8 * at);
    hash.update(`${values.length}:`).update(bytes);
  };
  hash.update(JSON.stringify(['intermodel evidence 1', input.names, input.loss, input.batch, input.peers, input.width]));
  numbers(input.responses);
  for (const layer of input.head.layers) {
    hash.update(layer.activation);
    numbers(layer.weights);
    numbers(layer.bias);
  }
  numbers(input.labels ?? []);
  numbers(input.targets ?? []);
  return hash.digest('hex');
}

/** Recomputes the row of `key` from the evidence file; its names must be public keys of participants. */
export async function audit(ledger: Ledger, key: PublicKey, path: string, backend: Backend, declared?: string): Promise<AuditReport> {
  const input = await readRankInput(path);
  const { labels, targets, names, ...data } = input;
  const { scores, status } = removalScores({
    ...data,
    estimator: 'gaussNewton',
    reduction: 'mean',
    ...(labels === undefined ? {} : { labels }),
    ...(targets === undefined ? {} : { targets }),
    backend,
  });
  if (status !== 'ok') throw new InputError('BTM_DOMAIN', `gives no scores (${status})`, { argument: path });
  const evidence = evidenceHash(input);
  const endpoint = ledger.state().participant(key)?.endpoint ?? '';
  const published = declared ?? /sha256=([0-9a-f]{64})/.exec(endpoint)?.[1];
  return {
    ...auditRow(ledger.published(key), new Map(names.map((name, at) => [name, scores[at] ?? 0]))),
    key,
    evidence,
    evidenceDeclared: published === undefined ? null : published === evidence,
    scores: names.map((name, at) => ({ key: name, score: scores[at] ?? 0 })),
  };
}
