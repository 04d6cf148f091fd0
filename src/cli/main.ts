#!/usr/bin/env node
/** The command `intermodel`: one file per subcommand, formatting only. */
import { Command } from 'commander';
import { packageVersion } from '../backend/index.js';
import { reportFailure } from './failure.js';
import { checkNeeds, missingNeeds } from './needs.js';
import { guardOutput } from './output.js';

type Add = (program: Command) => void;

/** Every subcommand. Only the one that is asked for is loaded; all are for the list of commands. */
const COMMANDS: Readonly<Record<string, () => Promise<Add>>> = {
  build: async () => (await import('./build.js')).buildCommand,
  demo: async () => (await import('./demo.js')).demoCommand,
  distill: async () => (await import('./distill.js')).distillCommand,
  doctor: async () => (await import('./doctor.js')).doctorCommand,
  ledger: async () => (await import('./ledger.js')).ledgerCommand,
  peer: async () => (await import('./peer.js')).peerCommand,
  rank: async () => (await import('./rank.js')).rankCommand,
  report: async () => (await import('./report.js')).reportCommand,
  scenario: async () => (await import('./scenario.js')).scenarioCommand,
  select: async () => (await import('./select.js')).selectCommand,
  simulate: async () => (await import('./simulate.js')).simulateCommand,
  sweep: async () => (await import('./sweep.js')).sweepCommand,
};

async function main(): Promise<void> {
  const program = new Command('intermodel')
    .description('Measure a model by what it is worth to other models.')
    .version(packageVersion)
    .enablePositionalOptions() // what comes after a subcommand belongs to it
    .showHelpAfterError('(add --help for the options)')
    .exitOverride(); // throws instead of ending the process at once, so that a failure to print is still noticed
  const [name = '', ...words] = process.argv.slice(2);
  const named = COMMANDS[name];
  if (named === undefined) await addAll(program);
  else {
    checkNeeds(name, words);
    (await named())(program);
  }
  await program.parseAsync();
}

/** For the list of commands. One whose packages are not installed is listed with their names. */
async function addAll(program: Command): Promise<void> {
  for (const [name, load] of Object.entries(COMMANDS)) {
    const missing = missingNeeds(name, []);
    if (missing.length === 0) (await load())(program);
    else program.command(name).description(`needs optional packages: ${missing.join(', ')}`);
  }
}

guardOutput();
main().catch(reportFailure);
