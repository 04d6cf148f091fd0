#!/usr/bin/env node
/** The command `intermodel`: one file per subcommand, formatting only. */
import { Command } from 'commander';
import { packageVersion } from '../backend/index.js';
import { buildCommand } from './build.js';
import { demoCommand } from './demo.js';
import { distillCommand } from './distill.js';
import { doctorCommand } from './doctor.js';
import { reportFailure } from './failure.js';
import { ledgerCommand } from './ledger.js';
import { rankCommand } from './rank.js';
import { reportCommand } from './report.js';

const program = new Command('intermodel')
  .description('Measure a model by what it is worth to other models.')
  .version(packageVersion)
  .showHelpAfterError('(add --help for the options)');

for (const add of [buildCommand, demoCommand, distillCommand, doctorCommand, ledgerCommand, rankCommand, reportCommand]) add(program);

program.parseAsync().catch(reportFailure);
