/** `intermodel ledger`: start, feed, read, check, prove, move and audit a ledger. */
import type { Command } from 'commander';
import { addBackendOptions, wholeNumber } from './backend-option.js';
import type { Flags } from './ledger-place.js';
import type { ServeFlags } from './ledger-serve.js';

/** Each command loads what it alone needs: checking a proof does not wait for the schemas of genesis files. */
const READ = () => import('./ledger-read.js');
const WRITE = () => import('./ledger-write.js');

/** The function `name` of a module that is loaded when it is called. */
function lazy<M extends Record<K, (...args: never[]) => unknown>, K extends string>(load: () => Promise<M>, name: K) {
  return async (...args: Parameters<M[K]>): Promise<void> => {
    await (await load())[name](...args);
  };
}

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
  add('key <file>', 'make a new key in a file that only you can read').action(lazy(WRITE, 'makeKey'));
  add('init <ledger> <genesis>', 'start a ledger from a genesis file').action(lazy(WRITE, 'init'));
  add('submit <ledger> <action>', 'sign an action (JSON, or @file) and wait until a block that contains it is durable')
    .requiredOption('--key <file>', "the sender's key")
    .action(lazy(WRITE, 'submit'));
  add('status <ledger>', 'show head, supply and participants')
    .option('--follow', 'then print every new block as a line of JSON')
    .action(lazy(READ, 'status'));
  add('block <ledger> [height]', 'show one block, or close an empty one when no height is given').action(
    async (place: string, height: string | undefined, flags: Flags) =>
      height === undefined ? (await WRITE()).closeEmptyBlock(place, flags) : (await READ()).showBlock(place, wholeNumber(height), flags),
  );
  add('verify <ledger>', 'replay everything and report the first wrong byte')
    .option('--head <hash>', 'hash of a block that you saw before: an older copy, or another history, does not contain it')
    .option('--min-height <number>', 'the least number of blocks that there must be', wholeNumber)
    .action(lazy(READ, 'verify'));
  add('prove <ledger> <key>', "prove a key's balance, stake, ranking and row").action(lazy(READ, 'prove'));
  add('check <proof> <block-hash>', 'check a proof with nothing but the hash of a block that you trust').action(lazy(READ, 'check'));
  add('export <ledger> <file>', 'write genesis and blocks to one file').action(lazy(WRITE, 'exportTo'));
  add('import <file> <ledger>', 'read an export into a new ledger, all of it or nothing').action(lazy(WRITE, 'importFrom'));
  add('snapshot <ledger>', 'keep the present state, so that opening is fast')
    .option('--prune', 'forget the blocks before it')
    .action(lazy(WRITE, 'snapshot'));
  ledger
    .command('serve')
    .description('keep the ledger of a network whose participants run elsewhere (docs/concepts/network.md)')
    .requiredOption('--config <file>', 'JSON: its key, where it listens, how the ledger begins and where it is kept')
    .option('--once', 'end when all participants have delivered their results')
    .option('--json', 'print what happens as lines of JSON')
    .action(async (flags: ServeFlags) => (await import('./ledger-serve.js')).serve(flags)); // libp2p takes long to load
  addBackendOptions(add('audit <ledger> <key> <evidence>', 'recompute a published row from responses, head and data (docs/rank-input.md)'))
    .option('--evidence-hash <sha256>', 'what the evidence must hash to (default: sha256=... in the endpoint)')
    .action(lazy(READ, 'auditKey'));
}
