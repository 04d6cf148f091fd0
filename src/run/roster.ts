/** A roster fills the places of a run from its settings, its data and its seed alone, so that any process can build the participant of any place. */
import type { Backend } from '../backend/index.js';
import type { DataDescription } from '../data/dataset.js';
import type { Member, Relay } from './member.js';
import type { RunSettings } from './settings.js';

/** What a roster is drawn from. */
export interface RosterRequest {
  readonly settings: RunSettings;
  readonly seed: number;
  /** 'mnist', 'text', 'table', FILE.csv#COLUMN, or a folder of IDX files. */
  readonly data: string;
}

/** What a roster chooses its own defaults by. */
export interface RosterQuestion extends Pick<RosterRequest, 'seed' | 'data'> {
  /** Settings that were asked for. */
  readonly given: Partial<RunSettings>;
}

/** What is known of a roster before anything is built. */
export interface RosterPlan {
  /** By position on the ledger. */
  readonly names: readonly string[];
  /** Numbers per sample. */
  readonly inputWidth: number;
}

/** A participant of a roster and its data. */
export interface RosterMember {
  readonly member: Member;
  readonly data: DataDescription;
}

/** Fills the places of a run. */
export interface Roster {
  /** Settings that suit its data, for those that were not asked for. @throws InputError when the data is too small */
  defaults(question: RosterQuestion): Promise<Partial<RunSettings>>;
  /** @throws InputError for settings that it cannot fill, EnvironmentError without the data */
  plan(request: RosterRequest): Promise<RosterPlan>;
  /** Builds the participant of one place. */
  build(index: number, request: RosterRequest & { readonly backend: Backend }, relay: Relay): Promise<RosterMember>;
}
