/** What a user's own module is told, and what it returns. `examples/own-participant.ts` is one. */

import type { Backend } from '../backend/index.js';
import type { ResponseModel } from '../participant/models/model.js';
import type { Samples } from '../participant/samples.js';
import type { Relay, RowWriter } from '../run/member.js';
import type { RunSettings } from '../run/settings.js';

/** What the module's function is told. */
export interface PluginContext {
  /** Its position on the ledger. */
  readonly index: number;
  /** Participants of the network, itself included. */
  readonly peers: number;
  /** Numbers per response that the network agreed on. */
  readonly width: number;
  /** Numbers per sample that all participants ask with, where the configuration says. Its samples and its encoder need as many. */
  readonly inputWidth?: number;
  readonly seed: number;
  readonly settings: RunSettings;
  readonly backend: Backend;
  /** Asks another participant. */
  readonly relay: Relay;
}

/** What the module's function returns. */
export interface PluginParticipant {
  readonly name?: string;
  /** Maps [batch, inputWidth] to [batch, width]: a plain function, a tensorflow.js model, anything. Inputs may be followed by its proxy's response. */
  readonly encoder: ResponseModel;
  /** Learns what the network answers; a small dense net where it is left out. */
  readonly proxy?: ResponseModel;
  /** Its own samples, and the loss that they ask for. */
  readonly data: Samples;
  /** Samples it measures its peers on. */
  readonly validation: Samples;
  /** Outputs of its head: classes, or numbers it predicts. */
  readonly outputs: number;
  /** What it writes to the ledger in place of what it measured. */
  readonly writes?: RowWriter;
}

/** What such a module exports as its default. */
export type CreateParticipant = (context: PluginContext) => PluginParticipant | Promise<PluginParticipant>;
