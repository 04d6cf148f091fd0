// A copy of the built project in which one change at a time is built and tested.
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { emit } from './typescript.mjs';

const LINKED = ['node_modules', 'package.json', 'package-lock.json', 'docs', 'README.md', 'test', 'examples', 'scripts', 'src'];
const BUILD_LIMIT_MS = 900_000;
/** Limits of a test that takes no time: what it takes unchanged is added in multiples. */
const LEAST_CPU_S = 15;
const LEAST_WALL_S = 90;

/** What tests of the suite load. */
const ADDON = ['intermodel_addon', 'intermodel_cuda_host', 'fake_cuda_driver', 'fake_cuda_module'];

/** The mutant does not compile. */
export class BuildError extends Error {}

/** A test of the C++ library is the name of its target; any other is a file of the suite. */
export const isNative = (test) => !test.endsWith('.ts');

export class Sandbox {
  /** Tests that passed here without a mutation, with the seconds they took: only their failure says anything. */
  healthy = new Map();

  /** `native`: undefined where C++ is left as it is, 'scalar' for the plain kernels only, 'vectors' for all of them. */
  constructor(root, native) {
    this.root = root;
    this.native = native;
    this.folder = mkdtempSync(join(tmpdir(), 'intermodel-mutants-'));
    cpSync(join(root, 'lib'), join(this.folder, 'lib'), { recursive: true });
    for (const name of LINKED) symlinkSync(resolve(root, name), join(this.folder, name));
    if (native === undefined) {
      symlinkSync(resolve(root, 'build'), join(this.folder, 'build'));
      return;
    }
    cpSync(join(root, 'native'), join(this.folder, 'native'), { recursive: true });
    for (const name of ['CMakeLists.txt', 'CMakePresets.json']) cpSync(join(root, name), join(this.folder, name));
    // -O1: the bits are the same, and it compiles faster.
    const options = [`INTERMODEL_SCALAR_ONLY=${native === 'scalar' ? 'ON' : 'OFF'}`, 'INTERMODEL_TESTS=ON', 'CMAKE_CXX_FLAGS_DEBUG=-O1'];
    this.command('npx', ['cmake-js', 'configure', '--debug', '--out', 'build', ...options.map((option) => `--CD${option}`)]);
    this.build(ADDON);
  }

  command(name, parameters) {
    // Where a compiler cache is used, one sandbox finds what another compiled.
    const env = { ...process.env, CCACHE_BASEDIR: this.folder, CCACHE_NOHASHDIR: '1' };
    execFileSync(name, parameters, { cwd: this.folder, env, stdio: 'pipe', timeout: BUILD_LIMIT_MS, maxBuffer: 1 << 28 });
  }

  build(targets) {
    try {
      this.command('cmake', ['--build', 'build', '--parallel', '2', '--target', ...targets]);
    } catch (error) {
      throw new BuildError('the mutant does not compile', { cause: error });
    }
  }

  /** Puts a text in the place of a source, in the form that is run: JavaScript, or C++ that is built when a test needs it. */
  write(path, text) {
    const native = !path.endsWith('.ts');
    const full = join(this.folder, native ? path : join('lib', path.replace(/\.ts$/, '.js')));
    rmSync(full, { force: true });
    writeFileSync(full, native ? text : emit(text));
  }

  /** Back to what the project's own build made of a source. */
  restore(path) {
    if (!path.endsWith('.ts')) {
      this.write(path, readFileSync(join(this.root, path), 'utf8'));
      return;
    }
    const compiled = join('lib', path.replace(/\.ts$/, '.js'));
    rmSync(join(this.folder, compiled), { force: true });
    cpSync(join(this.root, compiled), join(this.folder, compiled));
  }

  /** Runs one test, built first where C++ may have changed: 'passed', 'failed' or 'late', and its seconds. `expected` sets its limits. */
  async run(test, expected, variables = {}) {
    if (this.native !== undefined) this.build(isNative(test) ? [test] : ADDON);
    const [program, parameters] = isNative(test)
      ? [join(this.folder, 'build', 'native', 'test', test), []]
      : [process.execPath, [join('lib', test.replace(/\.ts$/, '.js'))]];
    const wall = Math.ceil(LEAST_WALL_S + 4 * expected);
    const env = { ...process.env, TAP_BAIL: '1', TAP_TIMEOUT: String(wall), ...variables };
    const options = { cwd: this.folder, env, timeout: wall * 1000, maxBuffer: 1 << 28, killSignal: 'SIGKILL' };
    const command = `ulimit -t ${Math.ceil(LEAST_CPU_S + 4 * expected)}; exec "$0" "$@"`;
    const began = Date.now();
    const outcome = await new Promise((done) => {
      execFile('sh', ['-c', command, program, ...parameters], options, (error) => {
        const late = Date.now() - began > wall * 950 || error?.signal === 'SIGKILL' || error?.signal === 'SIGXCPU';
        done(error === null || error.code === 77 ? 'passed' : late ? 'late' : 'failed');
      });
    });
    return { outcome, seconds: (Date.now() - began) / 1000 };
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
