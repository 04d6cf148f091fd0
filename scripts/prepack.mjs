// Before `npm pack` in a clone: what a tarball needs and git does not hold. A tarball made this way carries this machine's binary;
// the ones to publish come from `npm run package -- --out DIR`.
import { cpSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './common/run.mjs';
import { hostTarget } from './common/targets.mjs';
import { copyHeaders, ownBinary } from './stage-packages.mjs';

run('npm', ['run', '--silent', 'build:ts']);
if (!existsSync(ownBinary)) run('npm', ['run', '--silent', 'build:native']);
copyHeaders(join(root, 'native', 'vendor'));
const folder = join(root, 'prebuilds', hostTarget());
mkdirSync(folder, { recursive: true });
cpSync(ownBinary, join(folder, 'intermodel.node'));
