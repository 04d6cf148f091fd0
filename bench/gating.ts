/**
 * What a sparse gate saves and costs: 16 participants on MNIST, each asking 4 peers per sample, against the full broadcast to all 15, same seed and rounds.
 * `npm run bench -- gating`; INTERMODEL_BENCH_ROUNDS and INTERMODEL_BENCH_SEED change the defaults.
 */
import { createBackend } from '../src/backend/index.js';
import { loadMnist } from '../src/data/dataset.js';
import { type DistillationNetwork, openDistillationNetwork } from '../src/demo/distillation/network.js';
import { reportStudent, type StudentReport, trafficOf } from '../src/demo/distillation/report.js';
import { DEFAULT_OBJECTIVE } from '../src/participant/students/student.js';

const PEERS = 16;
const BATCH = 32;
const rounds = Number(process.env['INTERMODEL_BENCH_ROUNDS'] ?? 100);
const seed = Number(process.env['INTERMODEL_BENCH_SEED'] ?? 1);
const data = await loadMnist();
const backend = createBackend({ kind: 'native' });

interface Outcome {
  readonly sent: number;
  readonly received: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly gateAgainstRow: number;
}

async function run(k: number, noise: number, balance: number): Promise<Outcome> {
  const network = await openDistillationNetwork(
    {
      ...{ data, transport: 'memory', peers: PEERS, width: 16, hidden: 32, studentHidden: 64 },
      ...{ gate: 'sparse', k, balance, noise, learningRate: 0.01, objective: DEFAULT_OBJECTIVE },
      ...{ seed, backend, rounds, batch: BATCH, largestShard: 2000, validation: 500, standIns: false },
    },
    { onProgress: (participant, { done }) => participant === 0 && progress(k, done) },
  );
  try {
    await network.run.advance('refitting');
    return await outcomeOf(network);
  } finally {
    await network.run.close();
  }
}

function progress(k: number, round: number): void {
  if (round % 10 === 0) process.stderr.write(`k = ${k}: round ${round} of ${rounds}\n`);
}

async function outcomeOf(network: DistillationNetwork): Promise<Outcome> {
  const { sent, received } = trafficOf(network);
  const reports: StudentReport[] = [];
  for (const index of network.members.keys()) reports.push(await reportStudent(network, index));
  const mean = (value: (report: StudentReport) => number): number => reports.reduce((sum, report) => sum + value(report), 0) / PEERS;
  return {
    sent,
    received,
    loss: mean(({ ensemble }) => ensemble.loss),
    accuracy: mean(({ ensemble }) => ensemble.accuracy),
    gateAgainstRow: mean(({ gateAgainstRow }) => gateAgainstRow ?? 0),
  };
}

const sparse = await run(4, 0.5, 0.01);
const full = await run(PEERS - 1, 0, 0);
const line = (name: string, { sent, received, loss, accuracy, gateAgainstRow }: Outcome): string =>
  `${name.padEnd(24)}sent ${(sent / 1e6).toFixed(1).padStart(8)} MB  received ${(received / 1e6).toFixed(1).padStart(6)} MB  ` +
  `loss ${loss.toFixed(4)}  accuracy ${(100 * accuracy).toFixed(2)} %  Spearman of gate and measured row ${gateAgainstRow.toFixed(3)}\n`;
process.stdout.write(
  `${PEERS} participants, ${rounds} rounds of ${BATCH}, ${data.name}, seed ${seed}; loss of G(x) on 500 held-out samples each\n`,
);
process.stdout.write(line('k = 4, noise, balance', sparse));
process.stdout.write(line(`full broadcast (k = ${PEERS - 1})`, full));
const traffic = (sparse.sent + sparse.received) / (full.sent + full.received);
process.stdout.write(
  `traffic ${(100 * traffic).toFixed(1)} % of the full broadcast; loss ${(100 * (sparse.loss / full.loss - 1)).toFixed(1)} % above it\n`,
);
