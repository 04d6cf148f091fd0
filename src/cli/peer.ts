/** `intermodel peer`: one participant of a network of processes, from a configuration file. */
import type { Command } from 'commander';
import { readPeerConfig } from '../participant/process/config.js';
import { runPeer } from '../participant/process/peer.js';

export function peerCommand(program: Command): void {
  program
    .command('peer')
    .description('run one participant from a configuration file (docs/concepts/network.md)')
    .requiredOption('--config <file>', 'JSON: who it is, where the ledger is kept, what it trains')
    .option('--json', 'print what it measured')
    .action(async (flags: { readonly config: string; readonly json?: boolean }) => {
      const config = await readPeerConfig(flags.config);
      const result = await runPeer(config, {
        onProgress: ({ phase, done, total }) => process.stderr.write(`${phase} ${done} of ${total}\n`),
      });
      const { head, proxy } = result.reached;
      const show = ({ loss, accuracy }: typeof head) =>
        accuracy === null ? `loss ${loss.toFixed(4)}` : `accuracy ${accuracy.toFixed(3)}, loss ${loss.toFixed(4)}`;
      const text = `done: ${show(head)} with the network, ${show(proxy)} without`;
      process.stdout.write(`${flags.json === true ? JSON.stringify(result) : text}\n`);
    });
}
