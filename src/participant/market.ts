/** The participants' side of the ledger: keys, the mask that follows from its state, and rows submitted in bounded steps. */
import type { Backend } from '../backend/index.js';
import { competitionMask } from '../competition.js';
import { RandomStream } from '../core/random.js';
import {
  boundedStep,
  createKey,
  type Ledger,
  memoryStore,
  openLedger,
  ROW_PARTS,
  rowToParts,
  type SigningKey,
  sparseRow,
  TOKEN,
} from '../ledger/index.js';
import { interRanking } from '../ranking.js';
import type { DemoBlock, DemoSettings } from './result.js';

const KEY_STREAM = 8;

/** A ledger with one key per participant, in the order of the participants. */
export class Market {
  private constructor(
    private readonly ledger: Ledger,
    private readonly keys: readonly SigningKey[],
    private readonly names: readonly string[],
    private readonly settings: DemoSettings,
    private readonly backend: Backend,
  ) {}

  /** Opens a ledger in memory on which everybody has the same stake and rates everybody equally. */
  static async open(names: readonly string[], settings: DemoSettings, seed: number, backend: Backend): Promise<Market> {
    const keys = names.map((_, index) => {
      const source = new RandomStream(seed, KEY_STREAM, index);
      return createKey(Uint8Array.from({ length: 32 }, () => source.integer(256)));
    });
    const row = sparseRow(rowToParts(new Float64Array(names.length).fill(1)));
    const ledger = await openLedger({
      store: memoryStore(),
      genesis: {
        parameters: {
          epsilon: Math.round(settings.stepBound * ROW_PARTS),
          tau: tokens(settings.tau),
          emission: settings.emission,
        },
        participants: keys.map((key) => ({ key: key.publicKey, stake: tokens(settings.initialStake), row })),
      },
    });
    return new Market(ledger, keys, names, settings, backend);
  }

  /** W as it stands, `[n, n]`. */
  weights(): Float64Array {
    return Float64Array.from(this.ledger.state().weights().parts, (part) => part / ROW_PARTS);
  }

  /** Stake as it stands, in tokens. */
  stake(): Float64Array {
    const state = this.ledger.state();
    return Float64Array.from(this.keys, (key) => Number(state.stake(key.publicKey)) / Number(TOKEN));
  }

  /** The competition mask (7) of the current weights and stake, `[n, n]`. */
  mask(): Float64Array {
    const { mask } = competitionMask({
      weights: this.weights(),
      stake: this.stake(),
      temperature: this.settings.maskTemperature,
      n: this.keys.length,
      backend: this.backend,
    });
    return mask;
  }

  /**
   * Everybody moves its row towards its share of what it measured; see {@link Market.submitRows}.
   * @param scores `[raters, peers]`; a negative estimate counts as nothing, since rows lie on the simplex
   */
  async submit(scores: Float64Array, round: number): Promise<DemoBlock> {
    const n = this.keys.length;
    return this.submitRows(interRanking({ scores: scores.map((score) => Math.max(0, score)), n, backend: this.backend }), round);
  }

  /**
   * Everybody moves its row towards a target, as far as the ledger's step bound lets it; then the block closes.
   * @param targets `[raters, peers]`, rows on the simplex
   */
  async submitRows(targets: Float64Array, round: number): Promise<DemoBlock> {
    const n = this.keys.length;
    const epsilon = Math.round(this.settings.stepBound * ROW_PARTS);
    const refused: { participant: string; code: string }[] = [];
    const state = this.ledger.state();
    for (const [rater, key] of this.keys.entries()) {
      const target = rowToParts(targets.subarray(rater * n, (rater + 1) * n));
      const weights = boundedStep(state.denseRow(key.publicKey), target, epsilon);
      const receipt = this.ledger.submitAction(key, { kind: 'setWeights', row: { members: state.members, weights } });
      if (receipt.code !== 'ok') refused.push({ participant: this.names[rater], code: receipt.code });
    }
    return this.close(round, n - refused.length, refused);
  }

  /** Closes a block without new rows: it pays for the rows of the block before. */
  async settle(round: number): Promise<DemoBlock> {
    return this.close(round, 0, []);
  }

  /** Replays the ledger from its genesis; true when every byte agrees. */
  async verify(): Promise<boolean> {
    return (await this.ledger.verify()).ok;
  }

  /** Ranking (5) of the last closed block, in tokens. */
  ranking(): Float64Array {
    return this.ledger.ranking()?.ranking ?? new Float64Array(this.keys.length);
  }

  private async close(round: number, accepted: number, refused: DemoBlock['refused']): Promise<DemoBlock> {
    const block = await this.ledger.closeBlock();
    const ranking = this.ranking();
    const total = ranking.reduce((sum, r) => sum + r, 0);
    return {
      height: block.height,
      round,
      ranking: Array.from(ranking, (r) => r / total),
      stake: Array.from(this.stake()),
      minted: Number(block.minted) / Number(TOKEN),
      accepted,
      refused,
    };
  }
}

function tokens(amount: number): bigint {
  return BigInt(Math.round(amount * Number(TOKEN)));
}
