/** Parsers of what lies in files: arrays, digits, configuration. Samples of configuration are CBOR, so that a mutation leaves a value. */
import { gzipSync } from 'node:zlib';
import { decode, encode } from 'cborg';
import { InputError } from '../../../src/core/errors.js';
import { parseIdx } from '../../../src/data/idx.js';
import { encodeNpy, parseNpy } from '../../../src/data/index.js';
import { genesisFile } from '../../../src/ledger/genesis-file.js';
import { checkConfig, parsePeerConfig } from '../../../src/process/peer-config.js';
import { resolveSettings } from '../../../src/run/settings.js';
import { type Target, throwing } from './fuzz.js';

const KEY = 'ab'.repeat(32);
const PEER = {
  ...{ formatVersion: 1, identity: KEY, seed: 7, listen: ['/ip4/127.0.0.1/tcp/0'], wire: 'f16', data: 'digits', students: true },
  coordinator: { key: KEY, addresses: ['/ip4/127.0.0.1/tcp/4001'], patience_s: 1.5 },
  discovery: { bootstrap: ['/ip4/127.0.0.1/tcp/1'], mdns: false },
  settings: { rounds: 2 },
};
const GENESIS = {
  note: 'two',
  parameters: { tau: '1000', minimumStake: 5 },
  participants: [
    { key: KEY, stake: '12', endpoint: '/ip4/127.0.0.1/tcp/1' },
    { key: 'cd'.repeat(32), stake: 3, balance: '4' },
  ],
  rows: 'equal',
};
const IDX = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);

export function fileTargets(): readonly Target[] {
  return [
    {
      name: 'npy files',
      samples: [encodeNpy([2, 3], Float64Array.of(1, 2, 3, 4, 5, 6)), encodeNpy([], Float64Array.of(7)), integers()],
      read: throwing(InputError, (bytes) => parseNpy('file', bytes)),
    },
    { name: 'IDX files', samples: [IDX, gzipSync(IDX)], read: throwing(InputError, (bytes) => parseIdx('file', bytes)) },
    { name: 'peer configuration', samples: [encode(PEER)], read: configuration(parsePeerConfig) },
    { name: 'genesis files', samples: [encode(GENESIS)], read: configuration((value) => checkConfig(genesisFile, value)) },
    {
      name: 'run settings',
      samples: [encode({ ...resolveSettings({}) })],
      read: configuration((value) => resolveSettings(value as Parameters<typeof resolveSettings>[0])),
    },
  ];
}

/** What is no CBOR is not given to the check. */
function configuration(check: (value: unknown) => unknown): (bytes: Uint8Array) => boolean {
  const checked = throwing(InputError, (value) => check(value));
  return (bytes) => {
    let value: unknown;
    try {
      value = decode(bytes);
    } catch {
      return false;
    }
    return checked(value as Uint8Array);
  };
}

/** A .npy file of the 64-bit integers 0 and 1. */
function integers(): Uint8Array {
  const file = encodeNpy([2], Float64Array.of(0, 5e-324));
  const text = Buffer.from(file).toString('latin1').replace('<f8', '<i8');
  return new Uint8Array(Buffer.from(text, 'latin1'));
}
