/** Blocks in memory: for tests, simulations and the demo. Nothing survives the process. */
import type { Appended, Head, Loaded, NewBlock, Store, StoredBlock, StoredSnapshot } from './store.js';

/** A copy in any case: `slice` of a Buffer would share its memory. */
const copy = (bytes: Uint8Array): Uint8Array => new Uint8Array(bytes);

class MemoryStore implements Store {
  readonly name = 'memory';
  private start: { bytes: Uint8Array; hash: string } | undefined;
  private readonly blocks: (StoredBlock | undefined)[] = [];
  private latest: StoredSnapshot | undefined;

  async genesis(): Promise<Uint8Array | undefined> {
    return this.start === undefined ? undefined : copy(this.start.bytes);
  }

  async begin(genesis: Uint8Array, hash: string): Promise<Appended> {
    if (this.start === undefined) {
      this.start = { bytes: copy(genesis), hash };
      return 'appended';
    }
    return this.start.hash === hash ? 'exists' : 'conflict';
  }

  async load(genesis: Uint8Array, hash: string, blocks: AsyncIterable<NewBlock>): Promise<Loaded> {
    const whole: StoredBlock[] = [];
    for await (const { height, hash, bytes } of blocks) whole.push({ height, hash, bytes: copy(bytes) });
    if (this.start !== undefined) return 'conflict';
    this.start = { bytes: copy(genesis), hash };
    for (const block of whole) this.blocks.push(block);
    return 'loaded';
  }

  async head(): Promise<Head> {
    return this.last();
  }

  private last(): Head {
    const last = this.blocks.at(-1);
    return last === undefined ? { height: 0, hash: this.start?.hash ?? '' } : { height: last.height, hash: last.hash };
  }

  async append(expectedHeight: number, block: NewBlock): Promise<Appended> {
    const there = this.blocks[block.height - 1];
    if (there?.hash === block.hash) return 'exists';
    const head = this.last();
    if (head.height !== expectedHeight || block.height !== expectedHeight + 1 || head.hash !== block.previous) return 'conflict';
    this.blocks.push({ height: block.height, hash: block.hash, bytes: copy(block.bytes) });
    return 'appended';
  }

  async read(height: number): Promise<StoredBlock | undefined> {
    const block = this.blocks[height - 1];
    return block === undefined ? undefined : { ...block, bytes: copy(block.bytes) };
  }

  async snapshot(): Promise<StoredSnapshot | undefined> {
    return this.latest === undefined ? undefined : { height: this.latest.height, bytes: copy(this.latest.bytes) };
  }

  async putSnapshot(snapshot: StoredSnapshot, prune: boolean): Promise<void> {
    this.latest = { height: snapshot.height, bytes: copy(snapshot.bytes) };
    if (prune) this.blocks.fill(undefined, 0, snapshot.height - 1);
  }

  async close(): Promise<void> {}
}

/** A store that keeps everything in memory. */
export function memoryStore(): Store {
  return new MemoryStore();
}
