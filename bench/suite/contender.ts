/** What is timed: this package's own calls, and libraries in processes of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** Seconds of one repeat. */
export interface Timing {
  readonly wall: number;
  readonly cpu: number;
}

export interface Contender {
  readonly name: string;
  readonly threads: number;
  /** This package; the others are rivals. */
  readonly own: boolean;
  /** Contenders that answer different questions, as with another projection, are compared within their kind; the first is right. */
  readonly kind?: string;
  /** Largest difference from the case's answer, over its largest entry, that is still the same answer. */
  readonly tolerance: number;
  answer(): Promise<ArrayLike<number>>;
  /** Runs so many repeats and returns the time of one. */
  time(repeats: number): Promise<Timing>;
  close(): void;
}

/** Runs `body`, which does `repeats` repeats, against both clocks. */
async function clocked(repeats: number, body: () => Promise<unknown> | unknown): Promise<Timing> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await body();
  const used = process.cpuUsage(cpu);
  return { wall: (performance.now() - start) / 1e3 / repeats, cpu: (used.user + used.system) / 1e6 / repeats };
}

/** A call of this package, or of something else in this process. */
export function inProcess(
  name: string,
  threads: number,
  call: () => ArrayLike<number>,
  more: { readonly own?: boolean; readonly tolerance?: number } = {},
): Contender {
  return {
    name,
    threads,
    own: more.own ?? true,
    tolerance: more.tolerance ?? 0,
    answer: async () => Array.from(call()), // a copy: the next call may write to the same array
    time: (repeats) =>
      clocked(repeats, () => {
        for (let k = 0; k < repeats; k++) call();
      }),
    close: () => {},
  };
}

/** The same for a call that makes `repeats` steps in one go. */
export function inSteps(
  name: string,
  threads: number,
  run: (steps: number) => Promise<ArrayLike<number>>,
  checked: number,
  more: { readonly tolerance?: number; readonly kind?: string } = {},
): Contender {
  return {
    ...(more.kind === undefined ? {} : { kind: more.kind }),
    name,
    threads,
    own: true,
    tolerance: more.tolerance ?? 0,
    answer: async () => Array.from(await run(checked)),
    time: (repeats) => clocked(repeats, () => run(repeats)),
    close: () => {},
  };
}

export interface RivalSpec {
  readonly library: 'numpy' | 'torch' | 'jax' | 'numba';
  readonly precision: 'f64' | 'f32';
  readonly threads: number;
  /** What is added to the name where one library has several forms. */
  readonly form?: string;
  readonly kind?: string;
  readonly tolerance: number;
  /** Sent as the "load" command. */
  readonly problem: Readonly<Record<string, unknown>>;
  /** Repeats behind the answer. */
  readonly checked?: number;
}

/** Versions of the rivals that were met, and their BLAS. */
export const versionsMet = new Map<string, string>();

/** Starts a rival and loads the problem; null, and a line on stderr, where that fails: it is then not installed. */
export async function openRival(python: string, spec: RivalSpec): Promise<Contender | null> {
  const script = join(import.meta.dirname, '../../../bench/rivals/serve.py');
  const child = spawn(python, [script, spec.library, spec.precision, String(spec.threads)], { stdio: ['pipe', 'pipe', 'pipe'] });
  const process_ = talkTo(child);
  const name = [spec.library, spec.precision, spec.form].filter((part) => part !== undefined).join(' ');
  const loaded = await process_.ask({ do: 'load', ...spec.problem });
  if (loaded === null) {
    process.stderr.write(`${name}: left out (${process_.complaint()})\n`);
    return null;
  }
  versionsMet.set(spec.library, `${loaded['version']}${spec.library === 'numpy' ? `, ${loaded['blas']}` : ''}`);
  const answerTo = async (message: object) => {
    const reply = await process_.ask(message);
    if (reply === null) throw new Error(`${name} ended: ${process_.complaint()}`);
    return reply;
  };
  return {
    ...(spec.kind === undefined ? {} : { kind: spec.kind }),
    name,
    threads: spec.threads,
    own: false,
    tolerance: spec.tolerance,
    answer: async () => (await answerTo({ do: 'check', repeats: spec.checked ?? 1 }))['answer'] as number[],
    async time(repeats) {
      const total = (await answerTo({ do: 'time', repeats })) as unknown as Timing;
      return { wall: total.wall / repeats, cpu: total.cpu / repeats };
    },
    close: () => child.stdin.end(),
  };
}

function talkTo(child: ChildProcess & { stdin: NonNullable<ChildProcess['stdin']>; stdout: NonNullable<ChildProcess['stdout']> }) {
  let last = 'does not start';
  child.on('error', (error) => {
    last = error.message;
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    last = chunk.toString().trim().split('\n').at(-1) ?? last;
  });
  child.stdin.on('error', () => {}); // it has ended: the line that does not come says so
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    complaint: () => last,
    async ask(message: object): Promise<Record<string, unknown> | null> {
      child.stdin.write(`${JSON.stringify(message)}\n`);
      const line = await lines.next();
      return line.done === true ? null : (JSON.parse(line.value) as Record<string, unknown>);
    },
  };
}
