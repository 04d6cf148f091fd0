/** The small roster with two that lie in every way at once: they answer what somebody else says, pay each other, and are paid by all. */
import { playingRoster } from '../../src/run/playing.js';
import { cabal, lateBribe, type Strategy, thief } from '../../src/scenario/index.js';
import { smallRoster } from './small-roster.js';

export const lyingStrategy: Strategy = { ...lateBribe(0.1), ...thief(1), name: 'thieving cabal', row: cabal(0.7).row };
export const COALITION = [1, 3];
export const lyingRoster = playingRoster(smallRoster, { coalition: COALITION, strategy: lyingStrategy });
