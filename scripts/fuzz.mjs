// Fuzzes everything: the native library, family by family (libFuzzer, address and undefined-behaviour sanitisers, every instruction set
// must give the scalar bits), and every parser of the network, of files and of configuration.
//   npm run test:fuzz -- [--runs 1000000] [--seed 1] [--slice 50000] [--only WORD,...] [--part 1/4]
// A target runs in slices, each a process of its own with at most 2 GB; what is done is kept in build/fuzz/progress, so a run that was cut
// short goes on where it was. The table at the end counts executions, seconds and findings. Needs clang and its runtime (on
// Debian: clang, libclang-rt-14-dev).
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { flag, root, run } from './common/run.mjs';

const runs = Number(flag('runs', '1000000'));
const seed = Number(flag('seed', '1'));
const slice = Number(flag('slice', '50000'));
const only = flag('only', '').split(',');
const [part, parts] = flag('part', '1/1').split('/').map(Number);
const NODE_HEAP_MB = 1024;
const NATIVE_MB = 2048;

const folder = join(root, 'build', 'fuzz');
const findings = join(folder, 'findings');
const progress = join(folder, 'progress');
for (const path of [findings, progress]) mkdirSync(path, { recursive: true });

const native = readdirSync(join(root, 'native', 'fuzz'))
  .filter((name) => name.endsWith('_fuzz.cpp'))
  .map((name) => name.replace('_fuzz.cpp', ''));
const parsers = JSON.parse(run(process.execPath, ['lib/test/long/fuzz.js', 'list']));
const all = [...native.map((name) => ({ name, slice: fuzzNative })), ...parsers.map((name) => ({ name, slice: fuzzParser }))];
const chosen = all.filter(({ name }, at) => only.some((word) => name.includes(word)) && at % parts === part - 1);
if (chosen.length === 0) throw new Error(`--only and --part leave none of ${all.map(({ name }) => name).join(', ')}`);
if (chosen.some((target) => target.slice === fuzzNative)) {
  const settings = ['-DCMAKE_BUILD_TYPE=Release', '-DCMAKE_CXX_COMPILER=clang++', '-DINTERMODEL_FUZZ=ON'];
  run('cmake', ['-S', 'native', '-B', folder, ...settings]);
  run('cmake', ['--build', folder, '--parallel', '2', '--target', ...native.map((name) => `${name}_fuzz`)]);
}
const states = chosen.map((target) => fuzzTarget(target));
console.log(`${'target'.padEnd(22)}executions      a second  findings`);
for (const { name, done, seconds, found } of states)
  console.log(
    `${name.padEnd(22)}${String(done).padStart(10)}${(done / seconds).toFixed(0).padStart(14)}${String(found.length).padStart(10)}`,
  );
const found = states.flatMap((state) => state.found);
for (const line of found) console.log(line);
console.log(`${states.length} targets, ${states.reduce((sum, { done }) => sum + done, 0)} executions, ${found.length} findings`);
process.exitCode = found.length === 0 ? 0 : 1;

/** Runs the slices that are missing; a target with a finding is left alone until its progress is removed. */
function fuzzTarget(target) {
  const file = join(progress, `${target.name.replaceAll(' ', '-')}-${seed}.json`);
  const state = existsSync(file)
    ? JSON.parse(readFileSync(file, 'utf8'))
    : { name: target.name, done: 0, slices: 0, seconds: 0, found: [] };
  while (state.done < runs && state.found.length === 0) {
    const began = performance.now();
    const came = target.slice(target.name, Math.min(slice, runs - state.done), seed * 1_000_000 + state.slices);
    state.done += came.executions;
    state.slices++;
    state.seconds += (performance.now() - began) / 1000;
    state.found.push(...came.found);
    writeFileSync(file, JSON.stringify(state));
  }
  console.error(
    `${target.name}: ${state.done} executions, ${(state.done / state.seconds).toFixed(0)} a second, ${state.found.length} findings`,
  );
  return state;
}

function fuzzNative(name, count, from) {
  const corpus = join(folder, 'corpus', name);
  mkdirSync(corpus, { recursive: true });
  const options = [`-runs=${count}`, `-seed=${from}`, '-max_len=2048', '-len_control=0', '-print_final_stats=1', '-verbosity=0'];
  const limits = [`-rss_limit_mb=${NATIVE_MB}`, '-timeout=60', `-artifact_prefix=${findings}/${name}-`];
  const done = spawnSync(join(folder, 'fuzz', `${name}_fuzz`), [...options, ...limits, corpus], { encoding: 'utf8', maxBuffer: 1 << 28 });
  const executions = Number(/stat::number_of_executed_units: *(\d+)/.exec(done.stderr)?.[1] ?? 0);
  const found =
    done.status === 0 ? [] : [`${name}, seed ${from}: ${ending(done)}\n${done.stderr.trim().split('\n').slice(-30).join('\n')}`];
  return { executions, found: executions === 0 && found.length === 0 ? [`${name}, seed ${from}: nothing was executed`] : found };
}

function fuzzParser(name, count, from) {
  const words = [`--max-old-space-size=${NODE_HEAP_MB}`, 'lib/test/long/fuzz.js', String(count), String(from), name];
  const done = spawnSync(process.execPath, words, { cwd: root, encoding: 'utf8', timeout: 3_600_000 });
  if (!done.stdout?.startsWith('{')) return { executions: 0, found: [`${name}, seed ${from}: ${ending(done)}\n${done.stderr}`] };
  const { executions, findings: found } = JSON.parse(done.stdout);
  return { executions, found };
}

function ending({ status, signal, error }) {
  return error?.message ?? (signal === null ? `exit code ${status}` : `signal ${signal}`);
}
