/** The competitive ranking: the game whose curvatures were measured, on a scale of its own. */
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { competitiveEquilibrium } from '../../src/demo/competitive.js';
import { solveEquilibrium } from '../../src/equilibrium/index.js';
import { normals } from '../../src/participant/draw.js';
import type { Measurement } from '../../src/participant/measure.js';
import { resolveSettings } from '../../src/run/settings.js';

const backend = createBackend({ kind: 'native' });
const N = 4;
const settings = resolveSettings({ participants: N });

/** Gram matrices A A' of random factors, times a scale. */
function measurements(scale: number): Measurement[] {
  return Array.from({ length: N }, (_, rater) => {
    const factor = normals(3, [rater], N * N);
    const gram = Float64Array.from({ length: N * N }, (_, at) => {
      const [i, j] = [Math.floor(at / N), at % N];
      let sum = 0;
      for (let k = 0; k < N; k++) sum += factor[i * N + k]! * factor[j * N + k]!;
      return scale * sum;
    });
    const none = new Float64Array(N);
    return { ideal: none, ablation: none, shapley: none, gram, linearShare: 0 };
  });
}

t.test('the unit of the loss does not matter: matrices are scaled together to a mean diagonal of one', async (t) => {
  const plain = await competitiveEquilibrium({ measurements: measurements(1), settings, backend });
  const tiny = await competitiveEquilibrium({ measurements: measurements(2 ** -20), settings, backend });
  t.same([...tiny.weights], [...plain.weights], 'a power of two changes no bit');
  const data = Float64Array.from(measurements(1).flatMap(({ gram }) => [...gram]));
  let trace = 0;
  for (let rater = 0; rater < N; rater++) for (let peer = 0; peer < N; peer++) trace += data[rater * N * N + peer * N + peer]!;
  const byHand = await solveEquilibrium({
    game: {
      ...{ n: N, hessian: { kind: 'dense', data: data.map((entry) => (entry * N * N) / trace) } },
      ...{ initialWeights: new Float64Array(N * N).fill(1 / N), temperature: 0.1, alpha: 5, tau: 1 },
    },
    method: { kind: 'spectral' },
    stop: { residual: 1e-8 },
    backend,
  });
  t.equal(plain.status.kind, 'converged');
  for (const [at, weight] of byHand.weights.entries()) t.ok(Math.abs(weight - plain.weights[at]!) < 1e-5, `weight ${at}`);
});

t.test('a network in which no peer matters has an equilibrium too', async (t) => {
  const { status } = await competitiveEquilibrium({ measurements: measurements(0), settings, backend });
  t.equal(status.kind, 'converged');
});
