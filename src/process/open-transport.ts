/** A libp2p node from a configuration; what is wrong with its addresses is a typed error. */
import { EnvironmentError, InputError } from '../core/errors.js';
import { createIdentity, Libp2pTransport, type PeerKey, type WireType } from '../network/index.js';

/** The fields that say who a process is and where. */
export interface NodeConfig {
  readonly identity: string;
  readonly listen: readonly string[];
  readonly discovery: {
    readonly bootstrap?: readonly string[] | undefined;
    readonly mdns?: boolean | undefined;
    readonly dht?: boolean | undefined;
  };
  readonly wire?: WireType;
}

/** @throws EnvironmentError BTM_IO when it cannot listen there, BTM_NO_PACKAGE without libp2p */
export async function openTransport({ identity, listen, discovery, wire = 'f32' }: NodeConfig): Promise<Libp2pTransport> {
  const seed = Buffer.from(identity, 'hex');
  const given = Object.fromEntries(Object.entries(discovery).filter(([, value]) => value !== undefined));
  try {
    return await Libp2pTransport.start({ identity: createIdentity(seed), listen, wire, discovery: given });
  } catch (error) {
    if (error instanceof EnvironmentError) throw error;
    throw new EnvironmentError(
      'BTM_IO',
      'no network node could be started',
      [{ what: `listening on ${listen.join(', ')}`, reason: (error as Error).message }],
      ['check `listen` and `discovery` in the configuration, and that no other process has the port'],
    );
  }
}

/** Tells the node where the coordinator is. @throws InputError BTM_DOMAIN when that is not a multiaddr */
export async function introduceCoordinator(transport: Libp2pTransport, key: PeerKey, addresses: readonly string[]): Promise<void> {
  if (addresses.length === 0) return; // it is to be discovered
  try {
    await transport.introduce(key, addresses);
  } catch (error) {
    throw new InputError('BTM_DOMAIN', `cannot be used: ${(error as Error).message}`, {
      argument: 'config.coordinator',
      value: addresses,
      remedy: 'Give the key and the addresses that `intermodel ledger serve` prints.',
    });
  }
}
