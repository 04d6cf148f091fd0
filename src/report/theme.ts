/**
 * Colours and the shared look of every figure. Text and axes are `currentColor`, so that a figure inside a page follows its light or
 * dark colours and a figure saved alone is black on transparent; marks use middle tones that read on both.
 */
// biome-ignore lint/suspicious/noTsIgnore: it must hold with and without the package
/** @ts-ignore */
import type { Config } from 'vega-lite';
import { FONT } from './text-width.js';

/** Categorical colours, told apart by people with the common colour-vision deficiencies and by brightness. */
export const PALETTE = ['#3a7fc1', '#e0662b', '#2a9d74', '#b65fb0', '#c9a227', '#7f8794', '#c0455a', '#4fb3bf'] as const;

/** Shapes that go with {@link PALETTE}, so that no figure depends on colour alone. */
export const SHAPES = ['circle', 'square', 'triangle-up', 'diamond', 'triangle-down', 'cross', 'triangle-left', 'triangle-right'] as const;

/** Colour scheme of matrices: perceptually even, dark is small. */
export const MATRIX_SCHEME = 'viridis';

const INK = 'currentColor';

/** Vega-Lite configuration of every figure. */
export const CONFIG: Config = {
  background: 'transparent',
  font: FONT,
  padding: 4,
  view: { stroke: INK, strokeOpacity: 0.25 },
  axis: {
    labelColor: INK,
    titleColor: INK,
    domainColor: INK,
    tickColor: INK,
    gridColor: INK,
    gridOpacity: 0.1,
    domainOpacity: 0.5,
    tickOpacity: 0.5,
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: 'bold',
    titlePadding: 8,
    labelLimit: 240,
    titleLimit: 600,
  },
  legend: { labelColor: INK, titleColor: INK, labelFontSize: 12, titleFontSize: 12, labelLimit: 320, titleLimit: 320, symbolSize: 80 },
  header: { labelColor: INK, titleColor: INK, labelFontSize: 13, labelFontWeight: 'bold', labelLimit: 600, titleFontSize: 12 },
  title: { color: INK, subtitleColor: INK, fontSize: 14, subtitleFontSize: 12, anchor: 'start', limit: 900 },
  text: { color: INK, fontSize: 11, font: FONT },
  rule: { color: INK },
  line: { strokeWidth: 1.6 },
  range: { category: [...PALETTE] },
};
