/** Runs the real command in a process of its own. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '../../src/backend/index.js';

/** What a run printed, and how it ended. */
export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `intermodel` with the arguments. */
export function intermodel(
  args: readonly string[],
  options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv; readonly input?: Uint8Array } = {},
): Run {
  const run = spawnSync(process.execPath, [join(packageRoot, 'lib/src/cli/main.js'), ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    ...(options.input === undefined ? {} : { input: options.input }),
  });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}

const REMOUNT = 'mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" && cd "$1" && shift && exec "$@"';

/** Runs `intermodel` in a folder on a read-only file system: a mount that nothing outside of the command sees. */
export function readOnly(folder: string, args: readonly string[]): Run {
  const command = ['unshare', '-m', 'sh', '-c', REMOUNT, 'sh', folder, process.execPath, join(packageRoot, 'lib/src/cli/main.js'), ...args];
  const run = spawnSync(command[0]!, command.slice(1), { encoding: 'utf8' });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}

/** Whether {@link readOnly} works here: it needs root and a system that lets it mount. */
export function canRemount(): boolean {
  return spawnSync('unshare', ['-m', 'sh', '-c', 'mount --bind /tmp /tmp'], { stdio: 'ignore' }).status === 0;
}
