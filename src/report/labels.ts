/** Placing labels so that they can be read: beside points of a scatter, and at the ends of lines. */
import { textWidth } from './text-width.js';

/** A scale between data and pixels, so that labels can be placed in pixels and drawn in data coordinates. */
export interface PixelScale {
  readonly kind: 'linear' | 'log';
  readonly domain: readonly [number, number];
  readonly range: readonly [number, number];
}

/** Data to pixels. */
export function toPixels(scale: PixelScale, value: number): number {
  const [low, high] = scale.domain.map((end) => warp(scale, end)) as [number, number];
  const [from, to] = scale.range;
  return from + ((warp(scale, value) - low) / (high - low)) * (to - from);
}

/** Pixels to data. */
export function fromPixels(scale: PixelScale, pixel: number): number {
  const [low, high] = scale.domain.map((end) => warp(scale, end)) as [number, number];
  const [from, to] = scale.range;
  const warped = low + ((pixel - from) / (to - from)) * (high - low);
  return scale.kind === 'log' ? 10 ** warped : warped;
}

function warp(scale: PixelScale, value: number): number {
  return scale.kind === 'log' ? Math.log10(value) : value;
}

/** A scale that holds every value with a margin of 6 %: logarithmic, unless told otherwise, when all are positive over a factor of 30. */
export function fitScale(values: readonly number[], range: readonly [number, number], wanted?: PixelScale['kind']): PixelScale {
  const low = Math.min(...values);
  const high = Math.max(...values);
  const kind = wanted ?? (low > 0 && high / low > 30 ? 'log' : 'linear');
  const ends = kind === 'log' ? [Math.log10(low), Math.log10(high)] : [low, high];
  const margin = 0.06 * (ends[1]! - ends[0]! || Math.abs(ends[0]!) || 1);
  const wide = [ends[0]! - margin, ends[1]! + margin];
  return { kind, range, domain: kind === 'log' ? [10 ** wide[0]!, 10 ** wide[1]!] : [wide[0]!, wide[1]!] };
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** Where a label went: the middle of its text in pixels, and whether it is far enough to need a line to its point. */
export interface PlacedLabel {
  readonly x: number;
  readonly y: number;
  readonly far: boolean;
}

/** Points in pixels with the text to put beside each, and the area to stay inside. */
export interface LabelProblem {
  readonly points: readonly { readonly x: number; readonly y: number; readonly text: string }[];
  readonly width: number;
  readonly height: number;
  readonly fontSize: number;
}

const DIRECTIONS = Array.from({ length: 16 }, (_, step) => (step * Math.PI) / 8);
const DISTANCES = [0, 10, 20, 32, 46, 62, 80];
const POINT_RADIUS = 6;

/** Places labels one after another, each at the nearest free spot around its point. Order of the points decides; nothing is random. */
export function placeLabels(problem: LabelProblem): PlacedLabel[] {
  const taken: Box[] = problem.points.map((p) => around(p.x, p.y, 2 * POINT_RADIUS, 2 * POINT_RADIUS));
  return problem.points.map((point) => {
    const width = textWidth(point.text, problem.fontSize) + 4;
    const best = bestSpot(point, width, problem, taken);
    taken.push(around(best.x, best.y, width, problem.fontSize + 2));
    return best;
  });
}

function bestSpot(point: { x: number; y: number }, width: number, problem: LabelProblem, taken: readonly Box[]): PlacedLabel {
  const height = problem.fontSize + 2;
  let best = { x: point.x, y: point.y, far: false, cost: Number.POSITIVE_INFINITY };
  for (const distance of DISTANCES) {
    for (const angle of DIRECTIONS) {
      const x = point.x + Math.cos(angle) * (width / 2 + POINT_RADIUS + 2 + distance);
      const y = point.y + Math.sin(angle) * (height / 2 + POINT_RADIUS + distance);
      const box = around(x, y, width, height);
      const cost =
        distance + 6 * Math.abs(Math.sin(angle)) + 4 * outside(box, problem) + 2 * sum(taken.map((other) => overlap(box, other)));
      if (cost < best.cost) best = { x, y, far: distance > 12, cost };
    }
  }
  return { x: best.x, y: best.y, far: best.far };
}

/** Moves labels at wanted heights apart by at least `gap`, as little as possible, inside [0, height]. */
export function spread(wanted: readonly number[], gap: number, height: number): number[] {
  const order = wanted.map((_, index) => index).sort((a, b) => wanted[a]! - wanted[b]! || a - b);
  const groups: { members: number[]; centre: number }[] = [];
  for (const index of order) {
    groups.push({ members: [index], centre: wanted[index]! });
    while (groups.length > 1 && touching(groups.at(-2)!, groups.at(-1)!, gap)) {
      const last = groups.pop()!;
      const members = [...groups.pop()!.members, ...last.members];
      const mean = sum(members.map((member) => wanted[member]!)) / members.length;
      groups.push({ members, centre: clampCentre(mean, members.length, gap, height) });
    }
  }
  const placed = new Array<number>(wanted.length);
  for (const { members, centre } of groups) {
    members.forEach((member, place) => {
      placed[member] = clampCentre(centre, members.length, gap, height) + (place - (members.length - 1) / 2) * gap;
    });
  }
  return placed;
}

function touching(upper: { members: number[]; centre: number }, lower: { members: number[]; centre: number }, gap: number): boolean {
  return lower.centre - upper.centre < (gap * (upper.members.length + lower.members.length)) / 2;
}

function clampCentre(centre: number, count: number, gap: number, height: number): number {
  const half = ((count - 1) / 2) * gap;
  return Math.max(half, Math.min(height - half, centre));
}

function around(x: number, y: number, width: number, height: number): Box {
  return { left: x - width / 2, right: x + width / 2, top: y - height / 2, bottom: y + height / 2 };
}

function overlap(a: Box, b: Box): number {
  const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return wide > 0 && high > 0 ? wide * high : 0;
}

function outside(box: Box, area: { readonly width: number; readonly height: number }): number {
  return Math.max(0, -box.left) + Math.max(0, box.right - area.width) + Math.max(0, -box.top) + Math.max(0, box.bottom - area.height);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
