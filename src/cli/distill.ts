/** `intermodel distill`: a participant learns to do without the network, leaves it, and is validated offline; peers do without the absent. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { packageVersion } from '../backend/index.js';
import { outputFile } from '../core/user-files.js';
import { distillationSizes } from '../demo/distillation/network.js';
import { type DistillationRunOptions, type DistillationRunResult, runDistillation } from '../demo/distillation/run.js';
import type { DistillationKind } from '../distillation.js';
import { peersWithinBudget } from '../participant/gates/gate-budget.js';
import type { ClassScore } from '../participant/samples.js';
import { DATA_CHOICES, dataNamed } from '../run/named-data.js';
import type { FabricKind } from '../run/transport-fabric.js';
import { addBackendOptions, type BackendFlags, backendOf, wholeNumber } from './backend-option.js';
import { abortOnInterrupt } from './interrupt.js';
import { printOut } from './print.js';
import { progressDisplay } from './progress.js';
import { textTable } from './text-table.js';

interface DistillFlags extends BackendFlags {
  readonly data: string;
  readonly participants: number;
  readonly rounds: number;
  readonly gate: 'sparse' | 'productKey';
  readonly transport: FabricKind;
  readonly k: number;
  readonly budget?: number;
  readonly steps: number;
  readonly leaver: number;
  readonly away?: readonly number[];
  readonly kind: DistillationKind;
  readonly temperature: number;
  readonly alpha: number;
  readonly seed: number;
  readonly json?: boolean;
  readonly out?: string;
}

export function distillCommand(program: Command): void {
  const command = program
    .command('distill')
    .description('distil a participant, take it off the network completely, and validate it offline (docs/concepts/distillation.md)')
    .option('--participants <number>', 'participants, in this process', wholeNumber, 8)
    .option('--data <name>', DATA_CHOICES, 'mnist')
    .option('--rounds <number>', 'rounds of training before distillation', wholeNumber, 120)
    .addOption(
      new Option('--transport <name>', 'how they reach one another: in this process, or libp2p on loopback')
        .choices(['memory', 'libp2p'])
        .default('memory'),
    )
    .addOption(new Option('--gate <name>', 'how peers are chosen').choices(['sparse', 'productKey']).default('sparse'))
    .option('--k <number>', 'peers that each gate asks per sample', wholeNumber, 3)
    .option('--budget <bytes>', 'outward bytes per batch of 32; sets k in place of --k', wholeNumber)
    .option('--steps <number>', 'steps of distillation, 64 samples each', wholeNumber, 300)
    .option('--leaver <index>', 'the participant that leaves', wholeNumber, 0)
    .option(
      '--away <indices>',
      'peers taken away to compare students with zeros in their place; empty for none (default: 1,3,5, as far as there are so many)',
      indices,
    )
    .addOption(new Option('--kind <name>', 'divergence').choices(['forwardKl', 'reverseKl', 'jsd', 'mse']).default('forwardKl'))
    .option('--temperature <number>', 'of the distillation', decimal, 2)
    .option('--alpha <number>', 'share of the divergence against the labels', decimal, 0.5)
    .option('--seed <number>', 'seed of everything random', wholeNumber, 1)
    .option('--out <file>', "where to save the leaver's student (CBOR)")
    .option('--json', 'print the result as JSON instead of tables');
  addBackendOptions(command).action(async (flags: DistillFlags) => {
    const file = flags.out === undefined ? undefined : await outputFile('--out', flags.out);
    const options = await runOptions(flags);
    const result = await run(options);
    await file?.write(result.student);
    printOut(flags.json === true ? JSON.stringify(output(flags, options, result)) : describe(flags, options, result));
  });
}

const BATCH = 32;
const WIDTH = 16;

async function runOptions(flags: DistillFlags): Promise<DistillationRunOptions> {
  const data = await dataNamed(flags.data);
  const { participants: peers, budget } = flags;
  const cost = { batch: BATCH, inputWidth: data.train.height * data.train.width, width: WIDTH, backward: true };
  return {
    data,
    peers,
    width: WIDTH,
    hidden: 32,
    studentHidden: 128,
    gate: flags.gate,
    transport: flags.transport,
    k: budget === undefined ? flags.k : peersWithinBudget(budget, cost, peers - 1),
    balance: 0.01,
    noise: 0.5,
    learningRate: 0.01,
    objective: { kind: flags.kind, temperature: flags.temperature, alpha: flags.alpha, responseWeight: 1 },
    seed: flags.seed,
    backend: backendOf(flags),
    batch: BATCH,
    ...distillationSizes(data, peers),
    rounds: flags.rounds,
    distilSteps: flags.steps,
    distilBatch: 64,
    leaver: flags.leaver,
    away: flags.away ?? [1, 3, 5].filter((index) => index < peers - 1),
  };
}

/** Runs with a progress display per phase, until done or Ctrl-C. */
async function run(options: DistillationRunOptions): Promise<DistillationRunResult> {
  const interrupt = abortOnInterrupt('nothing is saved');
  const units = { training: 'rounds', distilling: 'steps' } as const;
  let display = progressDisplay('training', units.training);
  try {
    return await runDistillation(options, {
      signal: interrupt.signal,
      onProgress: (phase, done, total) => {
        if (phase === 'distilling' && done === 1) display = progressDisplay(phase, units[phase]);
        display.update(done, total);
        if (done === total) display.end();
      },
    });
  } finally {
    interrupt.dispose();
  }
}

