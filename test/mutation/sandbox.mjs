// A copy of the built project in which one change at a time is built and tested.
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const LINKED = ['node_modules', 'package.json', 'package-lock.json', 'docs', 'README.md', 'test', 'examples', 'scripts', 'src'];
const TEST_LIMIT_MS = 600_000;
/** Processor time of one test file: a mutant that never ends is killed by what it uses, whatever else the machine does. */
const TEST_LIMIT_CPU_S = 120;

/** The mutant does not compile. */
export class BuildError extends Error {}

export class Sandbox {
  constructor(root, { native }) {
    this.root = root;
    /** Tests that passed here without a mutation: only their failure says anything. */
    this.healthy = new Set();
    this.folder = mkdtempSync(join(tmpdir(), 'intermodel-mutants-'));
    cpSync(join(root, 'lib'), join(this.folder, 'lib'), { recursive: true });
    for (const name of LINKED) symlinkSync(resolve(root, name), join(this.folder, name));
    if (!native) {
      symlinkSync(resolve(root, 'build'), join(this.folder, 'build'));
      return;
    }
    cpSync(join(root, 'native'), join(this.folder, 'native'), { recursive: true });
    for (const name of ['CMakeLists.txt', 'CMakePresets.json']) cpSync(join(root, name), join(this.folder, name));
    this.buildNative();
  }

  /** Only the plain C++ path: the kernels are written once, and one build of them shows a change in seconds. */
  buildNative() {
    const options = ['--out', 'build', '--parallel', '2', '--CDINTERMODEL_SCALAR_ONLY=ON'];
    try {
      execFileSync('npx', ['cmake-js', 'build', ...options], { cwd: this.folder, stdio: 'pipe', timeout: TEST_LIMIT_MS });
    } catch (error) {
      throw new BuildError('the mutant does not compile', { cause: error });
    }
  }

  write(path, text) {
    const full = join(this.folder, path);
    rmSync(full, { force: true });
    writeFileSync(full, text);
  }

  /** Runs the test files one after the other; the first one that fails, or undefined where all pass. */
  async firstFailure(tests, variables = {}) {
    for (const test of tests) {
      const passed = await new Promise((done) => {
        const env = { ...process.env, TAP_BAIL: '1', TAP_TIMEOUT: String(TEST_LIMIT_MS / 1000), ...variables };
        const options = { cwd: this.folder, env, timeout: TEST_LIMIT_MS, maxBuffer: 1 << 28, killSignal: 'SIGKILL' };
        const command = `ulimit -t ${TEST_LIMIT_CPU_S}; exec "$0" "$1"`;
        execFile('sh', ['-c', command, process.execPath, join('lib', test.replace(/\.ts$/, '.js'))], options, (error) =>
          done(error === null),
        );
      });
      if (!passed) return test;
    }
    return undefined;
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
