/** The commands of `intermodel ledger` that write: key, init, submit, block, snapshot, export, import. */
import { InputError } from '../core/errors.js';
import { outputFile } from '../core/user-files.js';
import { createKey, openLedger } from '../ledger/index.js';
import { readAction, readGenesis, readKey } from './ledger-files.js';
import { type Flags, print, tokens, withLedger, withNewStore, withStore } from './ledger-place.js';
import { printBlock } from './ledger-read.js';
import { exportLedger, importLedger } from './ledger-transfer.js';

/** Where only its owner can read it; never over another file. */
export async function makeKey(file: string, flags: Flags): Promise<void> {
  const output = await outputFile('<file>', file, { exclusive: true, mode: 0o600 });
  const key = createKey();
  await output.write(`${JSON.stringify(key, undefined, 2)}\n`);
  print(flags, { publicKey: key.publicKey, file }, () => key.publicKey);
}

export async function init(place: string, genesisFile: string, flags: Flags): Promise<void> {
  const genesis = await readGenesis(genesisFile);
  await withNewStore(place, flags, async (store) => {
    if ((await store.genesis()) !== undefined) {
      throw new InputError('BTM_DOMAIN', 'has a ledger already', { argument: place, remedy: 'Choose another path or etcd prefix.' });
    }
    const ledger = await openLedger({ store, genesis });
    const { supply } = ledger.state();
    print(flags, { chain: ledger.chain, supply }, () => `chain ${ledger.chain}, supply ${tokens(supply)}`);
  });
}

export async function submit(place: string, action: string, flags: Flags & { readonly key: string }): Promise<void> {
  const key = await readKey(flags.key);
  const request = await readAction(action);
  await withLedger(place, flags, 'write', async (ledger) => {
    const answer = await ledger.submitAndClose(key, request);
    const refused = answer.code !== 'ok';
    print(flags, answer, () =>
      refused ? `refused: ${answer.code} (${answer.reason})` : `ok: in block ${answer.height}, ${answer.blockHash}`,
    );
    if (refused) process.exitCode = 1;
  });
}

export async function closeEmptyBlock(place: string, flags: Flags): Promise<void> {
  await withLedger(place, flags, 'write', async (ledger) => printBlock(await ledger.closeBlock(), flags));
}

export async function snapshot(place: string, flags: Flags & { readonly prune?: boolean }): Promise<void> {
  await withLedger(place, flags, 'write', async (ledger) => {
    const height = await ledger.snapshot({ prune: flags.prune ?? false });
    print(flags, { height }, () => `state of block ${height} kept${flags.prune === true ? ', earlier blocks forgotten' : ''}`);
  });
}

export async function exportTo(place: string, path: string, flags: Flags): Promise<void> {
  const file = await outputFile('<file>', path, { exclusive: true });
  await withStore(place, flags, async (store) => {
    const height = await exportLedger(store, file);
    print(flags, { height, file: path }, () => `${height} blocks written to ${path}`);
  });
}

export async function importFrom(file: string, place: string, flags: Flags): Promise<void> {
  await withNewStore(place, flags, async (store) => {
    const height = await importLedger(store, file);
    print(flags, { height }, () => `${height} blocks read and verified`);
  });
}
