/** A participant that comes back to a coordinator with another history leaves the proof beside its state file. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { createKey, memoryStore, openLedger, type Store, signHead, TOKEN, verifyForkProof } from '../../src/ledger/index.js';
import { createIdentity, Libp2pTransport } from '../../src/network/index.js';
import { runPeer } from '../../src/process/peer.js';
import { parsePeerConfig } from '../../src/process/peer-config.js';
import { readState, writeState } from '../../src/process/state-file.js';
import { Coordinator } from '../../src/run/coordinator.js';
import { ForkError } from '../../src/run/head-watch.js';
import { smallRoster } from './small-roster.js';

t.setTimeout(120_000);

const seedOf = (number: number) => new Uint8Array(32).fill(number);
const members = [1, 2, 3].map((number) => createKey(seedOf(number)));
const keeper = createKey(seedOf(9));
const genesis = { participants: members.map(({ publicKey }) => ({ key: publicKey, stake: 5n * TOKEN })) };

/** A ledger of one block in which this endpoint is written. */
async function history(endpoint: string): Promise<{ readonly store: Store; readonly chain: string }> {
  const store = memoryStore();
  const ledger = await openLedger({ store, genesis });
  ledger.submitAction(members[0], { kind: 'setEndpoint', endpoint });
  await ledger.closeBlock();
  return { store, chain: ledger.chain };
}

t.test('the proof is written, once it is one; the state stays as it was', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'intermodel-fork-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [before, now] = [await history('one'), await history('other')];
  const seen = signHead(before.chain, await before.store.head(), keeper);
  const transport = await Libp2pTransport.start({ identity: createIdentity(seedOf(9)), listen: ['/ip4/127.0.0.1/tcp/0'] });
  const coordinator = await Coordinator.start({ transport, store: now.store, key: keeper, onFailure: () => {} });
  t.teardown(() => coordinator.close());
  const config = (state: string) =>
    parsePeerConfig({
      ...{ formatVersion: 1, identity: '01'.repeat(32), seed: 7, state },
      coordinator: { key: keeper.publicKey, addresses: transport.addresses() },
      settings: { participants: 3, width: 4 },
    });
  const saved = { chain: Buffer.from(before.chain, 'hex'), head: new TextEncoder().encode(JSON.stringify(seen)) };
  const path = join(folder, 'state');
  await writeState(path, saved);
  const failure = await runPeer(config(path), { roster: smallRoster }).catch((error: unknown) => error);
  t.ok(failure instanceof ForkError, String(failure));
  const proof = JSON.parse(readFileSync(`${path}.fork.json`, 'utf8'));
  t.match(verifyForkProof(proof), { key: keeper.publicKey, chain: before.chain, height: 1 });
  t.match(proof, { lower: seen });
  t.same(await readState(path), saved);

  const older = join(folder, 'older');
  const ahead = signHead(before.chain, { height: 2, hash: '5'.repeat(64) }, keeper);
  await writeState(older, { ...saved, head: new TextEncoder().encode(JSON.stringify(ahead)) });
  await t.rejects(runPeer(config(older), { roster: smallRoster }), { message: /ends at block 1; this participant has seen block 2/ });
  t.notOk(existsSync(`${older}.fork.json`), 'an older copy proves nothing');

  const nowhere = join(folder, 'gone');
  await writeState(nowhere, saved);
  mkdirSync(`${nowhere}.fork.json`);
  await t.rejects(runPeer(config(nowhere), { roster: smallRoster }), { code: 'BTM_IO', message: /cannot write .*gone\.fork\.json/ });
});
