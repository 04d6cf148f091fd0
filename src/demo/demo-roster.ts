/** The roster of the demonstration, for runs that build each participant in a process of its own. */
import { type DigitData, describeData } from '../data/dataset.js';
import { dataNamed } from '../run/named-data.js';
import type { Roster, RosterRequest } from '../run/roster.js';
import { sizesFor } from './fit.js';
import { memberBuilder } from './population.js';
import { buildRoster, type RosterEntry } from './roster.js';

/** Every role once or more; see {@link buildRoster}. */
export const demoRoster: Roster = {
  async defaults({ given, seed, data }) {
    return sizesFor(given, seed, await dataNamed(data));
  },
  async plan(request) {
    const data = await dataNamed(request.data);
    const { height, width } = data.train;
    return { names: entriesOf(request, data).map(({ name }) => name), inputWidth: height * width };
  },
  async build(index, request, relay) {
    const { settings, seed, backend } = request;
    const data = await dataNamed(request.data);
    const member = memberBuilder({ roster: entriesOf(request, data), data, settings, seed, backend })(index, relay);
    return { member, data: describeData(data) };
  },
};

/** Who plays in a run of the demonstration with this data. */
export function entriesOf({ settings, seed }: Pick<RosterRequest, 'settings' | 'seed'>, { train }: DigitData): RosterEntry[] {
  const { participants, largestShard } = settings;
  return buildRoster({ participants, classes: train.classes, largestShard, seed });
}
