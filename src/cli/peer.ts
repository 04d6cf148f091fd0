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
        onProgress: (phase, done, total) => process.stderr.write(`${phase} ${done} of ${total}\n`),
      });
      if (flags.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
      else
        process.stdout.write(
          `done: accuracy ${result.reached.headAccuracy.toFixed(3)} with the network, ${result.reached.proxyAccuracy.toFixed(3)} without\n`,
        );
    });
}
