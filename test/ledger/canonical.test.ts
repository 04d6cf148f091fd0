import { decode, encode } from 'cborg';
import fc from 'fast-check';
import t from 'tap';
import { decodeBlock } from '../../src/ledger/block.js';
import { canonical } from '../../src/ledger/canonical.js';
import { decodeTransaction, encodeTransaction, signedBytes } from '../../src/ledger/encoding.js';
import { chainOf, decodeGenesis, encodeGenesis, genesisState } from '../../src/ledger/genesis.js';
import {
  type Action,
  createKey,
  type Genesis,
  memoryStore,
  openLedger,
  type Parameters,
  signTransaction,
  type Transaction,
} from '../../src/ledger/index.js';
import { EMPTY_ROW, type RowPage, rowPage, withRow } from '../../src/ledger/pages.js';
import { rowLeaf, stateHeader } from '../../src/ledger/root.js';
import type { Row } from '../../src/ledger/rows.js';
import { PAGE } from '../../src/ledger/units.js';
import { Workload } from './workload.js';

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

t.test('integers, texts and byte strings of every length of head are what cborg writes', async (t) => {
  const edges = [0, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1];
  for (const value of edges) {
    t.ok(
      same(
        canonical((writer) => writer.integer(value)),
        encode(value),
      ),
      `${value}`,
    );
    t.ok(
      same(
        canonical((writer) => writer.integer(BigInt(value))),
        encode(value),
      ),
      `${value}n`,
    );
  }
  for (const value of [2n ** 32n, 2n ** 63n - 1n, 2n ** 64n - 1n])
    t.ok(
      same(
        canonical((writer) => writer.integer(value)),
        encode(value),
      ),
      `${value}n`,
    );
  for (const length of [0, 1, 23, 24, 255, 256, 5_000, 70_000]) {
    const bytes = new Uint8Array(length).map((_, at) => at * 7);
    t.ok(
      same(
        canonical((writer) => writer.bytes(bytes)),
        encode(bytes),
      ),
      `${length} bytes`,
    );
    t.ok(
      same(
        canonical((writer) => writer.hex(Buffer.from(bytes).toString('hex'))),
        encode(bytes),
      ),
      `${length} bytes in digits`,
    );
  }
});

t.test('one canonical encoding inside another, and one after a failure', async (t) => {
  const nested = canonical((writer) =>
    writer
      .list(2)
      .bytes(canonical((inner) => inner.integer(7)))
      .integer(1),
  );
  t.same([...nested], [...encode([Uint8Array.of(7), 1])]);
  t.throws(() => canonical((writer) => writer.integer(5).other(() => undefined)));
  t.same([...canonical((writer) => writer.integer(6))], [6], 'nothing is left of the failed one');
});

const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((b) => Buffer.from(b).toString('hex'));
const amount = fc.bigInt({ min: 1n, max: (1n << 63n) - 1n });
const endpoint = fc.string({ maxLength: 60, unit: 'grapheme' });
const weights = fc.array(fc.integer({ min: 0, max: 1_000_000_000 }), { maxLength: 40 });
const row = fc.oneof(
  weights.chain((parts) => fc.record({ targets: fc.tuple(...parts.map(() => hex(32))), weights: fc.constant(parts) })),
  fc.record({ members: fc.nat(2 ** 32 - 1), weights: weights.map((parts) => Uint32Array.from(parts)) }),
);
const parameters: fc.Arbitrary<Partial<Parameters>> = fc.record(
  { epsilon: fc.nat(), tau: amount, emission: fc.constantFrom('l1', 'l2', 'none'), authority: fc.option(hex(32)), minimumStake: amount },
  { requiredKeys: [] },
);
const kind = <K extends string, T>(name: K, rest: { [F in keyof T]: fc.Arbitrary<T[F]> }) =>
  fc.record({ kind: fc.constant(name), ...rest });
const action = fc.oneof(
  kind('register', { endpoint, stake: amount }),
  kind('unregister', {}),
  kind('setEndpoint', { endpoint }),
  kind('setWeights', { row }),
  kind('commitWeights', { hash: hex(32) }),
  kind('revealWeights', { row, salt: hex(32) }),
  kind('transfer', { to: hex(32), amount }),
  kind('bond', { amount }),
  kind('unbond', { amount }),
  kind('rotateKey', { newKey: hex(32), newSignature: hex(64) }),
  kind('setParameters', { parameters }),
) as unknown as fc.Arbitrary<Action>;

/** The transaction as the plain map that cborg encodes, written down a second time. */
function plain(tx: object): Record<string, unknown> {
  const bytes = (text: unknown): Buffer => Buffer.from(text as string, 'hex');
  const map: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(tx)) {
    if (['kind', 'nonce', 'endpoint', 'stake', 'amount'].includes(name)) map[name] = value;
    else if (name === 'parameters')
      map[name] = { ...value, ...(typeof value.authority === 'string' && { authority: bytes(value.authority) }) };
    else if (name === 'row') {
      const packed = Buffer.alloc(4 * value.weights.length);
      for (let at = 0; at < value.weights.length; at++) packed.writeUInt32LE(value.weights[at], 4 * at);
      map[name] = { weights: packed, ...('members' in value ? { members: value.members } : { targets: bytes(value.targets.join('')) }) };
    } else map[name] = bytes(value);
  }
  return map;
}

