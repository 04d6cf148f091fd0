/**
 * Limited-memory BFGS for several convex problems at once, with a common preconditioner.
 *
 * The problems are independent; they go in step so that one evaluation serves all that are not finished. Only additions,
 * multiplications, divisions and square roots in a fixed order, so the same bits everywhere.
 */

/** Problems to minimise together; vectors are [dimension]. */
export interface Problems {
  /** Values and gradients of the problems named by `which` at their points. */
  evaluate(which: readonly number[], points: readonly Float64Array[]): Evaluation[];
  /** About the inverse Hessian times each vector, symmetric positive definite. */
  precondition(which: readonly number[], vectors: readonly Float64Array[]): Float64Array[];
}

/** One problem at one point. */
export interface Evaluation {
  readonly value: number;
  readonly gradient: Float64Array;
}

/** When to stop. */
export interface MinimiseOptions {
  /** Largest entry of the gradient at the end. */
  readonly tolerance: number;
  readonly maxSteps: number;
  /** Called before each step; may throw to stop. */
  readonly onStep?: ((step: number, unfinished: number) => void) | undefined;
}

/** Where one problem ended. */
export interface Minimum {
  readonly point: Float64Array;
  readonly value: number;
  /** Largest entry of the gradient, in absolute value. */
  readonly gradientNorm: number;
  readonly steps: number;
  /** 'stalled': rounding keeps the value from falling further. */
  readonly status: 'converged' | 'stepLimit' | 'stalled';
}

const MEMORY = 10;
const SUFFICIENT = 1e-4; // share of the predicted decrease that a step must reach
const MOST_HALVINGS = 30;

interface Pair {
  readonly s: Float64Array;
  readonly y: Float64Array;
  /** Preconditioned y. */
  readonly hy: Float64Array;
  readonly rho: number;
}

interface State {
  readonly index: number;
  point: Float64Array;
  value: number;
  gradient: Float64Array;
  /** Preconditioned gradient. */
  hg: Float64Array;
  pairs: Pair[];
  direction: Float64Array;
  slope: number;
  length: number;
  halvings: number;
  steps: number;
  status: Minimum['status'] | null;
}

/** Minimises every problem from its starting point. */
export function minimise(problems: Problems, starts: readonly Float64Array[], options: MinimiseOptions): Minimum[] {
  const all = starts.map((_, index) => index);
  const first = problems.evaluate(all, starts);
  const preconditioned = problems.precondition(
    all,
    first.map(({ gradient }) => gradient),
  );
  const states = first.map((at, index) => begin(index, starts[index], at, preconditioned[index], options));
  for (let step = 0; ; step++) {
    const open = states.filter((state) => state.status === null);
    if (open.length === 0) break;
    options.onStep?.(step, open.length);
    advance(problems, open, options);
  }
  return states.map(({ point, value, gradient, steps, status }) => ({
    point,
    value,
    gradientNorm: largest(gradient),
    steps,
    status: status ?? 'stepLimit',
  }));
}

function begin(index: number, point: Float64Array, at: Evaluation, hg: Float64Array, options: MinimiseOptions): State {
  const state: State = {
    index,
    point,
    value: at.value,
    gradient: at.gradient,
    hg,
    pairs: [],
    direction: hg,
    slope: 0,
    length: 1,
    halvings: 0,
    steps: 0,
    status: null,
  };
  settle(state, options);
  if (state.status === null) aim(state);
  return state;
}

/** One evaluation for every open problem: a step taken, or its length halved. */
function advance(problems: Problems, open: readonly State[], options: MinimiseOptions): void {
  const points = open.map(({ point, direction, length }) => point.map((x, k) => x + length * direction[k]));
  const found = problems.evaluate(
    open.map(({ index }) => index),
    points,
  );
  const taken = open.filter((state, k) => accepts(state, found[k]));
  const hg = problems.precondition(
    taken.map(({ index }) => index),
    taken.map((state) => found[open.indexOf(state)].gradient),
  );
  taken.forEach((state, k) => {
    const place = open.indexOf(state);
    move(state, points[place], found[place], hg[k]);
    settle(state, options);
    if (state.status === null) aim(state);
  });
}

/** Armijo's rule; what it refuses is halved. Near the minimum, where values no longer differ, the slope decides instead. */
function accepts(state: State, found: Evaluation): boolean {
  const gain = found.value - state.value;
  if (gain <= SUFFICIENT * state.length * state.slope) return true;
  const flat = Math.abs(gain) <= 1e-13 * Math.abs(state.value);
  if (flat && Math.abs(dot(found.gradient, state.direction)) <= 0.9 * Math.abs(state.slope)) return true;
  state.length /= 2;
  state.halvings += 1;
  if (state.halvings > MOST_HALVINGS) state.status = 'stalled';
  return false;
}

function move(state: State, point: Float64Array, found: Evaluation, hg: Float64Array): void {
  const s = point.map((x, k) => x - state.point[k]);
  const y = found.gradient.map((g, k) => g - state.gradient[k]);
  const product = dot(s, y);
  if (product > 1e-14 * Math.sqrt(dot(s, s) * dot(y, y))) {
    state.pairs.push({ s, y, hy: hg.map((h, k) => h - state.hg[k]), rho: 1 / product });
    if (state.pairs.length > MEMORY) state.pairs.shift();
  }
  state.point = point;
  state.value = found.value;
  state.gradient = found.gradient;
  state.hg = hg;
  state.steps += 1;
  state.halvings = 0;
}

function settle(state: State, options: MinimiseOptions): void {
  if (largest(state.gradient) <= options.tolerance) state.status = 'converged';
  else if (state.steps >= options.maxSteps) state.status = 'stepLimit';
}

/** The two loops of L-BFGS. The preconditioner is linear, so its products with q follow from those with g and the y. */
function aim(state: State): void {
  const { pairs, gradient, hg } = state;
  const q = gradient.slice();
  const r = hg.slice();
  const alphas = new Array<number>(pairs.length);
  for (let k = pairs.length - 1; k >= 0; k--) {
    const { s, y, hy, rho } = pairs[k];
    const alpha = rho * dot(s, q);
    alphas[k] = alpha;
    for (let j = 0; j < q.length; j++) {
      q[j] -= alpha * y[j];
      r[j] -= alpha * hy[j];
    }
  }
  const last = pairs.at(-1);
  const scale = last === undefined ? 1 : 1 / (last.rho * dot(last.y, last.hy));
  for (let j = 0; j < r.length; j++) r[j] *= scale;
  pairs.forEach(({ s, y, rho }, k) => {
    const beta = rho * dot(y, r);
    for (let j = 0; j < r.length; j++) r[j] += (alphas[k] - beta) * s[j];
  });
  state.direction = r.map((x) => -x);
  state.slope = dot(state.direction, gradient);
  if (!(state.slope < 0)) {
    state.pairs = [];
    state.direction = hg.map((x) => -x);
    state.slope = dot(state.direction, gradient);
  }
  state.length = 1;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let k = 0; k < a.length; k++) sum += a[k] * b[k];
  return sum;
}

function largest(a: Float64Array): number {
  let most = 0;
  for (let k = 0; k < a.length; k++) most = Math.max(most, Math.abs(a[k]));
  return most;
}