function output(
  flags: DistillFlags,
  { data, backend, ...settings }: DistillationRunOptions,
  { student: _, ...result }: DistillationRunResult,
) {
  return {
    kind: 'intermodel-distill',
    formatVersion: 1,
    version: packageVersion,
    seed: flags.seed,
    backend: { kind: backend?.describe().kind, isa: backend?.describe().isa },
    data: data.name,
    settings,
    ...result,
  };
}

function describe(flags: DistillFlags, options: DistillationRunOptions, result: DistillationRunResult): string {
  const { proxies, absence, offline } = result;
  const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
  const fixed = (value: number | null): string => (value === null ? 'undefined' : value.toFixed(2));
  const row = (name: string, { loss, accuracy }: ClassScore): string[] => [name, loss.toFixed(4), percent(accuracy)];
  const parts = [
    `${options.peers} participants, ${options.gate} gate, k = ${options.k}, ${options.rounds} rounds of ${options.batch}, ${options.objective.kind} at T = ${options.objective.temperature}, ${options.data.name}, ${options.transport} transport, seed ${flags.seed}`,
    `loss of G(x) ${result.firstLoss.toFixed(3)} -> ${result.lastLoss.toFixed(3)}; sent ${(result.traffic.sent / 1e6).toFixed(1)} MB, received ${(result.traffic.received / 1e6).toFixed(1)} MB`,
    '',
    textTable(
      ['participant', 'classes', 'G(x)', 'proxy', 'KL (nats)', 'gate ~ w_ij'],
      proxies.map(({ index, classes, ensemble, student, divergence, gateAgainstRow }) => [
        String(index),
        classes.length > 5 ? `${classes.length}` : classes.join(' '),
        percent(ensemble.accuracy),
        percent(student.accuracy),
        divergence.toFixed(4),
        fixed(gateAgainstRow),
      ]),
    ),
  ];
  if (absence !== null) {
    const { alive, zeros, students, returned, share, orderKept } = absence;
    const rows = [
      row('nobody', alive),
      row('away, zeros in place', zeros),
      row('away, students in place', students),
      row('back', returned),
    ];
    parts.push(
      '',
      `peers ${absence.away.join(', ')} away, mean over the others on held-out data`,
      textTable(['', 'loss', 'accuracy'], rows),
    );
    parts.push(share === null ? 'zeros cost nothing here' : `the loss rises ${percent(share)} as much with students as with zeros`);
    parts.push(
      `order of the others by worth, Spearman with before: students ${fixed(orderKept.students)}, zeros ${fixed(orderKept.zeros)}`,
    );
  }
  const rows = [row('G(x), connected', offline.ensemble), row('student, offline', offline.offline)];
  parts.push('', `participant ${offline.index} left the network (a query to it: ${offline.queryFailure})`);
  parts.push(textTable(['', 'loss', 'accuracy'], rows));
  parts.push(
    `KL ${offline.divergence.toFixed(4)} nats, ${offline.pointsLost.toFixed(1)} points lost; student ${offline.bytes} bytes, ${offline.hash}`,
  );
  return parts.join('\n');
}

function indices(text: string): number[] {
  return text === '' ? [] : text.split(',').map(wholeNumber);
}

function decimal(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.');
  return value;
}
