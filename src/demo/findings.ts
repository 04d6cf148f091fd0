/** Says where the odd participants landed and why, from the numbers of the run; and which claims held. */

import type { Measurement } from '../participant/measure.js';
import type { DemoAgreement, DemoCheck, DemoFinding, DemoParticipant, DemoRanking, RankingName } from './result.js';
import type { RosterEntry } from './roster.js';

/** What a run measured. */
export interface Outcome {
  readonly roster: readonly RosterEntry[];
  readonly participants: readonly DemoParticipant[];
  readonly rankings: readonly DemoRanking[];
  readonly agreement: readonly DemoAgreement[];
  readonly measurements: readonly Measurement[];
}

/** Spearman correlation that a ranking is expected to reach against the truth that it estimates, as a mean over seeds. */
const EXPECTED_SPEARMAN = 0.9;

/** One finding for each participant that was built to be odd. */
export function findingsOf(outcome: Outcome): DemoFinding[] {
  const texts: { [role in DemoParticipant['role']]?: (index: number) => string } = {
    noise: (index) => `${places(outcome, index)}. ${noiseText(outcome, index)}`,
    shuffled: (index) => `${places(outcome, index)}. ${shuffledText(outcome, index)}`,
    copy: (index) => `${places(outcome, index)}. ${copyText(outcome, index)}`,
    scarce: (index) => `${places(outcome, index)}. ${scarceText(outcome, index)}`,
  };
  return outcome.participants.flatMap((participant, index) => {
    const text = texts[participant.role];
    return text === undefined ? [] : [{ participant: participant.name, text: text(index) }];
  });
}

/** The claims made for the demonstration, and whether this run bears them out. */
export function checksOf(outcome: Outcome): DemoCheck[] {
  const n = outcome.participants.length;
  const checks = [
    agreementCheck(outcome, 'the ideal ranking agrees with exact ablation', 'ablation', 'ideal'),
    agreementCheck(outcome, "the ledger's ranking agrees with exact ablation by row", 'ablationByRow', 'ledger'),
  ];
  const lastQuarter = n - quarterOf(n);
  for (const [index, participant] of outcome.participants.entries()) {
    if (participant.role !== 'noise') continue;
    for (const name of ['ablation', 'ideal', 'ledger'] as const) {
      const position = positionIn(outcome, name, index);
      checks.push({
        name: `${participant.name}, which returns noise, is in the last quarter by the ${name} ranking`,
        held: position > lastQuarter,
        measured: `position ${position} of ${n}`,
      });
    }
  }
  return checks;
}

function agreementCheck({ agreement }: Outcome, claim: string, truth: RankingName, measured: RankingName): DemoCheck {
  const pair = agreement.find((entry) => entry.a === truth && entry.b === measured);
  const spearman = pair?.spearman ?? null;
  return {
    name: `${claim} (Spearman at least ${EXPECTED_SPEARMAN})`,
    held: spearman !== null && spearman >= EXPECTED_SPEARMAN,
    measured: spearman === null ? `undefined: ${pair?.reason ?? 'no such pair'}` : `Spearman ${spearman.toFixed(3)}`,
  };
}

/** At least the last place. */
const quarterOf = (participants: number): number => Math.max(1, Math.floor(participants / 4));

function noiseText(outcome: Outcome, index: number): string {
  const { measurements, participants } = outcome;
  if (positionIn(outcome, 'ledger', index) <= participants.length - quarterOf(participants.length)) {
    return 'Noise says nothing about a sample, but these heads have not been trained, or measured on enough samples, to turn away from it.';
  }

  const own = mean(measurements.map((m) => m.ideal[index]));
  const ablation = mean(measurements.map((m) => m.ablation[index]));
  const effect = ablation < 0 ? 'removing it lowers the loss' : 'removing it raises the loss only by chance';
  return `Noise says nothing about a sample, so training turns the heads away from it: what is left costs ${nats(own)} by the measure, and ${effect} (${nats(ablation)} by exact ablation).`;
}

function shuffledText({ participants, measurements }: Outcome, index: number): string {
  const { ownAccuracy } = participants[index];
  const ablation = mean(measurements.map((m) => m.ablation[index]));
  return (
    `Its own labels teach it nothing (${percent(ownAccuracy)} right on them alone), but its encoder also learns from the gradients its askers send back, and even random features of an input separate classes: ` +
    `removing it costs the others ${nats(ablation)}. The measure ranks what a peer answers, not the labels it keeps to itself.`
  );
}

function copyText({ roster, participants, measurements }: Outcome, index: number): string {
  const original = roster[index].copyOf ?? index;
  const n = participants.length;
  const alone = (j: number) => mean(measurements.map((m) => m.gram[j * n + j]));
  const together = mean(
    measurements.map((m) => m.gram[original * n + original] + m.gram[index * n + index] + 2 * m.gram[original * n + index]),
  );
  const sum = alone(original) + alone(index);
  return (
    `It and ${participants[original].name} answer the same, so the heads split one worth between two blocks. Removed alone they cost ${nats(alone(index))} (copy) and ${nats(alone(original))} (original); ` +
    `removed together ${nats(together)}, ${(together / sum).toFixed(2)} times the sum: each stands in for the other, and a measure of single removals undervalues both.`
  );
}

function scarceText({ participants, roster, measurements }: Outcome, index: number): string {
  const ablation = mean(measurements.map((m) => m.ablation[index]));
  return `It owns ${roster[index].samples} samples, but its encoder is trained on the gradients of all peers that ask it: removing it costs the others ${nats(ablation)}; its own head reaches ${percent(participants[index].headAccuracy)}.`;
}

function places(outcome: Outcome, index: number): string {
  const n = outcome.participants.length;
  return `Position ${outcome.rankings.map((r) => `${r.positions[index]} by ${r.title}`).join(', ')}, of ${n}`;
}

function positionIn(outcome: Outcome, name: RankingName, index: number): number {
  return outcome.rankings.find((r) => r.name === name)?.positions[index] ?? 0;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

const nats = (value: number): string => `${(1000 * value).toFixed(2)} millinats`;
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