t.test('transactions of every kind are what cborg writes, signed and unsigned, and decode to themselves', async () => {
  const envelope = fc.record({ chain: hex(32), from: hex(32), nonce: fc.nat(0xffff_fffe), signature: hex(64) });
  const prefix = Buffer.from('intermodel ledger transaction 1\0');
  fc.assert(
    fc.property(envelope, action, (sender, request) => {
      const tx = { ...request, ...sender } as Transaction;
      const whole = plain(tx);
      const { signature: _, ...unsigned } = whole;
      const bytes = encodeTransaction(tx);
      if (!same(bytes, encode(whole)) || !same(signedBytes(tx), Buffer.concat([prefix, encode(unsigned)]))) return false;
      const decoded = decodeTransaction(bytes);
      return decoded !== undefined && same(encodeTransaction(decoded), bytes);
    }),
    { numRuns: 1000 },
  );
});

t.test('what is no transaction can still be signed, and is refused as malformed', async (t) => {
  const key = createKey(new Uint8Array(32));
  const ledger = await openLedger({ store: memoryStore(), genesis: { participants: [{ key: key.publicKey, stake: 1n }] } });
  const envelope = { chain: ledger.chain, from: key.publicKey, nonce: 0 };
  const wrong: unknown[] = [
    { ...envelope, kind: 'transfer', to: 'zz'.repeat(32), amount: 5n },
    { ...envelope, kind: 'transfer', to: key.publicKey, amount: -5n },
    { ...envelope, kind: 'bond', amount: 1n << 63n },
    { ...envelope, kind: 'bond', amount: 1.5 },
    { ...envelope, kind: 'bond' },
    { ...envelope, kind: 'unregister', nonce: -1 },
    { ...envelope, kind: 'teleport' },
    { ...envelope, kind: 'setWeights', row: { targets: [key.publicKey], weights: [-1] } },
  ];
  for (const tx of wrong) t.match(ledger.submit(signTransaction(tx as never, key)), { code: 'malformed', hash: '' });
});

async function history(seed: number, people: number, overrides: Partial<Parameters>) {
  const work = new Workload(seed, people, overrides);
  const ledger = await openLedger({ store: memoryStore(), genesis: work.genesis });
  for (let block = 0; block < 60; block++) {
    for (let count = work.blockSize(); count > 0; count--) {
      const { key, action } = work.next(ledger.pending());
      ledger.submitAction(key, action);
    }
    await ledger.closeBlock();
  }
  return ledger;
}

t.test('blocks of format 1 keep their bytes: histories end at the hashes they had when the format was new', async (t) => {
  const open = await history(7, 5, { rows: 'open' });
  t.equal(open.head, '69e3c756f8f4fa34e86b9e0914c191cce79226b5b46e1437275bd5b723220969');
  const hidden = await history(8, 70, { rows: 'commit' });
  t.equal(hidden.head, '30bd42172ef3a80328a54ebc3fd367e62570fe22a116e7072f4450ad5130673f');
  const block = await hidden.block(60);
  for (const bytes of [block?.bytes, block?.header, ...(block?.transactions ?? [])])
    t.ok(bytes !== undefined && same(encode(decode(bytes)), bytes), 'cborg reads it and writes the same');
  t.not(typeof decodeBlock(block?.bytes as Uint8Array), 'string');
});

t.test('the header of a state is canonical', async (t) => {
  const genesis: Genesis = new Workload(3, 200).genesis;
  const bytes = encodeGenesis(genesis);
  const header = stateHeader(genesisState(decodeGenesis(bytes), chainOf(bytes)));
  t.ok(same(encode(decode(header)), header));
});

t.test('a page of rows changed row by row is the page built at once, hashes included', async () => {
  const cut = fc.uniqueArray(fc.nat(90), { maxLength: 30 }).map((targets): Row => {
    const sorted = Uint32Array.from(targets).sort();
    return { targets: sorted, weights: sorted.map((target) => 1 + target) };
  });
  const change = fc.record({ at: fc.nat(PAGE - 1), row: cut, hash: fc.boolean() });
  fc.assert(
    fc.property(fc.array(cut, { maxLength: PAGE }), fc.array(change, { maxLength: 60 }), (first, changes) => {
      const rows = Array.from({ length: PAGE }, (_, at) => first[at] ?? EMPTY_ROW);
      let page: RowPage = rowPage(rows);
      for (const { at, row, hash } of changes) {
        if (hash) rowLeaf(page);
        page = withRow(page, at, row);
        rows[at] = row;
      }
      return same(rowLeaf(page), rowLeaf(rowPage(rows)));
    }),
  );
});
