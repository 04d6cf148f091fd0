/**
 * A ledger of a million participants with 64 weights each: whole blocks with signed row changes, state root included.
 *   node lib/bench/ledger/million.js [blocks = 100] [slots = 1000000] [updates a block = 16]
 */
import { signTransaction } from '../../src/ledger/index.js';
import { stateRoot } from '../../src/ledger/root.js';
import { settle } from '../../src/ledger/settle.js';
import { rowOf, type State } from '../../src/ledger/state.js';
import { closeBlock, transition } from '../../src/ledger/transition.js';
import { median, nativeProcessor, SEED, signers, sparsePages, stateOf } from './scale.js';

const [blocks = 100, slots = 1_000_000, updates = 16] = process.argv.slice(2).map(Number);
const keys = signers(256);
let state: State = stateOf(slots, sparsePages(slots, 64), keys);
const start = state.supply;
process.stderr.write(`${slots} participants built, hashing the state for the first time\n`);
let began = performance.now();
stateRoot(state);
const first_ms = performance.now() - began;
const times: number[] = [];
let minted = 0n;
for (let block = 0; block < blocks; block++) {
  began = performance.now();
  const settled = settle(state, nativeProcessor);
  let next = settled.state;
  for (let update = 0; update < updates; update++) {
    const slot = (block * updates + update) % keys.length;
    const tx = rowChange(next, slot, keys, block);
    const outcome = transition(next, tx, next.height);
    if (outcome.code !== 'ok') throw new Error(`block ${next.height}: ${outcome.code}`);
    next = outcome.state;
  }
  state = closeBlock(next);
  const root = stateRoot(state);
  times.push(performance.now() - began);
  minted += settled.settlement.minted;
  if (state.supply !== start + minted) throw new Error('supply is not start + minted');
  if ((block + 1) % 10 === 0)
    process.stderr.write(`block ${state.height}: ${times.at(-1)?.toFixed(0)} ms, supply ${state.supply}, root ${root.slice(0, 16)}\n`);
}
console.log(`n = ${slots}, 64 weights each, ${blocks} blocks of ${updates} signed rows, ${nativeProcessor.name}, seed ${SEED}`);
console.log(
  `  block time: median ${median(times).toFixed(0)} ms, longest ${Math.max(...times).toFixed(0)} ms (settle, verify, apply, Merkle root); first root ${first_ms.toFixed(0)} ms`,
);
console.log(`  supply ${start} -> ${state.supply}, minted ${minted}: start + minted exactly in every block`);
console.log(`  peak memory ${(process.resourceUsage().maxRSS / 1024).toFixed(0)} MiB; state root ${stateRoot(state)}`);

/** A small move from the row's first entry to its second, signed. */
function rowChange(from: State, slot: number, signing: typeof keys, block: number) {
  const row = rowOf(from, slot);
  const weights = row.weights.slice();
  const moved = Math.min(weights[0], 1_000 + block);
  weights[0] -= moved;
  weights[1] += moved;
  const keyAt = (target: number): string => from.accountPages[Math.floor(target / 64)].keys[target % 64];
  const nonce = from.accountPages[Math.floor(slot / 64)].nonces[slot % 64];
  const action = { kind: 'setWeights', row: { targets: Array.from(row.targets, keyAt), weights } } as const;
  return signTransaction({ ...action, chain: from.chain, from: signing[slot].publicKey, nonce }, signing[slot]);
}
