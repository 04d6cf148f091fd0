/** Peers that query one another: identities, transports, deadlines, admission and counting. */
export type { AdmissionOptions, Stake } from './admission.js';
export { type AnnouncementOptions, DEFAULT_ANNOUNCEMENTS } from './announcements.js';
export { type BanOptions, DEFAULT_BANS } from './bans.js';
export { BoundedStore, type Kept, type StoreLimits } from './bounded-store.js';
export { type Clock, systemClock } from './clock.js';
export type { PeerTraffic, ServiceCounters } from './counters.js';
export { DEFAULT_DEADLINE, type DeadlineOptions } from './deadline.js';
export { createIdentity, type Identity, isPeerKey, verifySignature } from './identity.js';
export type { ConnectionLimits } from './libp2p/connection-gate.js';
export type { Discovery } from './libp2p/discovery.js';
export { type Libp2pOptions, Libp2pTransport } from './libp2p/transport.js';
export { createHub, type Hub, type HubOptions } from './memory.js';
export { Network } from './network.js';
export type { AnnouncementHandler, CallOptions, NetworkOptions, QueryOptions, RefusalReport } from './options.js';
export { errorBound } from './quantise.js';
export { RefusalLog, type RefusalReason, type SenderRefusals } from './refusals.js';
export type { HandlerContext, Handlers, ServiceOptions } from './service.js';
export { Supervisor, type TaskFailure } from './supervisor.js';
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
