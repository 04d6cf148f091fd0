// Installs the package and one platform package from tarballs into an empty folder, on that platform, and compares what the native core
// computes with the reference, to the bit: `node scripts/install/on-platform.mjs DIR TARGET`. Needs Node and npm alone.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const [folder, target] = process.argv.slice(2);
const names = readdirSync(folder);
const chosen = [names.find((name) => /^intermodel-\d/.test(name)), names.find((name) => name.startsWith(`intermodel-${target}-`))];
if (chosen.includes(undefined)) throw new Error(`${folder} does not hold the package and ${target}`);
const place = mkdtempSync(join(tmpdir(), 'intermodel-platform-'));

const PROGRAM = `
import { createBackend, networkRanking, peerGram, projectSimplex, removalScores } from 'intermodel';
const describe = createBackend({ kind: 'native' }).describe();
const [batch, peers, width, outputs] = [37, 5, 7, 6];
const wave = (length, step) => Float64Array.from({ length }, (_, k) => Math.fround(Math.sin(k * step) * 3));
const head = { layers: [
  { weights: wave(11 * peers * width, 0.37), bias: wave(11, 0.5), activation: 'gelu' },
  { weights: wave(outputs * 11, 0.71), bias: wave(outputs, 0.2), activation: 'identity' },
] };
const pool = { head, responses: wave(batch * peers * width, 0.13), labels: Int32Array.from({ length: batch }, (_, k) => k % outputs), batch, peers, width };
const estimators = ['gaussNewton', 'taylor2', 'firstOrder', 'empiricalFisher', 'relativeEntropy', 'ablation', 'diagonal', 'nisp'];
const results = (backend) => [
  ...estimators.map((estimator) => removalScores({ ...pool, estimator, reduction: 'none', backend }).scores),
  peerGram({ ...pool, backend }).gram,
  projectSimplex({ rows: wave(400, 0.9), n: 20, backend }),
  networkRanking({ weights: projectSimplex({ rows: wave(400, 0.9), n: 20, backend }), stake: wave(20, 0.3).map(Math.abs), n: 20, backend }),
];
const expected = results(createBackend({ kind: 'reference' }));
const isas = ['scalar', 'avx2', 'neon', 'avx512'];
let compared = 0;
for (const isa of isas) for (const threads of [1, 3]) {
  let backend;
  try { backend = createBackend({ kind: 'native', isa, threads }); } catch { continue; }
  for (const [at, values] of results(backend).entries()) for (const [k, value] of values.entries()) {
    if (!Object.is(value, expected[at][k])) throw new Error([isa, threads, at, k, value, expected[at][k]].join(' '));
    compared++;
  }
}
if (compared === 0) throw new Error('nothing was compared');
console.log(describe.isa + ': ' + compared + ' numbers equal the reference to the bit');
process.exit(0);
`;

function run(command, words) {
  const done = spawnSync(command, words, {
    cwd: place,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  });
  if (done.status !== 0) throw new Error(`${command} ended with ${done.status ?? done.error?.message}`);
  return done.stdout;
}

try {
  writeFileSync(join(place, 'package.json'), '{ "private": true, "type": "module" }\n');
  writeFileSync(join(place, 'program.mjs'), PROGRAM);
  const tarballs = chosen.map((name) => resolve(folder, name));
  run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', ...tarballs]);
  process.stdout.write(run('node', ['program.mjs']));
} finally {
  rmSync(place, { recursive: true, force: true });
}
