/** Texts that others chose, in everything that is shown: only line ends of this package steer a terminal. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';
import { textTable } from '../../src/cli/text-table.js';
import { renderSvg } from '../../src/report/figure.js';
import { html } from '../../src/report/markup.js';

/** What would steer a terminal or a page, and what is shown of it. */
const TEXTS: readonly (readonly [string, string])[] = [
  ['\u001b[2J\u001b]0;title\u0007', '\\u001b[2J\\u001b]0;title\\u0007'],
  ['back\b\b\b\rover', 'back\\u0008\\u0008\\u0008\\u000dover'],
  ['\u009b31mred', '\\u009b31mred'],
  ['left\u202eright\u2066\u200f', 'left\\u202eright\\u2066\\u200f'],
  ['nothing\u200b\ufeff\u2028here', 'nothing\\u200b\\ufeff\\u2028here'],
  ['/dns4/höst/tcp/1 世界', '/dns4/höst/tcp/1 世界'],
];

const TAB = 'a\tb';

t.test('on stdout and on stderr', async (t) => {
  const script = `import { printNote, printOut } from ${JSON.stringify(join(packageRoot, 'lib/src/cli/print.js'))};
    const { argv } = process; printOut(argv[1]); printNote('note ' + argv[1]);`;
  const given = [...TEXTS.map(([text]) => text), TAB].join('\n');
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, given], { encoding: 'utf8' });
  const shown = [...TEXTS.map(([, text]) => text), 'a\\u0009b'].join('\n');
  t.equal(stdout, `${shown}\n`);
  t.equal(stderr, `note ${shown}\n`);
});

t.test('in a cell of a table no line ends either', async (t) => {
  for (const [given, shown] of TEXTS) t.equal(textTable(['a'], [[`x\n${given}`]]).split('\n')[2], `x\\u000a${shown}`);
});

t.test('on a page, and in a figure', async (t) => {
  for (const [given, shown] of TEXTS) t.equal(html`<p>${given}</p>`.text, `<p>${shown}</p>`);
  t.equal(html`<pre>${`two\n${TAB}`}</pre>`.text, `<pre>two\n${TAB}</pre>`);
  const values = TEXTS.map(([name], at) => ({ name, at }));
  const spec = { data: { values }, mark: 'point', encoding: { x: { field: 'at' }, y: { field: 'name' } } } as never;
  const svg = await renderSvg({ name: 'names', title: TEXTS[0][0], caption: TEXTS[3][0], spec });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there
  t.notMatch(svg, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u200f\u2028\u202e\u2066\ufeff]/);
  for (const at of [2, 3, 5]) t.ok(svg.includes(TEXTS[at][1]), TEXTS[at][1]);
});

t.test('one file writes to the terminal', async (t) => {
  const writers: string[] = [];
  for (const name of readdirSync(join(packageRoot, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue;
    const code = readFileSync(join(packageRoot, 'src', name), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
    if (/\bconsole\.|process\.stdout\b|process\.stderr\b|emitWarning\(/.test(code)) writers.push(name);
  }
  // output.ts listens for failures of the streams; the bar of progress.ts draws a title of this package; figure.ts escapes its warnings.
  t.same(writers.sort(), ['cli/output.ts', 'cli/print.ts', 'cli/progress.ts', 'report/figure.ts']);
});
