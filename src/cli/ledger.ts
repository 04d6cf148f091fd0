/** `intermodel ledger`: start, feed, read, check, prove, move and audit a ledger. */
import type { Command } from 'commander';
import { addBackendOptions, wholeNumber } from './backend-option.js';
import type { Flags } from './ledger-place.js';
import { auditKey, check, prove, showBlock, status, verify } from './ledger-read.js';
import type { ServeFlags } from './ledger-serve.js';
import { closeEmptyBlock, exportTo, importFrom, init, makeKey, snapshot, submit } from './ledger-write.js';

export function ledgerCommand(program: Command): void {
  const ledger = program
    .command('ledger')
    .description('keep a ledger in an SQLite file, or in etcd (http://host:port,...) (docs/concepts/ledger.md)');
  const add = (text: string, description: string): Command =>
    ledger
      .command(text)
      .description(description)
      .option('--json', 'print JSON')
      .option('--prefix <name>', 'prefix of the keys of the ledger in etcd', 'intermodel');
  add('key <file>', 'make a new key in a file that only you can read').action(makeKey);
  add('init <ledger> <genesis>', 'start a ledger from a genesis file').action(init);
  add('submit <ledger> <action>', 'sign an action (JSON, or @file) and wait until a block that contains it is durable')
    .requiredOption('--key <file>', "the sender's key")
    .action(submit);
  add('status <ledger>', 'show head, supply and participants')
    .option('--follow', 'then print every new block as a line of JSON')
    .action(status);
  add('block <ledger> [height]', 'show one block, or close an empty one when no height is given').action(
    (place: string, height: string | undefined, flags: Flags) =>
      height === undefined ? closeEmptyBlock(place, flags) : showBlock(place, wholeNumber(height), flags),
  );
  add('verify <ledger>', 'replay everything and report the first wrong byte')
    .option('--head <hash>', 'hash of a block that you saw before: an older copy, or another history, does not contain it')
    .option('--min-height <number>', 'the least number of blocks that there must be', wholeNumber)
    .action(verify);
  add('prove <ledger> <key>', "prove a key's balance, stake, ranking and row").action(prove);
  add('check <proof> <block-hash>', 'check a proof with nothing but the hash of a block that you trust').action(check);
  add('export <ledger> <file>', 'write genesis and blocks to one file').action(exportTo);
  add('import <file> <ledger>', 'read an export into a new ledger, all of it or nothing').action(importFrom);
  add('snapshot <ledger>', 'keep the present state, so that opening is fast')
    .option('--prune', 'forget the blocks before it')
    .action(snapshot);
  ledger
    .command('serve')
    .description('keep the ledger of a network whose participants run elsewhere (docs/concepts/network.md)')
    .requiredOption('--config <file>', 'JSON: its key, where it listens, how the ledger begins and where it is kept')
    .option('--once', 'end when all participants have delivered their results')
    .option('--json', 'print what happens as lines of JSON')
    .action(async (flags: ServeFlags) => (await import('./ledger-serve.js')).serve(flags)); // libp2p takes long to load
  addBackendOptions(add('audit <ledger> <key> <evidence>', 'recompute a published row from responses, head and data (docs/rank-input.md)'))
    .option('--evidence-hash <sha256>', 'what the evidence must hash to (default: sha256=... in the endpoint)')
    .action(auditKey);
}
