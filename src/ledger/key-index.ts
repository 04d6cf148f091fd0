/**
 * A persistent map from public key to account: a trie over the key's hexadecimal digits, 16 ways a level. Adding a key copies the few nodes
 * on its way and shares the others, so that every state keeps its own index at no cost. Keys of accounts never leave it.
 */

/** A node holds, per digit, nothing, an account number or a further node. */
export type KeyNode = readonly (number | KeyNode | undefined)[];

export const EMPTY_INDEX: KeyNode = new Array<undefined>(16).fill(undefined);

type KeyOf = (account: number) => string;

function digit(key: string, depth: number): number {
  const code = key.charCodeAt(depth);
  return code < 58 ? code - 48 : code - 87;
}

/** The account of a key, or undefined. */
export function findKey(root: KeyNode, key: string, keyOf: KeyOf): number | undefined {
  let node = root;
  for (let depth = 0; ; depth++) {
    const entry = node[digit(key, depth)];
    if (entry === undefined) return undefined;
    if (typeof entry === 'number') return keyOf(entry) === key ? entry : undefined;
    node = entry;
  }
}

/** The index with one more key. The key must not be in it. */
export function addKey(node: KeyNode, key: string, account: number, keyOf: KeyOf, depth = 0): KeyNode {
  const copy = node.slice();
  const at = digit(key, depth);
  const entry = node[at];
  if (entry === undefined) copy[at] = account;
  else if (typeof entry === 'number') {
    const pushed = EMPTY_INDEX.slice();
    pushed[digit(keyOf(entry), depth + 1)] = entry;
    copy[at] = addKey(pushed, key, account, keyOf, depth + 1);
  } else copy[at] = addKey(entry, key, account, keyOf, depth + 1);
  return copy;
}

/** Builds the index of many keys at once, editing nodes that are not shared yet. */
export function indexOf(keys: readonly string[]): KeyNode {
  type Draft = (number | Draft | undefined)[];
  const root: Draft = EMPTY_INDEX.slice() as Draft;
  for (let account = 0; account < keys.length; account++) {
    const key = keys[account];
    let node = root;
    for (let depth = 0; ; depth++) {
      const at = digit(key, depth);
      const entry = node[at];
      if (entry === undefined) {
        node[at] = account;
        break;
      }
      if (typeof entry === 'number') {
        const pushed = EMPTY_INDEX.slice() as Draft;
        pushed[digit(keys[entry], depth + 1)] = entry;
        node[at] = pushed;
        node = pushed;
      } else node = entry;
    }
  }
  return root as KeyNode;
}
