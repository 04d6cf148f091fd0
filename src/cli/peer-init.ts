/** `intermodel peer init`: the configurations of a network that is started by hand. */

import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { WIRE_TYPES } from '../core/closed-lists.js';
import { EnvironmentError } from '../core/errors.js';
import { demoRoster } from '../demo/demo-roster.js';
import type { WireType } from '../network/index.js';
import { type Plan, type PlannedFile, planNetwork } from '../process/plan.js';
import { DATA_CHOICES } from '../run/named-data.js';
import { wholeNumber } from './backend-option.js';
import { printOut } from './print.js';
import { addSettingOptions, givenSettings } from './setting-options.js';

interface InitFlags {
  readonly participants: number;
  readonly out: string;
  readonly seed: number;
  readonly host: string;
  readonly port: number;
  readonly data: string;
  readonly wire: WireType;
  readonly json?: boolean;
}

export function addPeerInit(peer: Command): void {
  const command = peer
    .command('init')
    .description('write the configurations of a network that you start by hand, with fresh keys')
    .requiredOption('--participants <number>', 'how many take part', wholeNumber)
    .requiredOption('--out <folder>', 'where to write coordinator.json and peer-0.json, peer-1.json, ...')
    .option('--seed <number>', 'shards, initial weights and orders follow from it; keys never do', wholeNumber, 7)
    .option('--host <multiaddr>', 'where the coordinator of the ledger can be reached', '/ip4/127.0.0.1')
    .option('--port <number>', 'its port', wholeNumber, 4001)
    .option('--data <name>', DATA_CHOICES, 'mnist')
    .addOption(new Option('--wire <type>', 'how numbers travel').choices(WIRE_TYPES).default('f32'))
    .option('--json', 'print JSON');
  addSettingOptions(command, { except: ['participants'] }).action(init);
}

async function init(flags: InitFlags): Promise<void> {
  const { participants, out, seed, host, port, data, wire } = flags;
  const settings = givenSettings(flags);
  const plan = await planNetwork({ roster: demoRoster, participants, seed, host, port, data, wire, settings });
  await writeAll(out, [plan.coordinator, ...plan.peers]);
  printOut(flags.json === true ? JSON.stringify(summary(out, plan)) : describe(out, plan));
}

function summary(out: string, { coordinator, peers, address }: Plan): object {
  const named = ({ name, key }: PlannedFile) => ({ file: join(out, name), key });
  return { coordinator: { ...named(coordinator), address }, peers: peers.map(named) };
}

function describe(out: string, { coordinator, peers, address }: Plan): string {
  return [
    `${peers.length + 1} configurations written; each holds a private key, so keep them where no other user can read them.`,
    `On the machine with ${address}:`,
    `  intermodel ledger serve --config ${join(out, coordinator.name)}`,
    `Then, each on any machine that reaches it:`,
    ...peers.map(({ name }) => `  intermodel peer --config ${join(out, name)}`),
  ].join('\n');
}

/** All or, where one is there already, none; each for its owner only. */
async function writeAll(folder: string, files: readonly PlannedFile[]): Promise<void> {
  await tried(folder, () => mkdir(folder, { recursive: true }));
  for (const { name } of files) if (await exists(join(folder, name))) throw failure(join(folder, name), 'there is such a file already');
  for (const { name, config } of files) {
    const path = join(folder, name);
    await tried(path, () => writeFile(path, `${JSON.stringify(config, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' }));
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function tried(path: string, write: () => Promise<unknown>): Promise<void> {
  try {
    await write();
  } catch (error) {
    throw failure(path, (error as Error).message);
  }
}

function failure(path: string, reason: string): EnvironmentError {
  return new EnvironmentError('BTM_IO', `cannot write ${path}`, [{ what: path, reason }], ['choose another --out']);
}
