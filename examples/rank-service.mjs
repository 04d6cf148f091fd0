/**
 * An HTTP service that ranks a pool of models: POST the head, what its peers answered and the labels; the answer says what each peer is
 * worth to the head, best first, and how the pool shares that worth.
 *
 * Run: `node rank-service.mjs` asks itself once and prints the answer; `node rank-service.mjs --port 8080` stays up.
 */
import { createServer } from 'node:http';
import { EnvironmentError, InputError, peerGram, removalScores } from 'intermodel';

const LARGEST_BODY = 64 * 1024 * 1024;

/** The worth of every peer, from one request. */
function rankPool({ names, ...pool }) {
  const { scores } = removalScores({ ...pool, estimator: 'gaussNewton', reduction: 'mean' });
  const { shapley } = peerGram(pool);
  const order = [...scores.keys()].sort((a, b) => scores[b] - scores[a]);
  return order.map((peer) => ({ peer, name: names?.[peer] ?? `peer ${peer}`, score: scores[peer], shapley: shapley[peer] }));
}

async function bodyOf(request) {
  const parts = [];
  let bytes = 0;
  for await (const part of request) {
    bytes += part.length;
    if (bytes > LARGEST_BODY) throw new RangeError(`the request holds more than ${LARGEST_BODY} bytes`);
    parts.push(part);
  }
  return JSON.parse(Buffer.concat(parts).toString('utf8'));
}

/** A wrong request is the caller's: it gets the code, the argument and the index. Anything else is ours. */
function refusal(error) {
  if (error instanceof InputError) return [400, { code: error.code, argument: error.argument, index: error.index, message: error.message }];
  if (error instanceof SyntaxError || error instanceof RangeError) return [400, { code: 'BAD_REQUEST', message: error.message }];
  if (error instanceof EnvironmentError) return [503, { code: error.code, message: error.message }];
  return [500, { code: 'FAILED', message: 'the service failed' }];
}

const server = createServer(async (request, response) => {
  const answer = (status, value) => response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(value)}\n`);
  if (request.method !== 'POST' || request.url !== '/rank') return answer(404, { code: 'NOT_FOUND', message: 'POST /rank' });
  try {
    answer(200, { ranking: rankPool(await bodyOf(request)) });
  } catch (error) {
    answer(...refusal(error));
  }
});

const at = process.argv.indexOf('--port');
server.listen(at < 0 ? 0 : Number(process.argv[at + 1]), '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}/rank`;
  console.log(`listening on ${url}`);
  if (at >= 0) return;
  const pool = {
    names: ['informed', 'noise'],
    head: { layers: [{ weights: [1, 0, 0.5, 0, 0, 1, 0, 0.5], bias: [0, 0], activation: 'identity' }] },
    responses: [2, 0, 0.1, 0, 0, 2, 0, 0.1, 1, -1, 0.1, 0.1],
    labels: [0, 1, 0],
    batch: 3,
    peers: 2,
    width: 2,
  };
  for (const body of [pool, { ...pool, batch: 4 }]) {
    const response = await fetch(url, { method: 'POST', body: JSON.stringify(body) });
    console.log(response.status, await response.text());
  }
  server.close();
});
