/** Kernels of the market: rankings, competition, payoff and projections. */
import type { CompetitionKernels } from './competition.js';
import type { PayoffKernels } from './payoff.js';
import type { ProjectionKernels } from './projection.js';
import type { RankingKernels } from './ranking.js';

export type MarketKernels = RankingKernels & CompetitionKernels & PayoffKernels & ProjectionKernels;
