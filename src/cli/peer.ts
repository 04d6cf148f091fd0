/** `intermodel peer`: one participant of a network of processes, from a configuration file. */
import type { Command } from 'commander';
import { InputError } from '../core/errors.js';
import { type PeerConfig, readPeerConfig } from '../process/peer-config.js';
import type { PeerResult } from '../run/protocol.js';
import { abortOnInterrupt } from './interrupt.js';
import { addPeerInit } from './peer-init.js';
import { printNote, printOut } from './print.js';

interface PeerFlags {
  readonly config?: string;
  readonly json?: boolean;
}

export function peerCommand(program: Command): void {
  const peer = program
    .command('peer')
    .description('run one participant from a configuration file (docs/concepts/network.md)')
    .option('--config <file>', 'JSON: who it is, where the ledger is kept, what it trains')
    .option('--json', 'print what it measured')
    .enablePositionalOptions() // --json after `init` belongs to init
    .action(run);
  addPeerInit(peer);
}

async function run(flags: PeerFlags): Promise<void> {
  const [{ demoRoster }, { runPeer }] = await Promise.all([import('../demo/demo-roster.js'), import('../process/peer.js')]);
  const config = await readPeerConfig(configOf(flags));
  const interrupt = abortOnInterrupt(whatIsKept(config));
  try {
    const onProgress = ({ phase, done, total }: { phase: string; done: number; total: number }) =>
      printNote(`${phase} ${done} of ${total}`);
    const result = await runPeer(config, { roster: demoRoster, signal: interrupt.signal, onProgress, onWaiting: printNote });
    printOut(flags.json === true ? JSON.stringify(result) : describe(result));
  } finally {
    interrupt.dispose();
  }
}

/** Not a required option: commander would ask it of `peer init` too. */
function configOf({ config }: PeerFlags): string {
  if (config !== undefined) return config;
  throw new InputError('BTM_TYPE', 'must be given', { argument: '--config', remedy: '`intermodel peer init` writes such files.' });
}

function whatIsKept({ state }: PeerConfig): string {
  if (state === undefined) return 'its configuration names no state file, so what it has learnt is not kept';
  return `what it has learnt is kept in ${state}; start it again to take its place back`;
}

function describe({ evaluation: { head, proxy } }: PeerResult): string {
  const show = ({ loss, accuracy }: typeof head) =>
    accuracy === null ? `loss ${loss.toFixed(4)}` : `accuracy ${accuracy.toFixed(3)}, loss ${loss.toFixed(4)}`;
  return `done: ${show(head)} with the network, ${show(proxy)} without`;
}
