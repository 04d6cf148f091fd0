// A copy of the built project in which one change at a time is built and tested.
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const LINKED = ['node_modules', 'package.json', 'docs', 'README.md', 'test', 'examples', 'scripts', 'src'];
const TEST_LIMIT_MS = 300_000;

export class Sandbox {
  constructor(root, { native }) {
    this.root = root;
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
    execFileSync('npx', ['cmake-js', 'build', ...options], { cwd: this.folder, stdio: 'pipe', timeout: TEST_LIMIT_MS });
  }

  write(path, text) {
    const full = join(this.folder, path);
    rmSync(full, { force: true });
    writeFileSync(full, text);
  }

  /** Runs the test files one after the other; the first one that fails, or undefined where all pass. */
  async firstFailure(tests) {
    for (const test of tests) {
      const passed = await new Promise((done) => {
        const options = { cwd: this.folder, timeout: TEST_LIMIT_MS, maxBuffer: 1 << 28, killSignal: 'SIGKILL' };
        execFile(process.execPath, [join('lib', test.replace(/\.ts$/, '.js'))], options, (error) => done(error === null));
      });
      if (!passed) return test;
    }
    return undefined;
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
