/** How peers are found, as the caller says it. */

/** How peers are found. Nothing is contacted unless it is named here. */
export interface Discovery {
  /** Multiaddrs, each with a peer id, that are dialled at the start. */
  readonly bootstrap?: readonly string[];
  /**
   * Multicast on the local network: nodes of this package that announce themselves there are dialled. What is announced are
   * the addresses of `listen`, so other machines need one that they can reach; loopback serves this machine only.
   */
  readonly mdns?: boolean;
  /** A Kademlia table of this network's own, so that a key is enough to find a peer. */
  readonly dht?: boolean;
}
