/** The processes of a run: started, killed on purpose, started again, and how each fared. */
import { type ChildProcess, spawn } from 'node:child_process';
import { AbortedError, EnvironmentError } from '../core/errors.js';

/** How a process ended. */
export type ProcessStatus = 'finished' | 'killed' | 'failed';

/** What is told about processes. */
export interface ProcessGroupHooks {
  readonly signal?: AbortSignal;
  /** A process ended; it is not waited for any more. */
  readonly onEnd: (index: number, status: ProcessStatus) => void;
}

interface ChildRecord {
  child: ChildProcess | null;
  status: ProcessStatus | null;
  /** The end of what it wrote to stderr. */
  error: string;
  killed: boolean;
  restarts: number;
}

const KEPT_CHARACTERS = 4000;

export class ProcessGroup {
  readonly #records: ChildRecord[];
  readonly #ends: Promise<void>[] = [];
  readonly #latest: Promise<void>[] = [];
  #aborted = false;

  /** @param commands one command line per process */
  constructor(
    private readonly commands: readonly (readonly string[])[],
    private readonly names: readonly string[],
    private readonly hooks: ProcessGroupHooks,
  ) {
    this.#records = commands.map(() => ({ child: null, status: null, error: '', killed: false, restarts: 0 }));
    hooks.signal?.addEventListener('abort', () => {
      this.#aborted = true;
      this.stop();
    });
  }

  startAll(): void {
    for (const index of this.commands.keys()) this.#start(index);
  }

  /** Ends processes as a power cut would. Resolves when they have ended. */
  async kill(indices: readonly number[]): Promise<void> {
    for (const index of indices) {
      this.#records[index].killed = true;
      this.#records[index].child?.kill('SIGKILL');
    }
    await this.ended(indices);
  }

  /** Resolves when these processes, as last started, have ended. */
  async ended(indices: readonly number[]): Promise<void> {
    await Promise.all(indices.map((index) => this.#latest[index]));
  }

  /** Starts killed processes again. */
  restart(indices: readonly number[]): void {
    for (const index of indices) {
      const record = this.#records[index];
      if (record.status !== 'killed') continue;
      record.killed = false;
      record.restarts += 1;
      this.#start(index);
    }
  }

  /** Waits until all have ended. @throws AbortedError, EnvironmentError when none finished */
  async finished(): Promise<void> {
    for (let seen = -1; seen !== this.#ends.length; ) {
      seen = this.#ends.length;
      await Promise.all(this.#ends);
    }
    if (this.#aborted) throw new AbortedError('the run of processes');
    if (this.#records.some(({ status }) => status === 'finished')) return;
    const attempts = this.#records.map(({ error }, index) => ({ what: this.names[index], reason: error.trim().slice(-400) }));
    throw new EnvironmentError('BTM_IO', 'no participant finished', attempts);
  }

  stop(): void {
    for (const { child } of this.#records)
      if (child !== null && child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }

  /** How a process ended, how often it was started again, and what it wrote to stderr if it failed. */
  fate(index: number): { readonly status: ProcessStatus; readonly restarts: number; readonly error?: string } {
    const { status, error, restarts } = this.#records[index];
    return { status: status ?? 'failed', restarts, ...(status === 'failed' ? { error } : {}) };
  }

  #start(index: number): void {
    const [program, ...args] = this.commands[index];
    const record = this.#records[index];
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    Object.assign(record, { child, status: null, error: '' });
    child.stderr?.on('data', (data) => {
      record.error = (record.error + String(data)).slice(-KEPT_CHARACTERS);
    });
    child.once('error', (error) => {
      record.error += error.message;
    });
    const end = new Promise<void>((resolve) => {
      child.once('close', (code) => {
        record.status = record.killed ? 'killed' : code === 0 ? 'finished' : 'failed';
        this.hooks.onEnd(index, record.status);
        resolve();
      });
    });
    this.#latest[index] = end;
    this.#ends.push(end);
  }
}
