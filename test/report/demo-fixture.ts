/** A small invented run of the demonstration, for tests of the page alone. Its numbers mean nothing. */
import type { DemoParticipant, DemoResult, ParticipantRole, RankingName } from '../../src/demo/result.js';
import { resolveSettings } from '../../src/run/settings.js';

const ROLES: readonly ParticipantRole[] = [
  ...new Array<ParticipantRole>(4).fill('generalist'),
  ...new Array<ParticipantRole>(7).fill('specialist'),
  'scarce',
  'scarce',
  'shuffled',
  'noise',
  'copy',
];

/** A fixed, uneven sequence in [0, 1). */
function wave(index: number): number {
  const value = Math.sin(index * 12.9898 + 4.1414) * 43758.5453;
  return value - Math.floor(value);
}

function participants(): DemoParticipant[] {
  return ROLES.map((role, index) => ({
    index,
    name: `${role}-${index}`,
    role,
    description: `an invented ${role}`,
    ...(role === 'copy' ? { copyOf: 'generalist-0' } : {}),
    classes: role === 'specialist' ? [index % 10, (index + 3) % 10] : [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    trainSamples: role === 'scarce' ? 300 : 3000,
    validationSamples: 512,
    encoder: '784+16 -> 32 relu -> 16 tanh',
    headAccuracy: 0.8 + 0.1 * wave(index),
    ownAccuracy: 0.3 + 0.6 * wave(index + 1),
    gateAccuracy: 0.8 + 0.1 * wave(index + 2),
    proxyAccuracy: 0.7 + 0.1 * wave(index + 3),
    linearShare: 0.2 * wave(index + 4),
    topPeer: 'generalist-0',
  }));
}

const WORTH: Readonly<Record<ParticipantRole, number>> = {
  generalist: 0.2,
  specialist: 0.08,
  scarce: 0.06,
  shuffled: 0.04,
  noise: 0.002,
  copy: 0.19,
};

function ranking(name: RankingName, title: string, jitter: number): DemoResult['rankings'][number] {
  const values = ROLES.map((role, index) => WORTH[role] * (1 + jitter * (wave(index * 7 + jitter) - 0.5)));
  const positions = values.map((value) => 1 + values.filter((other) => other > value).length);
  return { name, title, description: 'an invented order', values, unit: 'nats', positions };
}

/** The fixture. */
export function demoFixture(): DemoResult {
  const people = participants();
  const n = people.length;
  const rounds = Array.from({ length: 25 }, (_, index) => index * 20);
  const curve = (name: 'head' | 'own' | 'gate' | 'proxy', title: string, floor: number) => ({
    name,
    title,
    rounds,
    values: rounds.map((round) =>
      people.map((_, index) => floor + 2 * Math.exp(-round / (60 + 80 * wave(index))) + 0.3 * wave(index + round)),
    ),
  });
  const raw = people.map((_, i) => people.map((other, j) => WORTH[other.role] * (0.5 + wave(i * n + j))));
  const weights = raw.map((row) => row.map((value) => value / row.reduce((a, b) => a + b, 0)));
  const blocks = Array.from({ length: 12 }, (_, height) => ({
    height,
    round: height * 40,
    ranking: people.map((person) => WORTH[person.role]),
    stake: people.map((person, index) => 1000 + height * 400 * WORTH[person.role] * (0.9 + 0.2 * wave(index))),
    minted: 100.25,
    accepted: n - (height === 3 ? 1 : 0),
    refused: height === 3 ? [{ participant: 'noise-14', code: 'STEP_TOO_LARGE' }] : [],
  }));
  return {
    kind: 'intermodel-demo',
    formatVersion: 1,
    version: '0.1.0',
    seed: 7,
    backend: { kind: 'native', isa: 'avx2', version: '0.1.0' },
    data: { name: 'MNIST digits', samples: 70000, classes: 10, height: 28, width: 28 },
    settings: resolveSettings({
      ...{ participants: n, rounds: 480, batch: 64, headHidden: 64, proxyRate: 0.01, gradientClip: 1e6, answerBound: 1e6 },
      ...{ refitSteps: 20, blocks: 12, closingBlocks: 1, validation: 512, estimator: 'gaussNewton', maskTemperature: 0.1 },
      ...{ stepBound: 0.05, tau: 100, initialStake: 1000 },
    }),
    assumptions: ['This run is invented for a test.', 'Text such as <b>this & "that"</b> stays text.'],
    participants: people,
    curves: [
      curve('head', 'cross-entropy of the head (nats)', 0.4),
      curve('own', 'cross-entropy of its own response (nats)', 0.6),
      curve('gate', 'cross-entropy through the gate (nats)', 0.5),
      curve('proxy', 'divergence of the proxy (nats)', 0.1),
    ],
    blocks,
    weights,
    mask: weights.map((row) => row.map((weight) => Math.min(1, weight * 8))),
    scores: { estimator: 'gaussNewton', ideal: raw, ablation: raw },
    rankings: [
      ranking('ablation', 'exact ablation', 0.3),
      ranking('ablationByRow', 'exact ablation by row', 0.4),
      ranking('ideal', 'ideal ranking', 0.5),
      ranking('shapley', 'Shapley', 0.9),
      ranking('ledger', 'ledger', 1.2),
      ranking('competitive', 'competitive', 1.5),
    ],
    equilibrium: { status: 'converged', message: 'converged', steps: 40, residual: 1e-7 },
    agreement: [
      { a: 'ideal', b: 'ablation', pearson: 0.95, spearman: 0.93, kendall: 0.81 },
      { a: 'shapley', b: 'ablation', pearson: 0.9, spearman: 0.88, kendall: 0.75 },
      { a: 'ablationByRow', b: 'ledger', pearson: 0.97, spearman: 0.96, kendall: 0.87 },
      { a: 'competitive', b: 'ablation', pearson: null, spearman: null, kendall: null, reason: 'the competitive ranking is constant' },
    ],
    findings: [{ participant: 'noise-14', text: 'last by every ranking' }],
    checks: [
      { name: 'the free rider is in the last quarter', held: true, measured: 'position 16 of 16' },
      { name: 'Spearman at least 0.9', held: false, measured: '0.89' },
    ],
  };
}
