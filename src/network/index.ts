/** Peers that query one another: identities, transports, deadlines, admission and counting. */
export type { AdmissionOptions, Stake } from './admission.js';
export { type BanOptions, DEFAULT_BANS } from './bans.js';
export {
  type BroadcastOptions,
  type BroadcastResult,
  broadcast,
  renormalise,
  type SendBackOptions,
  type SendBackResult,
  sendBack,
} from './broadcast.js';
export { type Clock, systemClock } from './clock.js';
export type { PeerTraffic, ServiceCounters } from './counters.js';
export { DEFAULT_DEADLINE, type DeadlineOptions } from './deadline.js';
export { createIdentity, type Identity, isPeerKey, verifySignature } from './identity.js';
export type { Discovery } from './libp2p/node.js';
export { type Libp2pOptions, Libp2pTransport } from './libp2p/transport.js';
export { createHub, type Hub } from './memory.js';
export { type CallOptions, Network, type NetworkOptions, type QueryOptions } from './network.js';
export { errorBound } from './quantise.js';
export type { HandlerContext, Handlers, ServiceOptions } from './service.js';
export { blockOf } from './tensor.js';
export {
  type AnnouncementListener,
  type Answer,
  DEFAULT_LIMITS,
  type Failure,
  type Limits,
  type Outcome,
  type PeerKey,
  type Receiver,
  type RefusalCode,
  type Request,
  type RequestKind,
  type Tensor,
  type Traffic,
  type Transport,
  TransportError,
  type WireType,
} from './types.js';
