/**
 * Time and memory of `fitPool`, `rankPool` and `selectModels` on a large pool.
 * Run: node lib/test/long/pool-speed.js [models] [samples] [classes]
 */
import { cpuUsage, memoryUsage, resourceUsage } from 'node:process';
import { createBackend } from '../../src/backend/index.js';
import { type FittedPool, fitPool, rankPool, selectModels } from '../../src/stacking/index.js';
import { largePool } from './support/large-pool.js';

const MODELS = Number(process.argv[2] ?? 100);
const SAMPLES = Number(process.argv[3] ?? 100000);
const CLASSES = Number(process.argv[4] ?? 10);

const backend = createBackend({ kind: 'native', threads: 2 });
const pool = largePool(MODELS, SAMPLES, CLASSES);
process.stdout.write(`${MODELS} models, ${SAMPLES} samples, ${CLASSES} classes; ${Math.round(memoryUsage().rss / 2 ** 20)} MiB before\n`);

type OnProgress = (progress: { stage: string }) => void;
let wholeWall = 0;
let wholeProcessor = 0;

async function timed<T>(name: string, work: (onProgress: OnProgress) => Promise<T>): Promise<T> {
  const stages = new Map<string, [number, number]>();
  let stage = name;
  let wall = performance.now();
  let cpu = cpuUsage();
  const close = (next: string) => {
    const used = cpuUsage(cpu);
    const before = stages.get(stage) ?? [0, 0];
    stages.set(stage, [before[0] + (performance.now() - wall) / 1e3, before[1] + (used.user + used.system) / 1e6]);
    wall = performance.now();
    cpu = cpuUsage();
    stage = next;
  };
  const result = await work((progress) => {
    if (progress.stage !== stage) close(progress.stage);
  });
  close('end');
  const [seconds, processor] = [...stages.values()].reduce(([a, b], [c, d]) => [a + c, b + d]);
  wholeWall += seconds;
  wholeProcessor += processor;
  const each = [...stages].map(([key, [own, used]]) => `${key} ${own.toFixed(1)} (${used.toFixed(1)})`);
  process.stdout.write(`${name}: ${seconds.toFixed(1)} s, processor ${processor.toFixed(1)} s; ${each.join(', ')}\n`);
  return result;
}

const fitted: FittedPool = await timed('fit', (onProgress) => fitPool({ ...pool, backend, onProgress }));
const ranking = await timed('rank', (onProgress) => rankPool({ fitted, onProgress }));
const { chosen, search } = await timed('select', (onProgress) => selectModels({ fitted, onProgress }));
const { fit, loss } = ranking;
process.stdout.write(
  `together ${wholeWall.toFixed(1)} s, processor ${wholeProcessor.toFixed(1)} s, most memory ${Math.round(resourceUsage().maxRSS / 1024)} MiB; loss ${loss.value.toFixed(5)}, l2 ${fit?.l2.toPrecision(3)}, gradient norm ${fit?.gradientNorm.toExponential(1)} in ${fit?.steps} steps; refitted by ${ranking.refitBy}; ${search} keeps ${chosen.models.length} of ${MODELS}, loss ${chosen.loss.toFixed(5)}\n`,
);
