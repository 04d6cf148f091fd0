/** One batch to many peers: k_best asked, k_min needed, late ones cancelled, missing ones masked out. */
import { InputError } from '../core/errors.js';
import { checkInteger, checkNonNegative, checkNonNegativeVector } from '../core/validate.js';
import { checkPeerKey } from './identity.js';
import type { Network } from './network.js';
import { blockOf, checkTensor, elementCount } from './tensor.js';
import type { Outcome, PeerKey, Tensor } from './types.js';

/** What to ask of whom. */
export interface BroadcastOptions {
  /** Candidates; the order is the order of the responses. */
  readonly peers: readonly PeerKey[];
  /** [batch, ...], sent to every peer that is asked. */
  readonly input: Tensor;
  /** Numbers per response row. */
  readonly width: number;
  /** Gate weights, one per candidate: the heaviest are asked. Left out: all equal, so the first in order. */
  readonly weights?: Float64Array;
  /** Peers to ask. Default: all. */
  readonly kBest?: number;
  /** Answers without which the result is `tooFew`. Default: 1. */
  readonly kMin?: number;
  /** Once kMin answered, wait only this much longer for the others. Left out: each has its own deadline. */
  readonly grace_ms?: number;
  /** Deadline of every call. Left out: adaptive per peer. */
  readonly deadline_ms?: number;
  readonly signal?: AbortSignal;
}

/** Who answered, and what. */
export interface BroadcastResult {
  readonly status: 'answered' | 'tooFew';
  /** [batch, peers, width]; zeros where nothing came. */
  readonly responses: Float32Array;
  /** [peers]; 1 where a response came. */
  readonly answered: Uint8Array;
  /** [peers]; the gate weights over those that answered, renormalised to sum 1, exactly 0 elsewhere. */
  readonly weights: Float64Array;
  /** [peers]; null where nobody asked. */
  readonly outcomes: readonly (Outcome<Tensor> | null)[];
  readonly elapsed_ms: number;
}

/**
 * Asks the best peers for their responses to one batch.
 *
 * @shape input [batch, ...]; responses [batch, peers, width]; answered, weights [peers]
 * @param network the asking peer.
 * @param options candidates, input, and how many are asked and needed.
 * @returns responses with zeros for the missing, who answered, and the weights renormalised over them.
 * @throws InputError when sizes disagree, kMin exceeds kBest, or an input is not finite.
 * @paper section 1.6 step 2
 */
export async function broadcast(network: Network, options: BroadcastOptions): Promise<BroadcastResult> {
  const { kBest, kMin, weights, grace_ms } = checkOptions(options);
  const { peers, input, width, deadline_ms, signal } = options;
  const started_ms = network.clock.now();
  const { chosen, ignoreBan } = choose(network, peers, weights, kBest);
  const late = new AbortController();
  const cancel = () => late.abort();
  signal?.addEventListener('abort', cancel, { once: true });
  if (signal?.aborted) cancel();

  let good = 0;
  let cancelGrace = () => {};
  const outcomes: (Outcome<Tensor> | null)[] = peers.map(() => null);
  const ask = async (index: number) => {
    const outcome = await network.query(peers[index], input, {
      width,
      signal: late.signal,
      ignoreBan,
      ...(deadline_ms === undefined ? {} : { deadline_ms }),
    });
    outcomes[index] = outcome;
    if (outcome.ok) good++;
    if (outcome.ok && good === kMin && grace_ms !== undefined) cancelGrace = network.clock.after(grace_ms, cancel);
  };
  await Promise.all(chosen.map(ask));
  cancelGrace();
  signal?.removeEventListener('abort', cancel);

  const answered = Uint8Array.from(outcomes, (outcome) => (outcome?.ok ? 1 : 0));
  return {
    status: good >= kMin ? 'answered' : 'tooFew',
    responses: gather(outcomes, input.shape[0], width),
    answered,
    weights: renormalise(weights, answered),
    outcomes,
    elapsed_ms: network.clock.now() - started_ms,
  };
}

/** Gradients to send back. */
export interface SendBackOptions {
  readonly peers: readonly PeerKey[];
  readonly input: Tensor;
  readonly width: number;
  /** [batch, peers, width]: dL/dF. */
  readonly gradients: Float32Array;
  /** [peers]; who answered the query. The others get nothing. */
  readonly answered: Uint8Array;
  readonly deadline_ms?: number;
  readonly signal?: AbortSignal;
}

