// Builds the documentation as static pages into site/: `npm run docs`. The pages of docs/ by the question they answer, and the reference from
// the docstrings, by TypeDoc (fetched on demand); then every link and anchor of the site is checked.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isMain, root } from './common/run.mjs';
import { fetchTool } from './common/tools.mjs';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Where the source of a declaration lies. */
const sourceOf = (types) => types.replace('./lib/', '').replace(/\.d\.ts$/, '.ts');

/** The pages, in the order a reader needs them: group, title, file. Concept pages follow the names of their files. */
const PAGES = [
  ['Start', 'Install, build, bundle', 'docs/install.md'],
  ['How to', 'Embed it', 'docs/embedding.md'],
  ['How to', 'Rank your own models', 'docs/rank-input.md'],
  ['Concepts', 'Architecture', 'docs/architecture.md'],
  ...readdirSync(join(root, 'docs', 'concepts'))
    .sort()
    .map((name) => ['Concepts', titleOf(`docs/concepts/${name}`), `docs/concepts/${name}`]),
  ['The paper', 'How the paper is read', 'docs/readings.md'],
  ['The paper', 'Equation by equation', 'docs/paper-map.md'],
  ['Trust', 'Security', 'SECURITY.md'],
  ['Trust', 'Benchmarks', 'docs/benchmarks.md'],
  ['Extending', 'Contributing', 'CONTRIBUTING.md'],
  ['Extending', 'Changes', 'CHANGELOG.md'],
];

function titleOf(path) {
  return /^# (.*)$/m.exec(readFileSync(join(root, path), 'utf8'))?.[1].split(':')[0] ?? basename(path, '.md');
}

/** A copy of the pages with what TypeDoc reads at their top. Files that they link to lie where they lay. */
function layOut(folder) {
  for (const name of ['examples', 'LICENSE', 'src', 'native', 'test', 'bench', 'package.json', 'README.md']) {
    if (existsSync(join(root, name))) cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  // "[n]: text" says the shape in a docstring, and defines a link in Markdown, which shows nothing.
  for (const name of readdirSync(join(folder, 'src'), { recursive: true }).filter((path) => path.endsWith('.ts'))) {
    const path = join(folder, 'src', name);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/^(\s*(?:\/\*\*|\*) )\[([^\]\n]+)\]:/gm, '$1\\[$2]:'));
  }
  // The reference calls an entry what people import.
  for (const [path, { types }] of Object.entries(manifest.exports).filter(([, entry]) => entry.types !== undefined)) {
    const file = join(folder, sourceOf(types));
    writeFileSync(file, readFileSync(file, 'utf8').replace('*/', `\n * @module ${path.replace('.', manifest.name)}\n */`));
  }
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ extends: '../../tsconfig.json', compilerOptions: { rootDir: '.' }, include: ['src/**/*.ts'] }),
  );
  for (const [group, title, path] of PAGES) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    const text = readFileSync(join(root, path), 'utf8').replace(/^# .*\n/, '');
    writeFileSync(join(folder, path), `---\ntitle: "${title.replaceAll('"', '\\"')}"\ngroup: ${group}\n---\n\n# ${title}\n${text}`);
  }
}

async function build(out) {
  const typedoc = fetchTool('typedoc');
  const { Application } = await import(pathToFileURL(join(typedoc, 'dist', 'index.js')).href);
  const work = join(root, 'build', 'docs');
  rmSync(work, { recursive: true, force: true });
  rmSync(out, { recursive: true, force: true });
  layOut(work);
  const entryPoints = Object.values(manifest.exports).flatMap((entry) => (entry.types === undefined ? [] : [entry.types]));
  const app = await Application.bootstrapWithPlugins({
    entryPoints: entryPoints.map((path) => join(work, sourceOf(path))),
    tsconfig: join(work, 'tsconfig.json'),
    basePath: work,
    readme: join(work, 'README.md'),
    name: `${manifest.name} ${manifest.version}`,
    out,
    projectDocuments: PAGES.map(([, , path]) => join(work, path)),
    groupOrder: [...new Set(PAGES.map(([group]) => group)), '*'],
    sort: ['source-order'],
    navigation: { includeGroups: true },
    headings: { readme: false, document: false },
    disableSources: true,
    includeVersion: false,
    skipErrorChecking: true,
    excludeExternals: true,
    excludePrivate: true,
    blockTags: [
      '@shape',
      '@param',
      '@returns',
      '@throws',
      '@numerics',
      '@cost',
      '@paper',
      '@example',
      '@remarks',
      '@see',
      '@deprecated',
      '@typeParam',
      '@defaultValue',
      '@default',
    ],
    validation: { notExported: false, invalidLink: true, rewrittenLink: true, notDocumented: false, unusedMergeModuleWith: false },
    logLevel: 'Warn',
    highlightLanguages: ['typescript', 'javascript', 'shellscript', 'sh', 'json', 'python', 'console', 'cpp'],
    githubPages: false,
    suppressCommentWarningsInDeclarationFiles: true,
  });
  const project = await app.convert();
  if (project === undefined) throw new Error('TypeDoc could not read the sources');
  app.validate(project);
  await app.generateDocs(project, out);
  if (app.logger.hasErrors()) throw new Error('TypeDoc reported errors');
}

/** Links of the site that lead nowhere: files that are not there, anchors that no element has. */
export function deadLinks(site) {
  const pages = readdirSync(site, { recursive: true }).filter((name) => name.endsWith('.html'));
  const anchors = new Map();
  const anchorsOf = (path) => {
    if (!anchors.has(path))
      anchors.set(path, new Set([...readFileSync(path, 'utf8').matchAll(/\b(?:id|name)="([^"]+)"/g)].map(([, id]) => id)));
    return anchors.get(path);
  };
  const dead = [];
  let links = 0;
  for (const page of pages) {
    const path = join(site, page);
    for (const [, href] of readFileSync(path, 'utf8').matchAll(/<a\b[^>]*?\bhref="([^"]+)"/g)) {
      if (/^[a-z]+:/i.test(href)) continue;
      links++;
      const [file, anchor] = decodeURI(href.replaceAll('&amp;', '&')).split('#');
      const target = file === '' ? path : resolve(dirname(path), file);
      if (!existsSync(target)) dead.push(`${page}: ${href}`);
      else if (anchor !== undefined && anchor !== '' && target.endsWith('.html') && !anchorsOf(target).has(decodeURIComponent(anchor)))
        dead.push(`${page}: ${href}`);
    }
  }
  return { pages: pages.length, links, dead };
}

if (isMain(import.meta.url)) {
  const out = join(root, 'site');
  await build(out);
  const { pages, links, dead } = deadLinks(out);
  for (const line of dead) console.log(`dead link  ${line}`);
  console.log(`${pages} pages in ${relative(root, out)}, ${links} links within, ${dead.length} dead`);
  process.exitCode = dead.length === 0 && pages > PAGES.length ? 0 : 1;
}
