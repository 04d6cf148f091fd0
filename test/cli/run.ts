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
export function intermodel(args: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): Run {
  const run = spawnSync(process.execPath, [join(packageRoot, 'lib/src/cli/main.js'), ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
  });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}
