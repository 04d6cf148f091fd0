import t from 'tap';
import { demoReport, demoSvgFiles, renderSvg } from '../../src/report/index.js';
import { demoFixture } from './demo-fixture.js';

const COMMAND = 'intermodel demo --seed 7';
const fixture = demoFixture();
const text = await demoReport(fixture, { command: COMMAND });

t.test('the page loads nothing and runs nothing', async (t) => {
  t.notMatch(text, /<script|<iframe|<link|@import|javascript:/i);
  t.notMatch(text, /\b(src|href)="(?!#)/, 'every link stays on the page');
  t.notMatch(text, /url\((?!#)/, 'every reference stays on the page');
  const addresses = new Set(text.match(/https?:\/\/[^"'\s<)]*/g));
  t.same([...addresses].sort(), ['http://www.w3.org/1999/xlink', 'http://www.w3.org/2000/svg'], 'only the names of the SVG format');
  t.match(text, /Content-Security-Policy" content="default-src &#39;none&#39;/);
});

t.test('the same result gives the same page, byte for byte', async (t) => {
  t.equal(await demoReport(demoFixture(), { command: COMMAND }), text);
});

t.test('every participant, assumption, setting and the command are printed', async (t) => {
  for (const participant of fixture.participants) t.ok(text.split(participant.name).length > 5, participant.name);
  t.ok(text.includes('Text such as &lt;b&gt;this &amp; &quot;that&quot;&lt;/b&gt; stays text.'));
  t.ok(text.includes(`<code>${COMMAND}</code>`));
  t.ok(text.includes('mask temperature'));
  t.ok(text.includes('the competitive ranking is constant'), 'an undefined correlation says why');
  t.ok(text.includes('STEP_TOO_LARGE'), 'a refused transaction is shown');
  t.match(text, /Spearman 0\.930[^<]*Seed 7/, 'the measure against ablation');
  t.match(text, /Spearman 0\.960[^<]*Seed 7/, 'the ledger against ablation by row');
});

t.test('hostile names are inert in tables and in figures', async (t) => {
  const hostile = '<img src=x onerror=alert(1)>"\'&';
  const participants = fixture.participants.map((participant, index) => (index === 0 ? { ...participant, name: hostile } : participant));
  const page = await demoReport({ ...fixture, participants }, { command: `${COMMAND} --out "</code><script>"` });
  t.notMatch(page, /<img|<script/);
  t.ok(page.includes('&lt;img src=x onerror=alert(1)&gt;'));
});

t.test('ids are unique on the page and every reference has its target', async (t) => {
  const ids = [...text.matchAll(/\bid="([^"]+)"/g)].map((match) => match[1]!);
  t.equal(new Set(ids).size, ids.length);
  const targets = [...text.matchAll(/(?:href="#|url\(#)([^")]+)/g)].map((match) => match[1]!);
  t.ok(targets.length > 5);
  for (const target of targets) t.ok(ids.includes(target), target);
});

t.test('every figure holds one mark a number, and no value that is not a number', async (t) => {
  const files = await demoSvgFiles(fixture);
  t.same(
    files.map((file) => file.name),
    [
      'ranking-against-truth.svg',
      'ledger-against-truth.svg',
      'positions-by-method.svg',
      'loss-curves.svg',
      'weight-matrix.svg',
      'stake-over-blocks.svg',
    ],
  );
  for (const { name, svg } of files) {
    t.match(svg, /^<svg[^>]* role="img"/, `${name} is a picture with a name`);
    t.notMatch(svg, /NaN|Infinity|undefined/, name);
  }
  const matrix = files[4]!.svg;
  t.equal(matrix.match(/aria-roledescription="rect mark"/g)?.length, 256, '16 x 16 cells');
  const curves = files[3]!.svg;
  t.equal(curves.match(/aria-roledescription="line mark"/g)?.length, 64, '16 lines in 4 panels');
});

t.test('a figure that asks for an address is refused', async (t) => {
  const figure = { name: 'x', title: 'x', caption: 'x', spec: { data: { url: 'http://127.0.0.1:1/data.json' }, mark: 'point' } } as const;
  await t.rejects(
    renderSvg(figure, () => {}),
    { code: 'BTM_DOMAIN', argument: 'spec' },
  );
});

t.test('a result without the ranking that the page is about is refused', async (t) => {
  await t.rejects(demoReport({ ...fixture, rankings: [] }, { command: COMMAND }), { code: 'BTM_DOMAIN', argument: 'result.rankings' });
});

t.test('classes are listed in order, and consecutive ones as a range', async (t) => {
  const result = demoFixture();
  const classesOf = [
    [4, 2, 3],
    [9, 1],
    [7, 5, 9],
  ];
  const participants = result.participants.map((participant, at) => ({ ...participant, classes: classesOf[at % 3]! }));
  const page = await demoReport({ ...result, participants }, { command: COMMAND });
  for (const shown of ['2\u20134', '1, 9', '5, 7, 9']) t.ok(page.includes(`>${shown}<`), shown);
});
