/** What the figures of a demonstration run share: colours of roles, rankings by name, where numbers come from. */
import { InputError } from '../core/errors.js';
import type { DemoResult } from '../demo/result.js';
import { PALETTE, SHAPES } from './theme.js';

/** Pixels. */
export const LABEL_SIZE = 11;

/** Roles in the order of their colours. */
const ROLES = ['generalist', 'specialist', 'scarce', 'copy', 'shuffled', 'noise'] as const;
const ROLE_COLOURS: Readonly<Record<string, string>> = Object.fromEntries(
  [PALETTE[0], PALETTE[2], PALETTE[4], PALETTE[3], PALETTE[1], PALETTE[5]].map((colour, index) => [ROLES[index]!, colour]),
);

/** Colour and shape of a role, the same in every figure. */
export function roleScales(result: DemoResult): { colour: object; shape: object } {
  const present = ROLES.filter((role) => result.participants.some((participant) => participant.role === role));
  const field = { field: 'role', type: 'nominal' } as const;
  return {
    colour: { ...field, title: 'built as', scale: { domain: present, range: present.map((role) => ROLE_COLOURS[role]!) } },
    shape: { ...field, title: 'built as', scale: { domain: present, range: present.map((role) => SHAPES[ROLES.indexOf(role)]!) } },
  };
}

/** Colour of a role, for keys in tables. */
export function roleColour(role: string): string {
  return ROLE_COLOURS[role] ?? PALETTE[0];
}

/** The ranking of that name. @throws InputError BTM_DOMAIN when the result has none */
export function rankingOf(result: DemoResult, name: string): DemoResult['rankings'][number] {
  const found = result.rankings.find((ranking) => ranking.name === name);
  if (found === undefined) throw new InputError('BTM_DOMAIN', `holds no ranking '${name}'`, { argument: 'result.rankings' });
  return found;
}

/** The agreement of two rankings, whichever way round it was recorded. */
export function agreementOf(result: DemoResult, a: string, b: string): DemoResult['agreement'][number] | undefined {
  return result.agreement.find((pair) => (pair.a === a && pair.b === b) || (pair.a === b && pair.b === a));
}

/** Where the numbers of a figure come from. */
export function provenance(result: DemoResult): string {
  return `Seed ${result.seed}, ${result.participants.length} participants, ${result.data.name}, ${result.settings.estimator} over ${result.settings.validation} samples.`;
}
