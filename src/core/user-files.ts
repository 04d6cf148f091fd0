/**
 * Files and folders that a user names. What is to be written is checked before the work begins, and written whole or not at all; every failure
 * says what is wrong, with which path, and what to do.
 */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, type FileHandle, link, open, readFile, realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { EnvironmentError, InputError } from './errors.js';

const REASONS: Readonly<Record<string, readonly [reason: string, remedy: string]>> = {
  ENOENT: ['no such file or folder', 'Check the path.'],
  ENOTDIR: ['a part of the path is a file, not a folder', 'Check the path.'],
  EISDIR: ['it is a folder', 'Name a file.'],
  EACCES: ['permission denied', 'Choose a path that you may use, or change its permissions.'],
  EPERM: ['permission denied', 'Choose a path that you may use, or change its permissions.'],
  EROFS: ['the file system is read-only', 'Choose a path on another file system.'],
  ENOSPC: ['the disk is full', 'Free some space, or choose a path on another disk.'],
  EDQUOT: ['the disk quota is used up', 'Free some space, or choose a path on another disk.'],
  EEXIST: ['there is a file already', 'Choose a path where there is no file yet.'],
  ENAMETOOLONG: ['the name is too long', 'Choose a shorter path.'],
  ELOOP: ['the links in the path form a loop', 'Check the path.'],
  EMFILE: ['too many files are open', 'Close some, or raise the limit (ulimit -n).'],
};

/** Whether an error came from the operating system. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

/** A failure of the file system as a typed error. `action` is what could not be done, such as `cannot write x.json`. */
export function fileError(action: string, path: string, error: unknown, argument?: string): EnvironmentError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const [reason, remedy] = REASONS[code] ?? [message, 'Check the path and its permissions.'];
  const where = argument === undefined ? '' : ` (${argument})`;
  return new EnvironmentError('BTM_IO', `${action}${where}: ${reason}`, [{ what: path, reason: message }], [remedy]);
}

/** The bytes of a file. @throws EnvironmentError BTM_IO */
export async function readUserFile(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw fileError(`cannot read ${path}`, path, error);
  }
}

/** The value in a JSON file. @throws EnvironmentError BTM_IO, InputError BTM_TYPE with line and column */
export async function readUserJson(path: string): Promise<unknown> {
  return parseJson(path, new TextDecoder().decode(await readUserFile(path)));
}

/**
 * The value of a JSON text.
 *
 * @param argument how the text is called in the error: its path, or the name of an option
 * @throws InputError BTM_TYPE that says in which line and column it stops being JSON, and what to do about NaN and Infinity
 */
export function parseJson(argument: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const number = nonFinite(text);
    if (number !== undefined) {
      throw new InputError('BTM_TYPE', `is not JSON: ${number.word} at ${placeOf(text, number.at)}, which JSON does not have`, {
        argument,
        value: number.word,
        remedy: 'Replace or leave out entries that are not finite; Python refuses to write them with json.dump(..., allow_nan=False).',
      });
    }
    const at = /at position (\d+)/.exec((error as Error).message)?.[1];
    const place = at === undefined ? '' : ` at ${placeOf(text, Number(at))}`;
    throw new InputError('BTM_TYPE', `is not JSON${place}: ${(error as Error).message}`, { argument });
  }
}

/** The first NaN or Infinity outside of a string. */
function nonFinite(text: string): { readonly word: string; readonly at: number } | undefined {
  for (const match of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"|-?(?:NaN|nan|Infinity|inf)\b/g)) {
    if (!match[0].startsWith('"')) return { word: match[0], at: match.index };
  }
  return undefined;
}

function placeOf(text: string, at: number): string {
  const before = text.slice(0, at).split('\n');
  return `line ${before.length}, column ${(before.at(-1) as string).length + 1}`;
}

/** What goes into a file: at once, or piece by piece. */
export type Content = string | Uint8Array | AsyncIterable<string>;

