/** Figures and pages drawn from results as plain data. */

export { type AdaptivePoint, type AdaptiveRun, type Figure5Data, figure5Page } from './adaptive.js';
export { type DemoReportOptions, demoReport, demoSvgFiles } from './demo.js';
export { type Figure, renderSvg } from './figure.js';
export { type PoolPageOptions, poolPage, poolSvgFiles } from './pool.js';
export { type ScenarioPageData, scenarioPage } from './scenario.js';
export { type DrawnPage, type Figure4Data, figure4Page, type SensitivityData, type SolverWords, sensitivityPage } from './simulation.js';
export type { RankPoint } from './simulation-figures.js';
