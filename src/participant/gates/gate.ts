/** Which gate a participant uses. */
import type { Backend } from '../../backend/index.js';
import type { AdamOptions } from '../models/adam.js';
import type { TrainableGate } from './mixture.js';
import { ProductKeyGate } from './product-key-gate.js';
import { SparseGate } from './sparse-gate.js';

/** How a gate chooses. */
export interface GateSettings {
  /** 'sparse' scores every peer; 'productKey' finds the best from two codebooks, without noise and balance. */
  readonly kind: 'sparse' | 'productKey';
  /** Peers asked per sample; 0 for all of them. */
  readonly k: number;
  /** Weight of the balance loss. */
  readonly balance: number;
  /** Starting standard deviation of the noise on the scores while training. */
  readonly noise: number;
}

/** What every gate of a run shares. */
export interface GatePlace {
  readonly peers: number;
  readonly contextWidth: number;
  /** Peers that are never asked, for instance the participant itself. */
  readonly closed: readonly number[];
  readonly optimiser: AdamOptions;
  readonly seed: number;
  /** Names this gate among all that are drawn from the seed. */
  readonly stream: readonly number[];
  readonly backend?: Backend;
}

/** Numbers per code of a product-key gate. */
const CODE_WIDTH = 8;

/** A gate that has learnt nothing yet. @throws InputError BTM_DOMAIN when k exceeds the open peers */
export function createGate({ kind, k, balance, noise }: GateSettings, place: GatePlace): TrainableGate {
  const asked = k === 0 ? place.peers - place.closed.length : k;
  if (kind === 'productKey') return new ProductKeyGate({ ...place, k: asked, codeWidth: CODE_WIDTH });
  return new SparseGate({ ...place, k: asked, balance, noise });
}