/** What came back. */
export interface SendBackResult {
  /** Shaped as the input: the sum of dL/dx over peers; a missing one counts as zero. */
  readonly inputGradient: Float32Array;
  /** [peers]; null where nothing was sent. */
  readonly outcomes: readonly (Outcome<Tensor | null> | null)[];
}

/**
 * Sends each peer its slice of dL/dF, with the inputs it belongs to, and sums what they return.
 *
 * @shape gradients [batch, peers, width]; inputGradient as input
 * @returns the summed input gradient; peers that fail contribute exactly zero.
 * @throws InputError when sizes disagree.
 * @paper section 1.6 step 3
 */
export async function sendBack(network: Network, options: SendBackOptions): Promise<SendBackResult> {
  const { peers, input, width, gradients, answered, deadline_ms, signal } = options;
  const batch = input.shape[0];
  checkLength('gradients', gradients.length, batch * peers.length * width);
  checkLength('answered', answered.length, peers.length);
  const callOptions = { ...(deadline_ms === undefined ? {} : { deadline_ms }), ...(signal === undefined ? {} : { signal }) };
  const outcomes = await Promise.all(
    peers.map((peer, index) => {
      if (answered[index] === 0) return null;
      const gradient = { shape: [batch, width], data: blockOf(gradients, batch, peers.length, width, index) };
      return network.backward(peer, input, gradient, callOptions);
    }),
  );
  const inputGradient = new Float32Array(elementCount(input.shape));
  for (const outcome of outcomes) {
    if (outcome?.ok !== true || outcome.value === null) continue;
    const { data } = outcome.value;
    for (let i = 0; i < inputGradient.length; i++) inputGradient[i] += data[i];
  }
  return { inputGradient, outcomes };
}

/** Weights over those that answered: exactly 0 for the others, sum 1 if any mass is left, all 0 otherwise. */
export function renormalise(weights: Float64Array, answered: Uint8Array): Float64Array {
  const kept = weights.map((weight, index) => (answered[index] === 1 ? weight : 0));
  let sum = 0;
  for (const weight of kept) sum += weight;
  return sum > 0 ? kept.map((weight) => weight / sum) : kept;
}

/** The kBest heaviest candidates that are not banned; when all are, the ban is ignored. Ties keep the given order. */
function choose(network: Network, peers: readonly PeerKey[], weights: Float64Array, kBest: number) {
  const order = peers.map((_, index) => index).sort((a, b) => weights[b] - weights[a] || a - b);
  const open = order.filter((index) => !network.isBanned(peers[index]));
  const ignoreBan = open.length === 0;
  return { chosen: (ignoreBan ? order : open).slice(0, kBest), ignoreBan };
}

function gather(outcomes: readonly (Outcome<Tensor> | null)[], batch: number, width: number): Float32Array {
  const peers = outcomes.length;
  const responses = new Float32Array(batch * peers * width);
  outcomes.forEach((outcome, index) => {
    if (outcome?.ok !== true) return;
    for (let row = 0; row < batch; row++) {
      responses.set(outcome.value.data.subarray(row * width, (row + 1) * width), (row * peers + index) * width);
    }
  });
  return responses;
}

function checkOptions(options: BroadcastOptions) {
  const { peers, input, width, grace_ms } = options;
  for (const peer of peers) checkPeerKey('peers', peer);
  if (peers.length === 0) throw new InputError('BTM_SHAPE', 'must name at least one peer', { argument: 'peers', value: 0 });
  checkTensor('input', input);
  checkInteger('width', width, 1);
  const kBest = checkInteger('kBest', options.kBest ?? peers.length, 1, peers.length);
  const kMin = checkInteger('kMin', options.kMin ?? 1, 0, kBest);
  if (grace_ms !== undefined) checkNonNegative('grace_ms', grace_ms);
  const weights = checkNonNegativeVector('weights', options.weights ?? new Float64Array(peers.length).fill(1), peers.length);
  return { kBest, kMin, weights, grace_ms };
}

function checkLength(argument: string, actual: number, expected: number): void {
  if (actual !== expected) throw new InputError('BTM_SHAPE', `must have length ${expected}, got ${actual}`, { argument, value: actual });
}
