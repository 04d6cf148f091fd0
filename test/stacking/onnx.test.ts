// The example of ONNX models: ranked where onnxruntime-node is installed, else refused with the command that installs it.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../src/backend/index.js';

const path = join(packageRoot, 'examples', 'rank-onnx.mjs');

function installed(): boolean {
  try {
    createRequire(path).resolve('onnxruntime-node');
    return true;
  } catch {
    return false;
  }
}

const run = spawnSync(process.execPath, [path], { encoding: 'utf8' });

t.test(
  'models in onnxruntime-node are answered and ranked',
  { skip: installed() ? false : 'onnxruntime-node is not installed' },
  async (t) => {
    t.equal(run.status, 0, run.stderr);
    const lines = run.stdout.trim().split('\n');
    t.equal(lines.length, 3);
    t.match(lines[0], /^(first|second): worth 0\.1.*worth keeping/);
    t.match(lines[1], /^(first|second): worth 0\.1.*worth keeping/);
    t.match(lines[2], /^unrelated: .*no effect found/);
  },
);

t.test(
  'without the package the command that installs it is told',
  { skip: installed() ? 'onnxruntime-node is installed' : false },
  async (t) => {
    t.equal(run.status, 3);
    t.match(run.stderr, /BTM_NO_PACKAGE[\s\S]*npm install onnxruntime-node/);
  },
);
