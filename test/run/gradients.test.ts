/** What an encoder is trained on: its own gradient and those of its askers, with the inputs they belong to, in the order of the ledger. */
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { normals, uniforms } from '../../src/participant/draw.js';
import { plainModel } from '../../src/participant/models/model.js';
import { Participant } from '../../src/participant/participant.js';
import type { Samples } from '../../src/participant/samples.js';
import { runLocally } from '../../src/run/local-run.js';
import { participantSettings, resolveSettings } from '../../src/run/settings.js';

t.setTimeout(280_000);

const backend = createBackend({ kind: 'native' });
const SEED = 4;
const [PEERS, INPUTS, WIDTH, BATCH] = [3, 2, 2, 4];
const settings = resolveSettings({
  ...{ participants: PEERS, rounds: 1, blocks: 1, closingBlocks: 1, batch: BATCH, width: WIDTH, headHidden: 3, validation: 8 },
  ...{ refitSteps: 1, refitBatch: 4, refitSamples: 8 },
});

const samplesOf = (index: number): Samples => ({
  size: 12,
  inputs: Float32Array.from(uniforms(SEED, [index], 12 * INPUTS)),
  targets: { loss: 'squaredError', targets: normals(SEED, [10 + index], 12) },
});

function participantOf(index: number, train: (inputs: Float32Array, gradient: Float32Array) => void): Participant {
  const respond = (inputs: Float32Array, batch: number) =>
    Float32Array.from({ length: batch * WIDTH }, (_, at) => Math.sin(inputs[at]! * (index + 1)));
  const encoder = plainModel({ inputWidth: INPUTS, width: WIDTH, respond, train });
  const proxy = plainModel({ inputWidth: INPUTS, width: WIDTH, respond });
  return new Participant(
    { index, name: `participant ${index}`, data: samplesOf(index), encoder, proxy },
    participantSettings(settings, { outputs: 1, seed: SEED, backend }),
  );
}

t.test('each encoder learns once a round, from all that asked it and from itself', async (t) => {
  const seen: { inputs: number[]; gradient: number[] }[][] = Array.from({ length: PEERS }, () => []);
  const members = seen.map((calls, index) => () => {
    const record = (inputs: Float32Array, gradient: Float32Array) => void calls.push({ inputs: [...inputs], gradient: [...gradient] });
    return { participant: participantOf(index, record), validation: samplesOf(20 + index) };
  });
  await runLocally({ members, settings, seed: SEED, backend });

  // the same first round by hand: equal weights and stake open every peer equally
  const askers = await Promise.all(
    seen.map(async (_, index) => {
      const asker = participantOf(index, () => undefined);
      const batch = asker.nextBatch(BATCH);
      const prepared = await asker.prepare(batch, true);
      const responses = new Float64Array(BATCH * PEERS * WIDTH);
      for (const peer of seen.keys()) {
        const answer = await participantOf(peer, () => undefined).answer(batch.inputs, BATCH);
        for (let s = 0; s < BATCH; s++) responses.set(answer.subarray(s * WIDTH, (s + 1) * WIDTH), (s * PEERS + peer) * WIDTH);
      }
      const answered = new Int32Array(BATCH * PEERS).fill(1);
      const { gradient } = asker.receive(batch, prepared, { responses, answered }, new Float64Array(PEERS).fill(0.5));
      return { inputs: [...batch.inputs], gradient };
    }),
  );
  for (const [peer, calls] of seen.entries()) {
    t.equal(calls.length, 1);
    t.same(
      calls[0]!.inputs,
      askers.flatMap(({ inputs }) => inputs),
    );
    const sent = askers.flatMap(({ gradient }) =>
      Array.from({ length: BATCH }, (_, s) => [...gradient.subarray((s * PEERS + peer) * WIDTH, (s * PEERS + peer + 1) * WIDTH)]).flat(),
    );
    t.equal(calls[0]!.gradient.length, sent.length);
    // weights on the ledger are whole parts of a billion, so the mask is a half to nine digits
    const wrong = sent.findIndex((slope, at) => Math.abs(calls[0]!.gradient[at]! - slope) > 1e-5 * Math.abs(slope) + 1e-9);
    t.equal(wrong, -1, `what participant ${peer} is sent`);
  }
});
