/**
 * Our side of pool-speed-rival.py: one stack with a fixed, even L2, fitted and measured in one thread; everything is written for the rival.
 * Run: node lib/test/long/pool-speed-rival.js FOLDER [models] [samples] [classes] [l2], then python test/long/pool-speed-rival.py FOLDER
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cpuUsage } from 'node:process';
import { createBackend } from '../../src/backend/index.js';
import { encodeNpy } from '../../src/data/index.js';
import { fitPool, rankPool } from '../../src/stacking/index.js';
import { largePool } from './support/large-pool.js';

const [FOLDER = '.', ...sizes] = process.argv.slice(2);
const [MODELS = 100, SAMPLES = 10000, CLASSES = 10, L2 = 1e-3] = sizes.map(Number);
const backend = createBackend({ kind: 'native', threads: 1 });

async function timed<T>(work: () => Promise<T>): Promise<[T, number]> {
  const before = cpuUsage();
  const result = await work();
  const { user, system } = cpuUsage(before);
  return [result, (user + system) / 1e6];
}

const pool = largePool(MODELS, SAMPLES, CLASSES);
const options = { ...pool, backend, l2: L2, penalty: 'even' as const, refit: false, tolerance: 1e-6 };
const [fitted, fit] = await timed(() => fitPool(options));
const [ranking, rank] = await timed(() => rankPool({ fitted }));
const { design } = fitted.call;
const head = fitted.fit?.heads[0];
const { width, foldStarts } = design;
writeFileSync(join(FOLDER, 'features.npy'), encodeNpy([SAMPLES, width], design.features));
writeFileSync(join(FOLDER, 'head.npy'), encodeNpy([width + 1, CLASSES], head?.parameters ?? new Float64Array(0)));
const worth = ranking.models.map((model) => model.worth.value);
const told = { labels: [...design.labels], folds: [...foldStarts], models: MODELS, l2: L2, worth, loss: ranking.loss.value, fit, rank };
writeFileSync(join(FOLDER, 'stack.json'), JSON.stringify(told));
process.stdout.write(
  `${MODELS} models, ${SAMPLES} samples, ${CLASSES} classes, l2 ${L2}: fit ${fit.toFixed(2)} s, measure ${rank.toFixed(2)} s of processor time; gradient norm ${ranking.fit?.gradientNorm.toExponential(2)} in ${ranking.fit?.steps} steps, loss ${ranking.loss.value.toFixed(6)}\n`,
);
