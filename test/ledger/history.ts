/** Runs a random history on a ledger with the auditor beside it. */
import { type Code, type Ledger, memoryStore, openLedger, type Parameters, type Processor, type Store } from '../../src/ledger/index.js';
import { Auditor } from './auditor.js';
import { Workload } from './workload.js';

export interface History {
  readonly ledger: Ledger;
  readonly accepted: number;
  readonly refused: Map<Code, number>;
  readonly minted: bigint;
}

export interface HistoryOptions {
  readonly store?: Store;
  readonly processor?: Processor;
  /** Added to the tau the auditor believes in: the negative control. */
  readonly tauError?: bigint;
  /** Rules that differ from those of the workload. */
  readonly parameters?: Partial<Parameters>;
}

/** Throws at the first block in which the auditor disagrees; the message names the seed. */
export async function runHistory(seed: number, blocks: number, options: HistoryOptions = {}): Promise<History> {
  const { store = memoryStore(), tauError = 0n, parameters = {}, processor } = options;
  const work = new Workload(seed);
  const genesis = { ...work.genesis, parameters: { ...work.genesis.parameters, ...parameters } };
  const ledger = await openLedger({ store, genesis, ...(processor === undefined ? {} : { processor }) });
  const auditor = new Auditor(work.genesis);
  const refused = new Map<Code, number>();
  let accepted = 0;
  for (let block = 0; block < blocks; block++) {
    const before = ledger.state();
    const predicted = auditor.settle(before.parameters, before.tau + tauError);
    for (let count = work.blockSize(); count > 0; count--) {
      const { key, action } = work.next(ledger.pending());
      const { code } = ledger.submitAction(key, action);
      if (code === 'ok') {
        accepted++;
        auditor.follow(key.publicKey, action, ledger.pending());
      } else refused.set(code, (refused.get(code) ?? 0) + 1);
    }
    await ledger.closeBlock();
    auditor.closeBlock();
    const problem = auditor.disagreement(ledger.state(), ledger.ranking(), predicted);
    if (problem !== undefined) throw new Error(`seed ${seed}, block ${ledger.height}: ${problem}`);
  }
  return { ledger, accepted, refused, minted: auditor.minted };
}
