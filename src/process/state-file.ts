/** The file that keeps what a participant has learnt. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { EnvironmentError, InputError } from '../core/errors.js';
import type { ForkProof } from '../ledger/index.js';
import { decodeSaved, encodeSaved, type Saved } from '../participant/saved.js';

/** Replaces the file at once: a reader, or a restart, finds the old state or the new one. */
export async function writeState(path: string, saved: Saved): Promise<void> {
  try {
    await writeFile(`${path}.new`, encodeSaved(saved), { mode: 0o600 });
    await rename(`${path}.new`, path);
  } catch (error) {
    throw failure('write', path, error);
  }
}

/** Writes the proof that a coordinator signed two histories beside the state file, for others to check with `verifyForkProof`. */
export async function writeProof(path: string, proof: ForkProof): Promise<void> {
  const beside = `${path}.fork.json`;
  try {
    await writeFile(beside, `${JSON.stringify(proof, undefined, 2)}\n`);
  } catch (error) {
    throw failure('write', beside, error);
  }
}

/** What the file holds; null when there is none. @throws InputError BTM_TYPE when it is not a state, EnvironmentError BTM_IO when it cannot be read */
export async function readState(path: string): Promise<Saved | null> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw failure('read', path, error);
  }
  try {
    return decodeSaved(bytes);
  } catch (error) {
    throw new InputError('BTM_TYPE', `is not the state of a participant: ${(error as Error).message}`, {
      argument: path,
      remedy: 'Name another file, or remove it to begin anew.',
    });
  }
}

function failure(verb: string, path: string, error: unknown): EnvironmentError {
  const cures = ['check the path, its permissions and the space left'];
  return new EnvironmentError('BTM_IO', `cannot ${verb} ${path}`, [{ what: path, reason: (error as Error).message }], cures);
}
