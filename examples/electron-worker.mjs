/**
 * The measure off the main thread, as an Electron app or a server uses it: one worker holds the addon, the main thread stays free and may
 * cancel. Results are memory of V8's own, so they may be transferred, and Electron's ban on external buffers does not matter.
 *
 * In Electron start the worker from the main process or a utility process; renderers get the numbers by message.
 *
 * Run: `node electron-worker.mjs`
 */
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

if (isMainThread) await main();
else serve();

async function main() {
  const worker = new Worker(new URL(import.meta.url));
  const [batch, peers, width, outputs] = [2000, 8, 16, 10];
  const wave = (length, step) => Float64Array.from({ length }, (_, k) => Math.sin(k * step));
  const job = {
    head: { layers: [{ weights: wave(outputs * peers * width, 0.7), bias: new Float64Array(outputs), activation: 'identity' }] },
    responses: wave(batch * peers * width, 0.3),
    ...{ batch, peers, width, estimator: 'gaussNewton', reduction: 'mean' },
  };
  let ticks = 0;
  const clock = setInterval(() => ticks++, 1);
  worker.postMessage(job, [job.responses.buffer]); // moved, not copied
  const [answer] = await once(worker, 'message');
  clearInterval(clock);
  if (answer.error !== undefined) throw new Error(answer.error);
  console.log(`${answer.backend}: ${answer.scores.length} scores, the main thread went on meanwhile (${ticks > 0})`);
  const wrong = once(worker, 'message');
  worker.postMessage({ ...job, responses: new Float64Array(1) });
  console.log((await wrong)[0].error); // a wrong call is a message, and the worker lives on
  await worker.terminate();
}

function serve() {
  const ready = import('intermodel'); // loaded once, here alone
  parentPort.on('message', async (job) => {
    try {
      const { createBackend, removalScores } = await ready;
      const backend = createBackend({ kind: 'native' });
      const { scores } = removalScores({ ...job, backend });
      parentPort.postMessage({ scores, backend: backend.describe().kind }, [scores.buffer]);
    } catch (error) {
      parentPort.postMessage({ error: error instanceof Error ? error.message : String(error) });
    }
  });
}
