/** Reads what participants send to the coordinator, and what it answers. Whatever does not have the form of a message is a `MessageError`. */

import { createHash } from 'node:crypto';
import { isUint8Array } from '../core/typed-arrays.js';
import type { Barrier, Hello, ParticipantResult, PeerProgress, RejoinRequest } from './protocol.js';
import type { RunSettings } from './settings.js';
import { MessageError } from './value.js';

/** Rounds and heights are counts of a run, not just any numbers. */
const MOST_ROUNDS = 100_000_000;

const BARRIERS: readonly Barrier['kind'][] = ['asked', 'learnt', 'published', 'block', 'followed'];

export function readBarrier(value: unknown): Barrier {
  const { kind, round, height } = record(value);
  const known = BARRIERS.find((name) => name === kind);
  if (known === undefined) throw new MessageError('not a kind of barrier');
  if (known === 'block' || known === 'followed') return { kind: known, round: count('round', round), height: count('height', height) };
  return { kind: known, round: count('round', round) };
}

export function readRejoin(value: unknown): RejoinRequest {
  return { round: count('round', record(value)['round']) };
}

export function readHeight(value: unknown): number {
  return count('height', value);
}

export function readProgress(value: unknown): PeerProgress {
  const { phase, done, total, loss } = record(value);
  const progress = { phase: text('phase', phase, 32), done: count('done', done), total: count('total', total) };
  return typeof loss === 'number' && Number.isFinite(loss) ? { ...progress, loss } : progress;
}

export function readHello(value: unknown): Hello {
  const { protocol, settings, inputWidth, width, session } = record(value);
  return {
    protocol: count('protocol', protocol),
    settings: text('settings', settings, 64),
    inputWidth: count('inputWidth', inputWidth),
    width: count('width', width),
    session: text('session', session, 64),
  };
}

export function readBytes(value: unknown): Uint8Array {
  if (isUint8Array(value)) return value;
  throw new MessageError('not bytes');
}

/** The session a message names; empty where it names none. */
export function sessionOf(value: unknown): string {
  const session = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)['session'] : undefined;
  return typeof session === 'string' ? session : '';
}

/** A result as far as whoever prints it relies on it; what else it holds is its sender's affair. */
export function readResult<Result extends ParticipantResult>(value: unknown, participants: number): Result {
  const { index, encoder, trainSamples, validationSamples, measurement, evaluation, mask, losses, absences } = record(value);
  count('index', index);
  text('encoder', encoder, 1024);
  count('trainSamples', trainSamples);
  count('validationSamples', validationSamples);
  const measured = record(measurement);
  for (const name of ['ideal', 'ablation', 'shapley']) numbers(name, measured[name], participants);
  numbers('gram', measured['gram'], participants * participants);
  finite('linearShare', measured['linearShare']);
  numbers('mask', mask, participants);
  for (const name of ['head', 'own', 'gate', 'proxy']) {
    const { loss, accuracy } = record(record(evaluation)[name]);
    finite(`${name}.loss`, loss);
    if (accuracy !== null) finite(`${name}.accuracy`, accuracy);
  }
  for (const row of list('losses', losses)) numbers('losses', row, 5);
  list('absences', absences).forEach(record);
  return value as Result;
}

/** SHA-256 of the settings of a run and its seed: equal for all its participants. */
export function settingsHash(settings: RunSettings, seed: number): string {
  const sorted = Object.entries({ ...settings, seed }).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash('sha256').update(JSON.stringify(sorted)).digest('hex');
}

function record(value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new MessageError('not a record');
}

function list(name: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new MessageError(`${name} is not a list`);
}

function count(name: string, value: unknown): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) <= MOST_ROUNDS) return value as number;
  throw new MessageError(`${name} is not a count`);
}

function finite(name: string, value: unknown): void {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new MessageError(`${name} is not a finite number`);
}

function numbers(name: string, value: unknown, length: number): void {
  const entries = list(name, value);
  if (entries.length !== length) throw new MessageError(`${name} has ${entries.length} entries, not ${length}`);
  for (const entry of entries) finite(name, entry);
}

function text(name: string, value: unknown, most: number): string {
  if (typeof value === 'string' && value.length <= most) return value;
  throw new MessageError(`${name} is not a text of at most ${most} characters`);
}
