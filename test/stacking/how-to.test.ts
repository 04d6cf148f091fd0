// The commands of docs/how-to/rank-a-pool.md run as they stand, on the files that ship with it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';
import { intermodel } from '../cli/run.js';

const folder = join(packageRoot, 'docs/how-to/rank-a-pool');
const text = readFileSync(`${folder}.md`, 'utf8');
const commands = [...text.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block]) => block.trim().split('\n'));

/** What each command must print, in the order of the page. */
const PRINTS: readonly RegExp[] = [
  /1 +petals [\s\S]*tree .*no effect found[\s\S]*No vote or router/,
  /every set was looked at[\s\S]* 1 +1 .* petals\n[\s\S]*Keep petals, sepals, tree, shuffled: [\s\S]*Drop none\./,
  /Copies of one another: petals, petals-again/,
  /1 +petals /,
  /1 +large [\s\S]*No router over these models/,
  /Keep petals: the best set whose cost is at most 2/,
];

t.equal(commands.length, PRINTS.length, 'every command has its expected output here');
commands.forEach((command, k) => {
  t.test(command, async (t) => {
    const [name, ...words] = command.split(' ');
    t.equal(name, 'intermodel');
    const run = intermodel(words, { cwd: folder });
    t.equal(run.code, 0, run.stderr);
    t.match(run.stdout, PRINTS[k]);
  });
});
