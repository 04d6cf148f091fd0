/** The run of participants: settings, protocol, clients of peers and ledger, coordinator, and many participants in one process. See docs/concepts/participant.md. */

export { type LocalParticipant, type LocalRun, type LocalRunHooks, type LocalRunOptions, openLocalRun, runLocally } from './local-run.js';
export type { Member, MemberFactory, Relay, RowSight, RowWriter } from './member.js';
export type { ParticipantRun } from './participant-run.js';
export { type PlayingOptions, type PlayingRosterOptions, playing, playingRoster } from './playing.js';
export type { ParticipantResult } from './protocol.js';
export type { Roster, RosterMember, RosterPlan, RosterRequest } from './roster.js';
export type { BlockRecord, RunRecord } from './run-record.js';
export type { Phase, RunProgress, RunState, RunView } from './run-state.js';
export {
  describeSettings,
  participantSettings,
  RUN_DEFAULTS,
  type RunSettings,
  resolveSettings,
  type SettingDescription,
} from './settings.js';
