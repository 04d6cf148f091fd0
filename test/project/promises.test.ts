/** Every promise has an owner. Floating ones are found by the linter (noFloatingPromises); here are the ways around it. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';

/** A way of leaving a promise without an owner, and lines that show what it means. */
interface Way {
  readonly name: string;
  readonly found: (line: string, above: string) => boolean;
  readonly bad: readonly string[];
  readonly good: readonly string[];
}

/** Calls that give no promise, after `void`. */
const PLAIN = /\bvoid (setTimeout\(|process\.std(out|err)\.write\(|\w+\.push\()/;

const WAYS: readonly Way[] = [
  {
    name: 'void before a call',
    found: (line) => /(^|[=>({;,&|?]) *void [a-z#(]/i.test(line) && !PLAIN.test(line),
    bad: ['void this.#close();', 'onBlock: () => void run(),', '  void (async () => {'],
    good: ['wait: () => void;', 'void process.stderr.write(line);', '() => void setTimeout(f, 1)', 'close(): Promise<void>'],
  },
  {
    name: 'an asynchronous listener or timer',
    found: (line) =>
      /\b(addEventListener|on|once|setTimeout|setInterval|setImmediate|nextTick|queueMicrotask|after)\(.*\basync\b/.test(line),
    bad: ["node.addEventListener('peer', async (event) => {", 'clock.after(5, async () => {', "child.on('exit', async () => {"],
    good: ["child.on('exit', () => {", "tasks.run('announcement', async () => {"],
  },
  {
    name: 'a failure that is dropped without a reason',
    found: (line, above) => /\.catch\(\(\w*\) => (\{\}|undefined|null|false)\)/.test(line) && !/\/\/|\*\//.test(line + above),
    bad: ['work.catch(() => {});', 'await told.catch(() => undefined);'],
    good: ['work.catch(() => {}); // told to those who race with it', 'const failed = work.catch((error: unknown) => error);'],
  },
];

t.test('no promise in src is left without an owner', async (t) => {
  const found: string[] = [];
  const names = readdirSync(join(packageRoot, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  t.ok(names.includes('ledger/ledger.ts'), `${names.length} files`);
  for (const name of names) {
    const lines = readFileSync(join(packageRoot, 'src', name), 'utf8').split('\n');
    for (const [at, line] of lines.entries()) {
      const above = lines.slice(Math.max(0, at - 2), at).join('\n');
      for (const way of WAYS) if (way.found(line, above)) found.push(`${name}:${at + 1}: ${way.name}: ${line.trim()}`);
    }
  }
  t.same(found, []);
});

t.test('each way is recognised', async (t) => {
  for (const { name, found, bad, good } of WAYS) {
    for (const line of bad) t.ok(found(line, ''), `${name}: ${line}`);
    for (const line of good) t.notOk(found(line, ''), `not ${name}: ${line}`);
  }
});
