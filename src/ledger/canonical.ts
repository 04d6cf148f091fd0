/**
 * Deterministic CBOR (RFC 8949 section 4.2) for the fixed shapes that every block writes: transactions, headers, leaves. It goes straight into one
 * buffer, with no tokens in between, and the caller lists fields in their canonical order. cborg reads it all back, and
 * test/ledger/canonical.test.ts holds every shape to the bytes that cborg writes.
 */
import { hash } from 'node:crypto';
import { encode } from 'cborg';

/** The name of a field as it stands in a map. Canonical maps order names by length, then by their letters. */
export const fieldName = (name: string): Uint8Array => encode(name);

const UNSIGNED = 0x00;
const BYTES = 0x40;
const LIST = 0x80;
const MAP = 0xa0;
const KEPT_BYTES_MAX = 1 << 20;

export class CanonicalWriter {
  private buffer = Buffer.allocUnsafeSlow(4096);
  private view = viewOf(this.buffer);
  private at = 0;

  /** Bytes that are encoded already, or that stand outside of the encoding such as a domain name. */
  raw(bytes: Uint8Array): this {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
    return this;
  }

  list(length: number): this {
    return this.head(LIST, length);
  }

  map(length: number): this {
    return this.head(MAP, length);
  }

  bytes(bytes: Uint8Array): this {
    return this.head(BYTES, bytes.length).raw(bytes);
  }

  /** Hexadecimal digits, as a byte string. */
  hex(digits: string): this {
    const length = digits.length >> 1;
    this.head(BYTES, length).reserve(length);
    // Letters that are no digits stop the writing early; the zeros in their place never count, for such a transaction is malformed.
    const written = this.buffer.write(digits, this.at, length, 'hex');
    if (written < length) this.buffer.fill(0, this.at + written, this.at + length);
    this.at += length;
    return this;
  }

  /** 32-bit integers as one byte string, four little-endian bytes each. */
  words(words: ArrayLike<number>): this {
    this.head(BYTES, 4 * words.length).reserve(4 * words.length);
    for (let index = 0; index < words.length; index++, this.at += 4) this.view.setUint32(this.at, words[index], true);
    return this;
  }

  /** An integer from 0 to 2^64 - 1. */
  integer(value: number | bigint): this {
    if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? this.head(UNSIGNED, value) : this.other(value);
    if (value < 0n || value > 0xffff_ffff_ffff_ffffn) return this.other(value);
    if (value <= 0xffff_ffffn) return this.head(UNSIGNED, Number(value));
    this.reserve(9);
    this.buffer[this.at++] = UNSIGNED | 27;
    this.view.setBigUint64(this.advance(8), value);
    return this;
  }

  /** Anything else, as cborg writes it. */
  other(value: unknown): this {
    return this.raw(encode(value));
  }

  /** A copy of what was written. */
  copy(): Uint8Array {
    return new Uint8Array(this.buffer.subarray(0, this.at));
  }

  /** SHA-256 of what was written. */
  digest(): Uint8Array {
    return hash('sha256', this.buffer.subarray(0, this.at), 'buffer');
  }

  hexDigest(): string {
    return hash('sha256', this.buffer.subarray(0, this.at), 'hex');
  }

  clear(): void {
    this.at = 0;
  }

  /** Whether it is worth keeping: a row of millions of entries must not hold its memory for good. */
  get isSmall(): boolean {
    return this.buffer.length <= KEPT_BYTES_MAX;
  }

  private head(major: number, value: number): this {
    this.reserve(9);
    if (value < 24) this.buffer[this.at++] = major | value;
    else if (value <= 0xff) this.view.setUint16(this.advance(2), ((major | 24) << 8) | value);
    else if (value <= 0xffff) {
      this.buffer[this.at++] = major | 25;
      this.view.setUint16(this.advance(2), value);
    } else if (value <= 0xffff_ffff) {
      this.buffer[this.at++] = major | 26;
      this.view.setUint32(this.advance(4), value);
    } else {
      this.buffer[this.at++] = major | 27;
      this.view.setBigUint64(this.advance(8), BigInt(value));
    }
    return this;
  }

  private advance(bytes: number): number {
    const from = this.at;
    this.at += bytes;
    return from;
  }

  private reserve(length: number): void {
    if (this.at + length <= this.buffer.length) return;
    const wider = Buffer.allocUnsafeSlow(2 * (this.at + length));
    wider.set(this.buffer.subarray(0, this.at));
    this.buffer = wider;
    this.view = viewOf(wider);
  }
}

function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** Writers that are not in use: as many as encodings were ever made inside one another. */
const idle: CanonicalWriter[] = [];

function written<T>(fill: (writer: CanonicalWriter) => void, result: (writer: CanonicalWriter) => T): T {
  const writer = idle.pop() ?? new CanonicalWriter();
  writer.clear();
  fill(writer);
  const made = result(writer);
  if (writer.isSmall) idle.push(writer);
  return made;
}

/** The bytes that `fill` writes. */
export function canonical(fill: (writer: CanonicalWriter) => void): Uint8Array {
  return written(fill, (writer) => writer.copy());
}

/** SHA-256 of the bytes that `fill` writes, which are not kept. */
export function canonicalHash(fill: (writer: CanonicalWriter) => void): Uint8Array {
  return written(fill, (writer) => writer.digest());
}

/** {@link canonicalHash} as hexadecimal digits. */
export function canonicalHexHash(fill: (writer: CanonicalWriter) => void): string {
  return written(fill, (writer) => writer.hexDigest());
}

function write(parts: readonly Uint8Array[]): (writer: CanonicalWriter) => void {
  return (writer) => {
    for (const part of parts) writer.raw(part);
  };
}

/** SHA-256 of these bytes, one behind the other. */
export function sha256(...parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? hash('sha256', parts[0], 'buffer') : canonicalHash(write(parts));
}

/** {@link sha256} as hexadecimal digits. */
export function sha256Hex(...parts: readonly Uint8Array[]): string {
  return parts.length === 1 ? hash('sha256', parts[0], 'hex') : canonicalHexHash(write(parts));
}
