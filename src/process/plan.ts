/** Configurations of a whole network that is started by hand: one for the coordinator of the ledger, one for every participant, with fresh keys. */
import { InputError } from '../core/errors.js';
import { checkInteger } from '../core/validate.js';
import type { Genesis } from '../ledger/index.js';
import { createIdentity, type Identity, type PeerKey, type WireType } from '../network/index.js';
import { genesisOf } from '../run/genesis.js';
import { placeOfData } from '../run/named-data.js';
import type { Roster } from '../run/roster.js';
import { type RunSettings, resolveSettings } from '../run/settings.js';
import { isLoopback } from './endpoint.js';

/** What to plan. */
export interface PlanOptions {
  /** Who plays; it refuses what no participant could play. */
  readonly roster: Roster;
  readonly participants: number;
  /** Shards, initial weights and orders follow from it; keys never do. Default 7. */
  readonly seed?: number;
  /** Where the coordinator can be reached, without its port. Default /ip4/127.0.0.1: everything on one machine. */
  readonly host?: string;
  /** The coordinator's port. Default 4001. */
  readonly port?: number;
  /** 'mnist', 'text', 'table', FILE.csv#COLUMN, or a folder of IDX files. Default 'mnist'. */
  readonly data?: string;
  readonly wire?: WireType;
  /** Settings that differ from the defaults. */
  readonly settings?: Partial<RunSettings>;
}

/** A planned file: what to call it, and the JSON in it. */
export interface PlannedFile {
  readonly name: string;
  readonly key: PeerKey;
  readonly config: object;
}

/** A planned network. */
export interface Plan {
  readonly coordinator: PlannedFile;
  /** The coordinator's multiaddr, as the participants have it. */
  readonly address: string;
  readonly peers: readonly PlannedFile[];
}

/**
 * Plans a network. Keys are drawn from the operating system.
 *
 * @throws InputError naming the option; EnvironmentError without the data
 */
export async function planNetwork(options: PlanOptions): Promise<Plan> {
  const { participants, seed = 7, host = '/ip4/127.0.0.1', port = 4001, data = 'mnist', wire = 'f32' } = options;
  checkInteger('seed', seed, 0);
  const place = placeOfData(data, process.cwd());
  const given = { ...options.settings, participants };
  const settings = resolveSettings({ ...(await options.roster.defaults({ given, seed, data: place })), ...given });
  const { inputWidth } = await options.roster.plan({ settings, seed, data: place });
  const coordinator = createIdentity();
  const peers = Array.from({ length: participants }, () => createIdentity());
  const address = `${checkHost(host)}/tcp/${checkInteger('port', port, 1, 65_535)}`;
  const told = { key: coordinator.key, addresses: [address] };
  const shared = {
    seed,
    listen: [`${widest(host)}/tcp/0`],
    coordinator: told,
    wire,
    data: place,
    inputWidth,
  };
  return {
    coordinator: {
      name: 'coordinator.json',
      key: coordinator.key,
      config: { ...coordinatorConfig(coordinator, peers, `${own(host)}/tcp/${port}`, settings), run: { seed, settings, inputWidth } },
    },
    address,
    peers: peers.map((identity, index) => ({
      name: `peer-${index}.json`,
      key: identity.key,
      config: { formatVersion: 1, identity: hexOf(identity), ...shared, state: `peer-${index}.state`, settings },
    })),
  };
}

function coordinatorConfig(identity: Identity, peers: readonly Identity[], listen: string, settings: RunSettings): object {
  const genesis = genesisOf(
    peers.map(({ key }) => key),
    settings,
  );
  return { formatVersion: 1, identity: hexOf(identity), listen: [listen], store: 'ledger.sqlite', genesis: asFile(genesis) };
}

/** In the form of a genesis file, with the first rows by name. */
function asFile({ parameters, participants = [] }: Genesis): object {
  const rules = { ...parameters, tau: String(parameters?.tau) };
  return { parameters: rules, participants: participants.map(({ key, stake }) => ({ key, stake: String(stake) })), rows: 'equal' };
}

function checkHost(host: string): string {
  if (/^\/(ip4|ip6|dns|dns4|dns6)\/[^/]+$/.test(host)) return host;
  throw new InputError('BTM_DOMAIN', 'must be the start of a multiaddr', {
    argument: 'host',
    value: host,
    remedy: 'For instance /ip4/192.168.1.5 or /dns4/example.org.',
  });
}

/** Where the coordinator itself listens: a name says nothing about the addresses of a machine. */
function own(host: string): string {
  return host.startsWith('/dns') ? widest(host) : host;
}

/** All addresses of whatever machine a participant runs on, unless the whole network lives on one. */
function widest(host: string): string {
  if (isLoopback(`${host}/`)) return host;
  return host.startsWith('/ip6') ? '/ip6/::' : '/ip4/0.0.0.0';
}

function hexOf({ seed }: Identity): string {
  return Buffer.from(seed).toString('hex');
}