/** A file that was checked before the work and is written after it. */
export interface OutputFile {
  readonly path: string;
  /** Writes the whole file: another process sees the old content or the new one, never a part. @throws EnvironmentError BTM_IO */
  write(content: Content): Promise<void>;
}

export interface OutputFileOptions {
  /** Never writes over a file that is there. */
  readonly exclusive?: boolean;
  /** Permissions of a new file; default 0o666 less the umask. */
  readonly mode?: number;
  /** Endings that the name may have, such as `.json`. */
  readonly endings?: readonly string[];
}

/**
 * Checks that a file can be written, before the work whose result goes into it. Nothing is created yet.
 *
 * @param argument the option that named it, such as `--out`
 * @throws InputError BTM_DOMAIN for an ending that is not allowed; EnvironmentError BTM_IO for a path that cannot be written
 */
export async function outputFile(argument: string, path: string, options: OutputFileOptions = {}): Promise<OutputFile> {
  const { endings, exclusive = false } = options;
  if (path === '') throw new InputError('BTM_DOMAIN', 'must name a file, got an empty name', { argument, value: path });
  if (endings !== undefined && !endings.some((ending) => path.endsWith(ending)))
    throw new InputError('BTM_DOMAIN', `must end in ${endings.join(' or ')}, got '${path}'`, { argument, value: path });
  try {
    const there = await found(path);
    if (there?.isDirectory() === true) throw system('EISDIR', 'it is a folder');
    if (there !== undefined && exclusive) throw system('EEXIST', 'there is a file already');
    if (there !== undefined) await access(path, constants.W_OK);
    if (there === undefined || there.isFile()) await checkFolder(dirname(await target(path)));
  } catch (error) {
    throw fileError(`cannot write ${path}`, path, error, argument);
  }
  return { path, write: (content) => writeWhole(path, content, options, argument) };
}

/**
 * Checks that files can be written into a folder that is there, or that it can be made. Nothing is created yet.
 *
 * @throws EnvironmentError BTM_IO
 */
export async function checkOutputFolder(argument: string, path: string): Promise<void> {
  try {
    let folder = resolve(path);
    while ((await found(folder)) === undefined && folder !== dirname(folder)) folder = dirname(folder);
    await checkFolder(folder);
  } catch (error) {
    throw fileError(`cannot write to ${path}`, path, error, argument);
  }
}

async function found(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function checkFolder(folder: string): Promise<void> {
  if (!(await stat(folder)).isDirectory()) throw system('ENOTDIR', 'it is not a folder');
  await access(folder, constants.W_OK | constants.X_OK);
}

function system(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code, syscall: 'open' });
}

/** Where a link leads: the file it names is replaced, not the link. */
async function target(path: string): Promise<string> {
  return (await found(path)) === undefined ? resolve(path) : realpath(path);
}

/** Through a file of another name in the same folder, synced and renamed. Pipes and devices are written to as they are. */
async function writeWhole(path: string, content: Content, options: OutputFileOptions, argument: string): Promise<void> {
  const { exclusive = false, mode = 0o666 } = options;
  let part: string | undefined;
  try {
    const there = await found(path);
    if (there !== undefined && !there.isFile()) return await into(await open(path, 'w'), content, false);
    const place = await target(path);
    part = join(dirname(place), `.${basename(place)}.${randomBytes(6).toString('hex')}.part`);
    await into(await open(part, 'wx', there === undefined ? mode : there.mode & 0o777), content, true);
    if (exclusive) await link(part, place);
    else await rename(part, place);
  } catch (error) {
    if (!isSystemError(error)) throw error; // what made the content failed
    throw fileError(`cannot write ${path}`, path, error, argument);
  } finally {
    if (part !== undefined) await rm(part, { force: true });
  }
}

async function into(file: FileHandle, content: Content, sync: boolean): Promise<void> {
  try {
    await writeFile(file, content);
    if (sync) await file.sync();
  } finally {
    await file.close();
  }
}
