/** Where a participant can be reached, as one text on the ledger. */

/** Most bytes the ledger keeps for an endpoint. */
const LONGEST = 256;

const SEPARATOR = ',';

/**
 * The addresses that others can use, without the peer id at their end, which follows from the key. Loopback only when there is nothing else: to another machine it
 * would mean itself.
 */
export function endpointOf(addresses: readonly string[]): string {
  const bare = addresses.map((address) => address.replace(/\/p2p\/[^/]+$/, ''));
  const outward = bare.filter((address) => !isLoopback(address));
  let endpoint = '';
  for (const address of outward.length > 0 ? outward : bare) {
    const longer = endpoint === '' ? address : endpoint + SEPARATOR + address;
    if (Buffer.byteLength(longer) <= LONGEST) endpoint = longer;
  }
  return endpoint;
}

/** The addresses in what {@link endpointOf} gave. */
export function addressesIn(endpoint: string): string[] {
  return endpoint.split(SEPARATOR);
}

/** Whether only this machine itself can use the address. */
export function isLoopback(address: string): boolean {
  return /^\/ip4\/127\.|^\/ip6\/::1\//.test(address);
}
