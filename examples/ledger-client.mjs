/**
 * A client of a ledger: it opens one in a file, writes a row within the step bound, closes a block, keeps a proof, and finds everything
 * again after opening the file a second time. Any change to the file would be found then.
 *
 * Run: `node ledger-client.mjs [FILE]`; without a file the ledger lives in memory.
 */
import { boundedStep, createKey, memoryStore, openLedger, rowToParts, TOKEN, verifyProof } from 'intermodel/ledger';

const alice = createKey(new Uint8Array(32).fill(1)); // a fixed seed, so that the example prints the same every time
const bob = createKey(new Uint8Array(32).fill(2));
const path = process.argv[2];
const place = path === undefined ? { store: memoryStore() } : { path };
const genesis = {
  participants: [
    { key: alice.publicKey, stake: 3n * TOKEN },
    { key: bob.publicKey, stake: 1n * TOKEN },
  ],
};

const ledger = await openLedger({ ...place, genesis });
const state = ledger.state();
const row = boundedStep(state.denseRow(alice.publicKey), rowToParts([0.2, 0.8]), state.parameters.epsilon);
const receipt = ledger.submitAction(alice, { kind: 'setWeights', row: { targets: [alice.publicKey, bob.publicKey], weights: row } });
const { height, hash } = await ledger.closeBlock();
console.log(`row ${receipt.code}, block ${height}`);
const tokens = (units) => (Number(units) / Number(TOKEN)).toFixed(3);
console.log(`stake: alice ${tokens(ledger.state().stake(alice.publicKey))}, bob ${tokens(ledger.state().stake(bob.publicKey))}`);

const proof = await ledger.prove(alice.publicKey);
console.log(`proven from the hash of the block alone: ${typeof verifyProof(proof, hash) !== 'string'}`);
await ledger.close();

if (path !== undefined) {
  const again = await openLedger({ path, genesis }); // replays and checks every block
  console.log(`read back at block ${again.head().height}`);
  await again.close();
}
