/**
 * What calls hold beside their input, `node input-memory.js game N STEPS` (one dense H for each of N participants) or
 * `node input-memory.js removal BATCH PEERS WIDTH CLASSES` (single precision). One line of JSON: bytes of the input, and by how much the
 * peak of resident memory exceeds what was resident when the input was there, as a share of it.
 */
import { createBackend } from '../../src/backend/index.js';
import { removalScores, solveMany } from '../../src/index.js';

const [what = '', ...sizes] = process.argv.slice(2);
const numbers = sizes.map(Number);
const { bytes, call } = what === 'game' ? game(numbers) : removal(numbers);
const before = process.memoryUsage().rss;
const began = process.cpuUsage();
await call();
const { user, system } = process.cpuUsage(began);
const more = Math.max(0, process.resourceUsage().maxRSS * 1024 - before);
console.log(JSON.stringify({ what, sizes: numbers, bytes, more, share: more / bytes, seconds: (user + system) / 1e6 }));

function game([n, steps]: number[]) {
  const data = new Float64Array(n * n * n);
  for (let j = 0; j < n; j++) for (let k = 0; k < n; k++) data[j * n + k] = 1 / (1 + Math.abs(j - k));
  for (let m = 1; m < n; m++) data.copyWithin(m * n * n, 0, n * n);
  const initialWeights = new Float64Array(n * n).fill(1 / n);
  const options = { n, hessian: { kind: 'dense', data } as const, initialWeights, temperature: 5, alpha: 25, tau: 1 };
  const stop = { maxSteps: steps, residual: 0, checkEvery: 1_000_000 };
  const backend = createBackend({ kind: 'native' });
  const call = () => solveMany({ games: [options], method: { kind: 'projectedGradient', rate: 0.005 }, stop, backend });
  return { bytes: data.byteLength, call };
}

function removal([batch, peers, width, outputs]: number[]) {
  const weights = Float32Array.from({ length: outputs * peers * width }, (_, k) => ((k % 7) - 3) / 50);
  const head = { layers: [{ weights, bias: new Float32Array(outputs), activation: 'identity' as const }] };
  const responses = new Float32Array(batch * peers * width);
  for (let k = 0; k < responses.length; k++) responses[k] = ((k % 11) - 5) / 10;
  const call = async () => removalScores({ head, responses, batch, peers, width, precision: 'f32' });
  return { bytes: responses.byteLength, call };
}
