import type { RunSettings } from '../run/settings.js';

/** The sentences that belong beside every figure of a run. */

const rowsText = (settings: RunSettings): string =>
  settings.rows === 'measured'
    ? 'every participant, free riders included, reports what it measured.'
    : `every participant moves its row up the gradient of its own payoff with its real loss, ${settings.lossPrice} tokens to a nat (R-01).`;

const askedText = ({ gate, gateK, gateBalance, gateNoise }: RunSettings): string =>
  gateK === 0
    ? 'While training, every participant asks all others.'
    : `While training, a ${gate} gate asks ${gateK} peers per sample, balance ${gateBalance}, noise ${gateNoise}; measurements ask all peers.`;

const scoresText = ({ estimator }: RunSettings): string =>
  estimator === 'taylor2'
    ? 'Scores are by taylor2, the second-order change with its linear term: no head is at a minimum on samples it was not trained on, and weight decay keeps it from one (R-03). The share of the linear term stands with every participant.'
    : `Scores are by ${estimator} (R-03); the share that the linear term of the second-order change has stands with every participant.`;

/** What a reader has to know to judge a run. */
export function assumptionsOf(settings: RunSettings, seed: number): string[] {
  return [
    `Everything random follows from seed ${seed}: shards, initial weights, batch orders, the free rider's noise.`,
    `Training shards are disjoint parts of the training samples; each participant measures on ${settings.validation} test samples of its own classes, drawn independently, so participants may share test samples.`,
    scoresText(settings),
    "Truth is exact ablation: the loss with one peer's whole response set to zero, minus the loss with it (R-05), labels as the participant has them.",
    "The ledger's ranking adds shares of rows, not nats, so its truth is exact ablation by row: negative entries set to zero, each row divided by its sum, even where harm outweighs worth (R-10), the mean over participants.",
    `Before the measurement every head is trained for ${settings.refitSteps} more steps with the encoders held fixed, because a quadratic measure is good near a minimum. Weight decay ${settings.weightDecay} (decoupled) keeps a linear term alive that grows with a peer's worth.`,
    'Encoders learn from their own labels and, in equal parts, from the gradients of the peers that ask (section 1.6, step 3). They differ in hidden units: generalists have 64 down to 16, specialists 16 down to 4.',
    `Queries go one hop: a peer answers from its input and its own proxy, distilled from its gate by ${settings.distillation} at temperature ${settings.distillationTemperature}, labels at weight ${1 - settings.distillationAlpha}, and squared error at weight ${settings.responseWeight} (R-19).`,
    askedText(settings),
    `All start with ${settings.initialStake} tokens and equal weights. A row moves by at most ${settings.stepBound} in the l2 norm per block (R-09); ${rowsText(settings)}`,
    `Inputs are masked by (7) with temperature ${settings.maskTemperature} tokens (R-13), a participant's own response included (R-14).`,
    `The competitive ranking is the equilibrium of the empirical model (14) with the measured Gram matrices, scaled together to a mean diagonal of 1, alpha/tau ${settings.equilibriumRatio}, equal stake, the ledger's temperature in units of the initial stake (${settings.maskTemperature / settings.initialStake}), reference mask of ones (R-02).`,
    'Losses are cross-entropies in nats, on one scale. The shuffled participant measures against shuffled labels, its own kind.',
  ];
}
