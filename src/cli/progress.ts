/** Progress of a long run on stderr: a bar on a terminal where cli-progress is installed, a line every few seconds elsewhere. Results never pass through here. */
import type * as CliProgress from 'cli-progress';
import { missingPackages } from '../core/optional-packages.js';
import { requireHere } from '../core/require.js';
import { printNote } from './print.js';

/** Shows how far a run is. */
export interface Progress {
  /** `done` of `total`; `found` of them were there before this run and say nothing about its speed. */
  update(done: number, total: number, found?: number): void;
  end(): void;
}

const LINE_EVERY_MS = 5000;

/** A progress display; `unit` names what is counted, in the plural. */
export function progressDisplay(title: string, unit: string): Progress {
  const drawn = process.stderr.isTTY === true && missingPackages(['progress']).length === 0;
  return drawn ? bar(title, unit) : plainLines(title, unit);
}

/** Seconds left at the speed so far, or undefined before there is one. */
export function secondsLeft(done: number, total: number, found: number, elapsedMs: number): number | undefined {
  const speed = (done - found) / elapsedMs;
  return speed > 0 ? (total - done) / speed / 1000 : undefined;
}

/** A time in words: 42 s, 3 min 20 s, 2 h 05 min. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}

function bar(title: string, unit: string): Progress {
  const began = performance.now();
  const { SingleBar } = requireHere('cli-progress') as typeof CliProgress;
  const shown = new SingleBar({
    format: `${title} {bar} {percentage} % | {value} of {total} ${unit} | {left}`,
    stream: process.stderr,
    hideCursor: true,
  });
  let started = false;
  return {
    update: (done, total, found = 0) => {
      const left = describeLeft(secondsLeft(done, total, found, performance.now() - began));
      if (!started) shown.start(total, done, { left });
      else shown.update(done, { left });
      started = true;
    },
    end: () => shown.stop(),
  };
}

function plainLines(title: string, unit: string): Progress {
  const began = performance.now();
  let last = Number.NEGATIVE_INFINITY;
  return {
    update: (done, total, found = 0) => {
      const now = performance.now();
      if (now - last < LINE_EVERY_MS && done !== total) return;
      last = now;
      const percent = total === 0 ? 100 : Math.floor((100 * done) / total);
      const left = describeLeft(secondsLeft(done, total, found, now - began));
      printNote(`${title}: ${done} of ${total} ${unit} (${percent} %), ${left}`);
    },
    end: () => {},
  };
}

function describeLeft(seconds: number | undefined): string {
  return seconds === undefined ? 'time left not known yet' : `${duration(seconds)} left`;
}
