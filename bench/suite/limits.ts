/** What the machine can do at most, measured by bench/rivals/limits.cpp where a C++ compiler is found. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

export interface Limits {
  /** Floating-point operations a second of fused multiply-adds, one thread. */
  readonly f64: number;
  readonly f32: number;
  /** Bytes read a second from arrays of so many bytes, one thread. */
  readonly read: readonly { readonly bytes: number; readonly rate: number }[];
}

/** Null where nothing compiles it. */
export function measureLimits(folder: string, seconds: number): Limits | null {
  const source = join(import.meta.dirname, '../../../bench/rivals/limits.cpp');
  const program = join(folder, 'limits');
  for (const compiler of ['c++', 'g++', 'clang++']) {
    const made = spawnSync(compiler, ['-O3', '-march=native', '-ffp-contract=fast', '-o', program, source], { stdio: 'ignore' });
    if (made.status !== 0) continue;
    const run = spawnSync(program, [String(seconds)], { encoding: 'utf8' });
    if (run.status === 0) return JSON.parse(run.stdout) as Limits;
  }
  return null;
}

/** The rate at which so many bytes can be read: that of the smallest array measured that is at least half as large. */
export function bandwidthFor(limits: Limits, bytes: number): number {
  const fitting = limits.read.find((level) => 2 * level.bytes >= bytes) ?? limits.read[limits.read.length - 1];
  return fitting.rate;
}
