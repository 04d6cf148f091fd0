/**
 * Blocks in etcd 3.4 or later, for several machines: an append is one transaction that compares the head and swaps it. Talks to the JSON
 * gateway of any member with fetch; needs no client library.
 */
import { randomBytes } from 'node:crypto';
import { type Attempt, EnvironmentError, InputError } from '../../core/errors.js';
import { checkInteger } from '../../core/validate.js';
import { checkList, checkObject } from '../check.js';
import type { Appended, Head, NewBlock, Store, StoredBlock, StoredSnapshot } from './store.js';

export interface EtcdOptions {
  /** Client addresses of the members, such as http://127.0.0.1:2379; tried in turn. */
  readonly endpoints: readonly string[];
  /** Where this ledger's keys live. */
  readonly prefix: string;
  /** Longest wait for one answer of one member, ms. */
  readonly request_ms_max?: number;
  /** Longest wait for the cluster before an append or a read fails, ms. */
  readonly total_ms_max?: number;
  /** Reads what the member itself holds, without asking the others: to compare replicas. */
  readonly local?: boolean;
}

/** etcd refuses requests above 1.5 MiB; larger values are cut into parts that are written before the head moves. */
const PART_BYTES = 1 << 20;
const RETRY_MS = 100;

interface KeyValue {
  readonly value?: string;
  readonly mod_revision?: string;
}

interface RangeResponse {
  readonly kvs?: readonly KeyValue[];
}

interface TxnResponse {
  readonly succeeded?: boolean;
}

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes as string).toString('base64');

/**
 * A store in an etcd cluster.
 *
 * @throws InputError BTM_TYPE, BTM_SHAPE, BTM_DOMAIN for addresses, a prefix or waits that cannot be
 */
export function etcdStore(options: EtcdOptions): Store {
  const { endpoints, prefix, request_ms_max = 1, total_ms_max = 1 } = checkObject('options', options) as EtcdOptions;
  checkList('options.endpoints', endpoints);
  if (endpoints.length === 0) throw new InputError('BTM_SHAPE', 'must hold at least one address', { argument: 'options.endpoints' });
  endpoints.forEach((endpoint, index) => {
    if (typeof endpoint !== 'string' || !URL.canParse(endpoint))
      throw new InputError('BTM_TYPE', 'must be an address such as http://127.0.0.1:2379', {
        argument: 'options.endpoints',
        index,
        value: endpoint,
      });
  });
  if (typeof prefix !== 'string' || prefix === '')
    throw new InputError('BTM_TYPE', 'must be a name', { argument: 'options.prefix', value: prefix });
  checkInteger('options.request_ms_max', request_ms_max, 1, 2 ** 31 - 1);
  checkInteger('options.total_ms_max', total_ms_max, 1, 2 ** 31 - 1);
  return new EtcdStore(options);
}

class EtcdStore implements Store {
  readonly name: string;
  private preferred = 0;

  constructor(private readonly options: EtcdOptions) {
    this.name = `etcd ${options.endpoints.join(', ')} under ${options.prefix}`;
  }

