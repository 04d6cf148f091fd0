/** Queries and gradients sent only to the peers that a gate chose, sample by sample, with students standing in for the absent. */
import type { Network, Outcome, PeerKey, Tensor } from '../../network/index.js';
import type { StudentCache } from '../students/student-cache.js';

/** A batch, and whom to ask about each sample of it. */
export interface RoutedQuery {
  readonly network: Network;
  /** Keys by position; a position that is never chosen may hold the asker itself. */
  readonly peers: readonly PeerKey[];
  /** `[batch, inputWidth]` */
  readonly inputs: Float32Array;
  readonly batch: number;
  readonly width: number;
  /** `[batch, k]` positions, -1 for none. Left out: every peer is asked about every sample. */
  readonly selected?: Int32Array;
  /** Answers for peers that fail, where it holds their students. */
  readonly students?: StudentCache;
  readonly deadline_ms?: number;
  readonly signal?: AbortSignal;
}

/** Who answered for a position. */
export type Origin = 'peer' | 'student' | 'nobody' | 'unasked';

/** What came back. */
export interface RoutedResponses {
  /** `[batch, peers, width]`; zeros where nothing was asked or nothing came. */
  readonly responses: Float64Array;
  /** `[batch, peers]`; 1 where the peer or its student answered. */
  readonly answered: Int32Array;
  readonly origins: readonly Origin[];
  /** Samples that each position was asked about. */
  readonly rows: readonly Int32Array[];
  /** Outcomes of the calls; null where no peer was asked. */
  readonly outcomes: readonly (Outcome<Tensor> | null)[];
}

/** Asks each chosen peer about its samples only. A peer that fails is replaced, in position, by its student if the cache holds it. */
export async function askChosen(query: RoutedQuery): Promise<RoutedResponses> {
  const { network, peers, batch, width, students } = query;
  const rows = query.selected === undefined ? everyRow(query) : rowsByPeer(query.selected, batch, peers.length);
  const responses = new Float64Array(batch * peers.length * width);
  const answered = new Int32Array(batch * peers.length);
  const origins: Origin[] = peers.map(() => 'unasked');
  const outcomes: (Outcome<Tensor> | null)[] = peers.map(() => null);
  const place = (position: number, values: ArrayLike<number>): void => {
    rows[position].forEach((row, at) => {
      const to = row * peers.length + position;
      for (let m = 0; m < width; m++) responses[to * width + m] = values[at * width + m];
      answered[to] = 1;
    });
  };
  const ask = async (position: number): Promise<void> => {
    if (rows[position].length === 0) return;
    const part = pick(query.inputs, rows[position], batch);
    const outcome = await network.query(peers[position], part, { width, ...callOptions(query) });
    outcomes[position] = outcome;
    const values = outcome.ok ? outcome.value.data : students?.respond(peers[position], part.data, rows[position].length);
    origins[position] = outcome.ok ? 'peer' : values === undefined ? 'nobody' : 'student';
    if (values !== undefined) place(position, values);
  };
  await Promise.all(peers.map((_, position) => ask(position)));
  return { responses, answered, origins, rows, outcomes };
}

/**
 * Sends each peer that answered the gradient of its own samples, with the inputs it belongs to. Students get none: they are held fixed.
 * @param gradient dL/dF `[batch, peers, width]`
 * @returns outcomes; null where nothing was sent. A failed one is a zero gradient.
 */
export function returnGradients(
  query: RoutedQuery,
  answers: RoutedResponses,
  gradient: Float64Array,
): Promise<readonly (Outcome<Tensor | null> | null)[]> {
  const { network, peers, batch, width } = query;
  return Promise.all(
    peers.map((peer, position) => {
      if (answers.origins[position] !== 'peer') return null;
      const rows = answers.rows[position];
      const own = new Float32Array(rows.length * width);
      rows.forEach((row, at) => {
        const from = (row * peers.length + position) * width;
        own.set(gradient.subarray(from, from + width), at * width);
      });
      return network.backward(peer, pick(query.inputs, rows, batch), { shape: [rows.length, width], data: own }, callOptions(query));
    }),
  );
}

function callOptions({ deadline_ms, signal }: RoutedQuery) {
  return { ...(deadline_ms === undefined ? {} : { deadline_ms }), ...(signal === undefined ? {} : { signal }) };
}

function rowsByPeer(selected: Int32Array, batch: number, peers: number): Int32Array[] {
  const rows: number[][] = Array.from({ length: peers }, () => []);
  selected.forEach((position, at) => {
    if (position >= 0) rows[position].push(Math.floor((at * batch) / selected.length));
  });
  return rows.map((list) => Int32Array.from(list));
}

function everyRow({ network, peers, batch }: RoutedQuery): Int32Array[] {
  const all = Int32Array.from({ length: batch }, (_, row) => row);
  return peers.map((peer) => (peer === network.self ? new Int32Array(0) : all));
}

function pick(inputs: Float32Array, rows: Int32Array, batch: number): Tensor {
  const inputWidth = inputs.length / batch;
  if (rows.length === batch) return { shape: [batch, inputWidth], data: inputs }; // each sample at most once, so these are all
  const data = new Float32Array(rows.length * inputWidth);
  rows.forEach((row, at) => {
    data.set(inputs.subarray(row * inputWidth, (row + 1) * inputWidth), at * inputWidth);
  });
  return { shape: [rows.length, inputWidth], data };
}
