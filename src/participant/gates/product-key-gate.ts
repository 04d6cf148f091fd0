/**
 * A product-key gate of a participant: peer i * columns + j has the key [first_i, second_j], a query is a linear map of the context, and the k best keys are found
 * from rows + columns products. Query and codebooks learn from the participant's own loss.
 */
import type { Backend } from '../../backend/index.js';
import { checkInteger } from '../../core/validate.js';
import { type ProductKeys, productKeyGate, productKeyGateGradient } from '../../gating-product-key.js';
import { normals } from '../draw.js';
import { Adam, type AdamOptions } from '../models/adam.js';
import { DenseNet } from '../models/dense-net.js';
import { partsOf, restoreArrays, type Saved } from '../saved.js';
import { type GateChoice, type GateMixture, mixChosen, type TrainableGate, throughMixture } from './mixture.js';

/** How a product-key gate chooses and learns. */
export interface ProductKeyGateSettings {
  readonly peers: number;
  readonly contextWidth: number;
  /** Peers asked per sample. */
  readonly k: number;
  /** Peers that are never asked. */
  readonly closed: readonly number[];
  /** Numbers per code. */
  readonly codeWidth: number;
  readonly optimiser: AdamOptions;
  readonly seed: number;
  readonly stream: readonly number[];
  readonly backend?: Backend;
}

/** A choice, and the queries it was made from. */
interface ProductKeyChoice extends GateChoice {
  readonly query: Float64Array;
}

/** Trainable product-key gate over ceil(sqrt(peers)) rows. */
export class ProductKeyGate implements TrainableGate {
  readonly #query: DenseNet;
  readonly #keys: ProductKeys & { readonly first: Float64Array; readonly second: Float64Array };
  readonly #adam: Adam;
  readonly #open: Int32Array;
  readonly #backend: { readonly backend?: Backend };

  constructor(readonly settings: ProductKeyGateSettings) {
    const { peers, contextWidth, codeWidth, closed, seed, stream, optimiser } = settings;
    checkInteger('k', settings.k, 1, peers - closed.length);
    this.#backend = settings.backend === undefined ? {} : { backend: settings.backend };
    const rows = Math.ceil(Math.sqrt(peers));
    const columns = Math.ceil(peers / rows);
    const codes = (book: number, count: number): Float64Array =>
      normals(seed, [...stream, book], count * codeWidth).map((z) => z / Math.sqrt(codeWidth));
    this.#keys = { first: codes(1, rows), second: codes(2, columns), rows, columns, width: codeWidth };
    this.#adam = new Adam([this.#keys.first, this.#keys.second], optimiser, settings.backend);
    this.#query = DenseNet.random({
      widths: [contextWidth, 2 * codeWidth],
      activation: 'identity',
      outputActivation: 'identity',
      seed,
      stream: [...stream, 3],
      optimiser,
      ...this.#backend,
    });
    this.#open = new Int32Array(peers).fill(1);
    for (const peer of closed) this.#open[peer] = 0;
  }

  choose(context: Float64Array, batch: number): ProductKeyChoice {
    const { peers, k } = this.settings;
    const query = this.#query.forward(context, batch);
    const best = productKeyGate({ ...this.#keys, query, k, peers, answered: this.#open, batch, ...this.#backend });
    const scores = new Float64Array(batch * peers);
    best.selected.forEach((peer, at) => {
      if (peer >= 0) scores[Math.floor(at / k) * peers + peer] = best.scores[at];
    });
    return { batch, context, query, scores, draws: null, noise: null, selected: best.selected };
  }

  mix(choice: GateChoice, responses: Float64Array, answered: Int32Array): GateMixture {
    return mixChosen(choice, responses, answered, this.settings.peers, this.settings.backend);
  }

  save(): Saved {
    return { keys: [this.#keys.first.slice(), this.#keys.second.slice()], adam: this.#adam.save(), query: this.#query.save() };
  }

  restore(saved: Saved): void {
    const parts = partsOf(saved);
    restoreArrays([this.#keys.first, this.#keys.second], parts['keys'], 'keys');
    this.#adam.restore(parts['adam'] ?? {});
    this.#query.restore(parts['query'] ?? {});
  }

  learn(choice: GateChoice, responses: Float64Array, shares: Float64Array, gradient: Float64Array): Float64Array {
    const { peers, k } = this.settings;
    const { batch, selected, context } = choice;
    const { worth, toPeers } = throughMixture(responses, shares, gradient, batch);
    const bySlot = (values: Float64Array): Float64Array =>
      Float64Array.from(selected, (peer, at) => (peer < 0 ? 0 : values[Math.floor(at / k) * peers + peer]));
    const query = 'query' in choice ? (choice as ProductKeyChoice).query : this.#query.forward(context, batch);
    const slopes = productKeyGateGradient({
      ...this.#keys,
      query,
      selected,
      weights: bySlot(shares),
      gradient: bySlot(worth),
      k,
      batch,
      ...this.#backend,
    });
    this.#adam.step([slopes.first, slopes.second]);
    this.#query.learn(context, slopes.query, batch);
    return toPeers;
  }
}
