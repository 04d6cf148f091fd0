/** `intermodel ledger serve`: keeps the ledger of a network whose participants run elsewhere. */
import { z } from 'zod';
import { printable } from '../core/printable.js';
import { type CoordinatorConfig, readCoordinatorConfig } from '../process/coordinator-config.js';
import { type Served, type ServeEvent, type Standing, serveLedger } from '../process/ledger-service.js';
import { abortOnInterrupt } from './interrupt.js';
import { jsonLine } from './output.js';
import { printNote, printOut } from './print.js';
import { textTable } from './text-table.js';

export interface ServeFlags {
  readonly config: string;
  readonly once?: boolean;
  readonly json?: boolean;
}

/** What is shown of a participant's result. It came from outside: what does not look like this is not shown. */
const shown = z.object({
  encoder: z.string(),
  evaluation: z.object({ head: z.object({ loss: z.number() }), own: z.object({ loss: z.number() }) }),
});

export async function serve(flags: ServeFlags): Promise<void> {
  const config = await readCoordinatorConfig(flags.config);
  const interrupt = abortOnInterrupt(whatIsKept(config));
  const onEvent = flags.json === true ? printLine : teller();
  try {
    const served = await serveLedger({ ...config, once: flags.once ?? config.once }, { signal: interrupt.signal, onEvent });
    if (!served.verified || served.participants.some(({ result }) => result === null)) process.exitCode = 1;
  } finally {
    interrupt.dispose();
  }
}

function whatIsKept({ store }: CoordinatorConfig): string {
  if (store === ':memory:') return 'the ledger was kept in memory only, and is lost';
  return `every closed block is kept in ${store}; start it again to take the ledger up`;
}

/** Progress goes to stderr in both forms: it is for people. */
function printLine(event: ServeEvent): void {
  if (event.type === 'progress') return;
  printOut(jsonLine(event));
}

/** Texts of participants on a line with others. */
const SHORT = { most: 60 } as const;

const CHANGES = { out: 'is gone; the others continue', waiting: 'has come and waits to be let in', in: 'takes part again' } as const;

/** Events in words. */
function teller(): (event: ServeEvent) => void {
  let trained = 0;
  return (event) => {
    switch (event.type) {
      case 'listening':
        printOut(`coordinator ${event.key} at ${event.addresses.join(' ')}`);
        return printNote(`chain ${event.chain}, height ${event.height}: waiting for participants`);
      case 'block':
        return printNote(
          `block ${event.height} after round ${event.round}: ${event.accepted} rows, ${event.minted.toFixed(3)} tokens minted`,
        );
      case 'refused':
        return printNote(`refused: ${event.code}, from ${short(event.key)}`);
      case 'member':
        return printNote(`${short(event.key)} ${CHANGES[event.change]}`);
      case 'progress': {
        const { phase, done, total } = event.progress;
        if (phase === 'training' && (done <= trained || done % 10 !== 0)) return;
        if (phase === 'training') trained = done;
        return printNote(
          `${phase === 'training' ? '' : `${short(event.key)}: `}${printable(phase, SHORT)} ${Number(done)} of ${Number(total)}`,
        );
      }
      case 'result':
        return printNote(`${short(event.key)} has delivered its results`);
      case 'finished':
        printOut(describe(event));
    }
  };
}

function describe({ height, head, verified, participants }: Served): string {
  const rows = participants.map((standing, index) => ({ standing, index })).sort((a, b) => b.standing.ranking - a.standing.ranking);
  return [
    textTable(
      ['rank', 'participant', 'key', 'ranking', 'stake', 'loss', 'alone', 'encoder'],
      rows.map(({ standing, index }, at) => [String(at + 1), `peer ${index}`, short(standing.key), ...cellsOf(standing)]),
      [0, 3, 4, 5, 6],
    ),
    `ranking (5) and stake in tokens after block ${height}, ${head}`,
    `replayed from the genesis: ${verified ? 'every byte agrees' : 'DAMAGED'}`,
  ].join('\n');
}

function cellsOf({ ranking, stake, result }: Standing): string[] {
  const numbers = [ranking.toFixed(3), stake.toFixed(3)];
  if (result === null) return [...numbers, '', '', 'delivered no result'];
  const known = shown.safeParse(result);
  if (!known.success) return [...numbers, '', '', 'delivered something else'];
  const { encoder, evaluation } = known.data;
  return [...numbers, evaluation.head.loss.toFixed(4), evaluation.own.loss.toFixed(4), printable(encoder, SHORT)];
}

function short(key: string): string {
  return key.slice(0, 16);
}