  /** Asks the members in turn until one answers or the time is up. */
  private async call<T>(path: string, body: unknown): Promise<T> {
    const { endpoints, request_ms_max = 2000, total_ms_max = 30_000 } = this.options;
    const deadline = performance.now() + total_ms_max;
    const attempts = new Map<string, string>();
    for (let turn = 0; ; turn++) {
      const at = (this.preferred + turn) % endpoints.length;
      const endpoint = endpoints[at];
      try {
        const response = await fetch(`${endpoint}/v3/kv/${path}`, {
          method: 'POST',
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(request_ms_max),
        });
        const text = await response.text();
        if (response.ok) {
          this.preferred = at;
          return JSON.parse(text) as T;
        }
        attempts.set(endpoint, `HTTP ${response.status}: ${text.slice(0, 200)}`);
      } catch (error) {
        attempts.set(endpoint, String((error as Error).cause ?? error));
      }
      if (performance.now() > deadline) {
        const tried: Attempt[] = [...attempts].map(([what, reason]) => ({ what, reason }));
        throw new EnvironmentError('BTM_IO', `${this.name} did not answer within ${total_ms_max} ms`, tried, [
          'Check that most members run and can reach one another.',
        ]);
      }
      if (turn % endpoints.length === endpoints.length - 1) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }

  private key(name: string): string {
    return base64(`${this.options.prefix}/${name}`);
  }

  /** A value as it is, or as it was at a revision. */
  private async get(name: string, revision?: string): Promise<{ bytes: Uint8Array; revision: string } | undefined> {
    const at = revision === undefined ? {} : { revision };
    const range = await this.call<RangeResponse>('range', { key: this.key(name), serializable: this.options.local ?? false, ...at });
    const found = range.kvs?.[0];
    return found === undefined
      ? undefined
      : { bytes: Uint8Array.from(Buffer.from(found.value ?? '', 'base64')), revision: found.mod_revision ?? '0' };
  }

  private async put(name: string, bytes: Uint8Array): Promise<void> {
    await this.call('put', { key: this.key(name), value: base64(bytes) });
  }

  /** Stores a value of any size; what goes under `name` is the value, or the number of its parts. */
  private async stage(name: string, bytes: Uint8Array): Promise<Uint8Array> {
    if (bytes.length <= PART_BYTES) return Buffer.concat([Uint8Array.of(0), bytes]);
    const count = Math.ceil(bytes.length / PART_BYTES);
    for (let part = 0; part < count; part++)
      await this.put(`part/${name}/${part}`, bytes.subarray(part * PART_BYTES, (part + 1) * PART_BYTES));
    return Buffer.concat([Uint8Array.of(1), Buffer.from(JSON.stringify({ name, count }))]);
  }

  private async unstage(stored: Uint8Array): Promise<Uint8Array> {
    if (stored[0] === 0) return stored.slice(1);
    const { name, count } = JSON.parse(Buffer.from(stored.subarray(1)).toString()) as { name: string; count: number };
    const parts: Uint8Array[] = [];
    for (let part = 0; part < count; part++) {
      const piece = await this.get(`part/${name}/${part}`);
      if (piece === undefined) throw new EnvironmentError('BTM_IO', `${this.name}: part ${part} of ${name} is missing`);
      parts.push(piece.bytes);
    }
    return Uint8Array.from(Buffer.concat(parts));
  }

  private equals(name: string, value: string): unknown {
    return { key: this.key(name), target: 'VALUE', result: 'EQUAL', value: base64(value) };
  }

  private absent(name: string): unknown {
    return { key: this.key(name), target: 'CREATE', result: 'EQUAL', create_revision: '0' };
  }

  private write(name: string, bytes: Uint8Array | string): unknown {
    return { request_put: { key: this.key(name), value: base64(bytes) } };
  }

  async genesis(): Promise<Uint8Array | undefined> {
    const found = await this.get('genesis');
    return found === undefined ? undefined : this.unstage(found.bytes);
  }

  async begin(genesis: Uint8Array, hash: string): Promise<Appended> {
    const staged = await this.stage(`genesis-${hash}`, genesis);
    const swapped = await this.call<TxnResponse>('txn', {
      compare: [this.absent('head')],
      success: [this.write('genesis', staged), this.write('chain', hash), this.write('head', headText({ height: 0, hash }))],
    });
    if (swapped.succeeded === true) return 'appended';
    const chain = await this.get('chain');
    return chain !== undefined && Buffer.from(chain.bytes).toString() === hash ? 'exists' : 'conflict';
  }

  async head(): Promise<Head> {
    const found = await this.get('head');
    return found === undefined ? { height: 0, hash: '' } : parseHead(found.bytes);
  }

  /**
   * One transaction: the head is the one expected and the height is free, then block, head and a mark of this call. When an answer was lost the
   * retry meets its own block, and knows it by the mark; so an ambiguous acknowledgement gives one block, not two.
   */
  async append(expectedHeight: number, block: NewBlock): Promise<Appended> {
    const head = await this.head();
    if (head.height === expectedHeight && block.height === expectedHeight + 1 && head.hash === block.previous) {
      const staged = await this.stage(block.hash, block.bytes);
      const mark = randomBytes(16);
      const swapped = await this.call<TxnResponse>('txn', {
        compare: [this.equals('head', headText(head)), this.absent(blockName(block.height))],
        success: [
          this.write(blockName(block.height), Buffer.concat([Buffer.from(block.hash), staged])),
          this.write('head', headText(block)),
          this.write('mark', mark),
        ],
      });
      if (swapped.succeeded === true || (await this.isMarked(block, mark))) return 'appended';
    }
    const there = await this.get(blockName(block.height));
    return there !== undefined && Buffer.from(there.bytes.subarray(0, 64)).toString() === block.hash ? 'exists' : 'conflict';
  }

  /** Whether a call wrote this block. Others may have followed: the mark as it was when the block was written is asked for. */
  private async isMarked(block: NewBlock, mark: Uint8Array): Promise<boolean> {
    const there = await this.get(blockName(block.height));
    if (there === undefined || Buffer.from(there.bytes.subarray(0, 64)).toString() !== block.hash) return false;
    const found = await this.get('mark', there.revision);
    return found !== undefined && Buffer.compare(found.bytes, mark) === 0;
  }

  async read(height: number): Promise<StoredBlock | undefined> {
    const found = await this.get(blockName(height));
    if (found === undefined) return undefined;
    return { height, hash: Buffer.from(found.bytes.subarray(0, 64)).toString(), bytes: await this.unstage(found.bytes.subarray(64)) };
  }

  async snapshot(): Promise<StoredSnapshot | undefined> {
    const found = await this.get('snapshot');
    if (found === undefined) return undefined;
    const height = Number(Buffer.from(found.bytes.subarray(0, 12)).toString());
    return { height, bytes: await this.unstage(found.bytes.subarray(12)) };
  }

  async putSnapshot(snapshot: StoredSnapshot, prune: boolean): Promise<void> {
    const height = String(snapshot.height).padStart(12, '0');
    const staged = await this.stage(`snapshot-${height}`, snapshot.bytes);
    await this.put('snapshot', Buffer.concat([Buffer.from(height), staged]));
    if (prune) await this.call('deleterange', { key: this.key(blockName(0)), range_end: this.key(blockName(snapshot.height)) });
  }

  async close(): Promise<void> {}
}

const blockName = (height: number): string => `block/${String(height).padStart(12, '0')}`;
const headText = (head: Head): string => `${head.height} ${head.hash}`;

function parseHead(bytes: Uint8Array): Head {
  const [height, hash] = Buffer.from(bytes).toString().split(' ');
  return { height: Number(height), hash };
}
