// One place prints the command of a run, from the options that were typed; the options of settings are made from their schema.
import { Command } from 'commander';
import t from 'tap';
import { commandLine } from '../../src/cli/command-line.js';
import { demoCommand } from '../../src/cli/demo.js';
import { addPeerInit } from '../../src/cli/peer-init.js';
import { givenSettings } from '../../src/cli/setting-options.js';
import { describeSettings } from '../../src/run/settings.js';

/** The demo command with these words parsed, and nothing run. */
async function parsed(...words: string[]): Promise<Command> {
  const program = new Command();
  demoCommand(program);
  const command = program.commands[0]!.action(() => undefined);
  await program.parseAsync(['demo', ...words], { from: 'user' });
  return command;
}

t.test('a command repeats what decides the result, and nothing else', async (t) => {
  const typed = ['--processes', '--wire', 'int8', '--data', "my digits'", '--kill', '1,2@3', '--no-students', '--rounds', '12', '--k', '4'];
  const command = await parsed(...typed, '--json', '--out', 'page.html');
  const line = commandLine(command, { seed: 7, participants: 8 });
  const words = ['--seed 7', '--participants 8', '--processes', '--wire int8', "--data 'my digits'\\'''", '--kill 1,2@3', '--no-students'];
  for (const word of [...words, '--rounds 12', '--k 4']) t.ok(` ${line} `.includes(` ${word} `), word);
  t.match(line, /^intermodel demo --/);
  t.equal(line.split(' --').length - 1, 9, 'no option beside these');
  t.equal(commandLine(await parsed('--seed', '3'), { seed: 7 }), 'intermodel demo --seed 3');
});

t.test('every setting of a run is an option of demo and of peer init', async (t) => {
  const numbers = describeSettings().filter(({ choices }) => choices === undefined);
  const flagOf = (name: string) => (name === 'gateK' ? '--k' : `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`);
  const words = numbers.flatMap(({ name }, index) => [flagOf(name), String(index + 1)]);
  const command = await parsed(...words, '--estimator', 'diagonal', '--emission', 'l1');
  const wanted = Object.fromEntries(numbers.map(({ name }, index) => [name, index + 1]));
  t.same(givenSettings(command.opts()), { ...wanted, estimator: 'diagonal', emission: 'l1' });
  t.same(givenSettings((await parsed()).opts()), {}, 'a setting that was not typed is not given');
  const peer = new Command('peer');
  addPeerInit(peer);
  const flags = peer.commands[0]!.options.map(({ long }) => long);
  t.same(
    describeSettings().filter(({ name }) => !flags.includes(flagOf(name))),
    [],
  );
});
