/** Figures and pages drawn from results as plain data. */
export { type DemoReportOptions, demoReport, demoSvgFiles } from './demo.js';
export { type Figure, renderSvg } from './figure.js';
