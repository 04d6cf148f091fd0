/** Binary Merkle trees over hashes, in the shape of RFC 6962: an odd node at the end of a level moves up as it is. */
import { sha256 } from './canonical.js';

const NODE = Uint8Array.of(0x01);
const EMPTY = sha256(Uint8Array.of(0x02));

const join = (left: Uint8Array, right: Uint8Array): Uint8Array => sha256(NODE, left, right);

function levelAbove(level: readonly Uint8Array[]): Uint8Array[] {
  const above: Uint8Array[] = [];
  for (let at = 0; at < level.length; at += 2) above.push(at + 1 < level.length ? join(level[at], level[at + 1]) : level[at]);
  return above;
}

/** Root of a list of leaf hashes. */
export function merkleRoot(leaves: readonly Uint8Array[]): Uint8Array {
  if (leaves.length === 0) return EMPTY;
  let level = leaves;
  while (level.length > 1) level = levelAbove(level);
  return level[0];
}

/** The siblings from leaf `index` up to the root; a level where the node moves up alone has none. */
export function merklePath(leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  const path: Uint8Array[] = [];
  let level = leaves;
  let at = index;
  while (level.length > 1) {
    const sibling = at ^ 1;
    if (sibling < level.length) path.push(level[sibling]);
    level = levelAbove(level);
    at >>= 1;
  }
  return path;
}

/** The root that a leaf at `index` of `count` leads to through these siblings, or undefined if their number is wrong. */
export function rootOfPath(leaf: Uint8Array, index: number, count: number, path: readonly Uint8Array[]): Uint8Array | undefined {
  if (!Number.isInteger(index) || index < 0 || index >= count) return undefined;
  let hash = leaf;
  let at = index;
  let used = 0;
  for (let size = count; size > 1; size = (size + 1) >> 1) {
    const sibling = at ^ 1;
    if (sibling < size) {
      if (used === path.length) return undefined;
      const other = path[used++];
      hash = at & 1 ? join(other, hash) : join(hash, other);
    }
    at >>= 1;
  }
  return used === path.length ? hash : undefined;
}
