/** Negative controls: each deviation of a member again with the defence against it taken away, which must show the fault. */
import t from 'tap';
import type { Network, Outcome, Tensor } from '../../src/network/index.js';
import { NonceWindow } from '../../src/network/replay.js';
import type { ResponseModel } from '../../src/participant/models/model.js';
import { StudentCache } from '../../src/participant/students/student-cache.js';
import { contentHash } from '../../src/participant/students/student-file.js';
import { GradientInbox } from '../../src/run/gradient-inbox.js';
import { RUN_DEFAULTS } from '../../src/run/settings.js';
import { NO_BYTES } from '../network/support/peers.js';
import { DEVIATIONS, type Deviation, deviating, gradients, late } from './support/deviations.js';
import { INPUTS, type Played, playWorld, type Stage, WIDTH, type WorldOptions, type WorldResult } from './support/world.js';

t.setTimeout(280_000);

const MEMBERS = 8;

/** A run with this deviation; `off` takes a defence away. */
const play = (name: string, off: WorldOptions = {}): Promise<WorldResult> =>
  playWorld({ members: MEMBERS, deviant: deviating(DEVIATIONS[name].deviation), ...off });

/** Replaces a method for as long as a run lasts. */
async function without<T, K extends keyof T>(
  owner: T,
  method: K,
  replacement: T[K],
  run: () => Promise<WorldResult>,
): Promise<WorldResult> {
  const kept = owner[method];
  owner[method] = replacement;
  try {
    return await run();
  } finally {
    owner[method] = kept;
  }
}

const faults = ({ violations }: WorldResult): string => violations.join('; ');

/** Takes answers as they come: no look at their shape or their numbers. */
function unjudged({ honest }: Stage): void {
  for (const { client, transport } of honest) {
    let nonce = 0;
    const query = async (to: string, input: Tensor): Promise<Outcome<Tensor>> => {
      const now_us = Math.floor(client.network.clock.now() * 1000);
      nonce = Math.max(nonce + 1, now_us + 60_000_000); // apart from those of the network itself
      const request = {
        kind: 'query' as const,
        from: client.network.self,
        to,
        nonce,
        deadline_ms: 1000,
        tensors: [input],
        method: '',
        bytes: NO_BYTES,
      };
      const answer = await transport.exchange(request, new AbortController().signal, { sent: 0, received: 0 });
      if (answer.ok) return { ok: true, value: answer.tensors[0], elapsed_ms: 0 };
      return { ok: false, failure: { code: answer.code, by: 'peer', reason: answer.reason, retryAfter_ms: 0 }, elapsed_ms: 0 };
    };
    Object.assign(client.network, { query });
  }
}

/** No encoder can be taken back to what it was. */
function noUndo({ honest }: Stage): void {
  for (const { participant } of honest) Object.assign(participant.encoder, { save: undefined });
}

for (const name of ['answers NaN', 'answers of another shape']) {
  t.test(`${name}: taken as they come, they end the measurements of the others`, async (t) => {
    t.match(faults(await play(name, { prepare: unjudged })), /not finite|ended/);
  });
}

t.test('answers of 3e38: without a bound they end what the others predict', async (t) => {
  const worst = ({ honest }: WorldResult): number => Math.max(...honest.map(({ run }) => run.result()!.evaluation.head.loss));
  t.ok(worst(await play('answers of 3e38')) < 10, 'nats');
  t.ok(worst(await play('answers of 3e38', { settings: { answerBound: 1e300 } })) > 1e30);
});

for (const name of ['silence', 'answers after the deadline']) {
  t.test(`${name}: without deadlines the others wait`, async (t) => {
    const slow = name === 'silence' ? DEVIATIONS[name].deviation : late(1e9);
    t.match(faults(await playWorld({ members: MEMBERS, deviant: deviating(slow), deadlines: false })), /stuck/);
  });
}

/** A linear model that takes plain gradient steps in single precision: one large gradient ends it, as it would many a model of a user's own. */
function plain({ honest: [{ participant }] }: Stage): void {
  let weights = Float32Array.from({ length: INPUTS * WIDTH }, (_, at) => Math.sin(at));
  const encoder: ResponseModel = {
    ...participant.encoder,
    respond: async (inputs, batch) => {
      const out = new Float32Array(batch * WIDTH);
      for (let b = 0; b < batch; b++)
        for (let m = 0; m < WIDTH; m++)
          for (let k = 0; k < INPUTS; k++) out[b * WIDTH + m] += weights[m * INPUTS + k] * inputs[b * INPUTS + k];
      return out;
    },
    train: async (inputs, gradient, batch) => {
      for (let b = 0; b < batch; b++)
        for (let m = 0; m < WIDTH; m++)
          for (let k = 0; k < INPUTS; k++) weights[m * INPUTS + k] -= 10 * gradient[b * WIDTH + m] * inputs[b * INPUTS + k];
    },
    save: async () => weights.slice(),
    restore: async (saved) => {
      weights = saved as Float32Array<ArrayBuffer>;
    },
  };
  delete (encoder as { split?: unknown }).split;
  Object.assign(participant, { encoder });
}

t.test('gradients of 3e38: clipping and undoing are two defences; without either the model ends', async (t) => {
  const name = 'gradients of 3e38';
  const clip = { gradientClip: 1e300 };
  const bare = (stage: Stage): void => {
    plain(stage);
    noUndo(stage);
  };
  t.match(faults(await play(name, { settings: clip, prepare: bare })), /not finite|ended|wrote/);
  for (const off of [{ settings: clip, prepare: plain }, { prepare: bare }]) {
    const { violations, noticed } = await play(name, off);
    t.same(violations, []);
    t.ok(noticed[0]['norm'] > 0, 'the sender is counted');
  }
});

t.test('a step that was undone is made again without its sender: what the others taught stays', async (t) => {
  const settings = { gradientClip: 1e300 };
  const end = async (asks: Deviation['asks']): Promise<number[]> => {
    const { honest } = await playWorld({ members: MEMBERS, settings, prepare: plain, deviant: deviating({ asks: asks! }) });
    return [...(await answersOf(honest[0]))];
  };
  const huge = end((request, send, { keys }) => {
    if (request.kind !== 'backward' || request.to !== keys[0]) return send(request);
    const [input, { shape, data }] = request.tensors;
    return send({ ...request, tensors: [input, { shape, data: data.map(() => 3e38) }] });
  });
  const none = end((request, send, { keys }) =>
    request.kind === 'backward' && request.to === keys[0] ? Promise.reject(new Error('sends none')) : send(request),
  );
  t.same(await huge, await none);
});

const INPUT = Float32Array.from({ length: 16 * INPUTS }, (_, at) => Math.sin(at));
const answersOf = ({ participant }: Played): Promise<Float32Array> => participant.answer(INPUT, 16);

t.test('a gradient of 1e30, once: clipped, the encoder goes on learning; not clipped, it stands still', async (t) => {
  const settings = { rounds: 40 };
  /** How far the answers of the first encoder move after round 25, when the momentum of the first is spent. */
  const moved = async (options: WorldOptions): Promise<number> => {
    let before = new Float32Array(0);
    const attack = async ({ honest: [{ run, participant }], clock, over }: Stage): Promise<void> => {
      while (run.state.round < 25 && !over()) await clock.sleep(1);
      before = new Float32Array(await participant.answer(INPUT, 16));
    };
    const { honest } = await playWorld({ members: MEMBERS, ...options, attack });
    return Math.hypot(...(await answersOf(honest[0])).map((value, at) => value - before[at]));
  };
  const burst = (gradientClip: number) => moved({ deviant: deviating(gradients(1e30, 1)), settings: { ...settings, gradientClip } });
  const honest = await moved({ settings });
  const clipped = await burst(RUN_DEFAULTS.gradientClip);
  const free = await burst(1e300);
  t.comment(`moved by ${honest} without it, ${clipped} clipped, ${free} not clipped`);
  t.ok(clipped > 3 * free);
  t.ok(clipped > 0.3 * honest);
});

t.test('gradients of NaN: past the check on arrival and without undoing they end the encoder', async (t) => {
  const deviant = deviating(DEVIATIONS['gradients of NaN'].deviation);
  const push =
    (undo: boolean) =>
    (stage: Stage): void => {
      if (!undo) noUndo(stage);
      const { client } = stage.honest[0];
      const input = { shape: [1, INPUTS], data: new Float32Array(INPUTS) };
      client.inbox.answered(stage.keys[MEMBERS - 1], input);
      client.inbox.put(stage.keys[MEMBERS - 1], { input, gradient: { shape: [1, WIDTH], data: new Float32Array(WIDTH).fill(Number.NaN) } });
    };
  t.same((await playWorld({ members: MEMBERS, deviant, prepare: push(true) })).violations, []);
  t.match(faults(await playWorld({ members: MEMBERS, deviant, prepare: push(false) })), /not finite|ended|wrote/);
});

t.test('unrequested gradients: taken, they change what the others learn', async (t) => {
  const { put } = GradientInbox.prototype;
  const name = 'unrequested gradients';
  const taken = await without(
    GradientInbox.prototype,
    'put',
    function (this: GradientInbox, from, returned) {
      this.answered(from, returned.input);
      return put.call(this, from, returned);
    },
    () => play(name),
  );
  t.not(taken.digest, (await play(name)).digest);
});

t.test('requests that were sent before: served again, they teach the stand-in of the one that serves', async (t) => {
  const name = 'requests that were sent before';
  const student = ({ honest: [{ standIn }] }: WorldResult): string =>
    JSON.stringify(standIn.save(), (_, value) => (ArrayBuffer.isView(value) ? [...(value as Float64Array)] : value));
  const control = student(await playWorld({ members: MEMBERS }));
  t.equal(student(await play(name)), control);
  const served = await without(
    NonceWindow.prototype,
    'accept',
    () => true,
    () => play(name),
  );
  t.not(student(served), control);
});

t.test('requests with NaN: served, they end the run of the one that serves', async (t) => {
  const name = 'requests with NaN, of another shape, too large, unknown';
  const serve = ({ honest: [{ standIn }], keys }: Stage): void =>
    standIn.watch(keys[MEMBERS - 1], new Float32Array(INPUTS).fill(Number.NaN), new Float32Array(WIDTH).fill(Number.NaN), 1);
  t.match(faults(await play(name, { prepare: serve })), /participant 0 ended.*NaN/);
});

t.test('a student other than it announced: without the look at its hash it is kept', async (t) => {
  const name = 'a student other than it announced';
  const { keep } = StudentCache.prototype;
  const held = ({ honest: [{ client }], keys }: WorldResult): string | undefined => client.students.hashOf(keys[MEMBERS - 1]);
  t.equal(held(await play(name)), undefined);
  const trusting: typeof keep = function (this: StudentCache, peer, bytes) {
    return keep.call(this, peer, bytes, contentHash(bytes));
  };
  t.type(held(await without(StudentCache.prototype, 'keep', trusting, () => play(name))), 'string');
});

t.test('equivocation: two students for one block: without the look at heights the second is fetched as well', async (t) => {
  const name = 'equivocation: two students for one block';
  const { follow } = StudentCache.prototype;
  t.ok((await play(name)).noticed[0]['equivocation'] > 0);
  const gullible: typeof follow = function (this: StudentCache, network: Network, onFetch) {
    follow.call(this, network, onFetch, { oncePerHeight: false });
  };
  const fetched = await without(StudentCache.prototype, 'follow', gullible, () => play(name));
  t.ok(fetched.noticed[0]['answers handler/peer'] > 0, 'all ask it for a student that it does not have');
});

for (const name of ['barriers: comes to none', 'barriers: does not come to the block']) {
  t.test(`${name}: without patience all wait`, async (t) => {
    t.match(faults(await play(name, { patience: false })), /stuck/);
  });
}

t.test('says hello with other settings: a coordinator that does not know those of the run lets it in', async (t) => {
  t.equal((await play('says hello with other settings', { expected: false })).noticed[0]['out'], undefined);
});

t.test('results of another form: a coordinator that does not know the run hands them on', async (t) => {
  const name = 'results of another form';
  const forged = ({ told }: WorldResult): number => told.filter((result) => (result as { index: number }).index === -1).length;
  t.equal(forged(await play(name)), 0);
  t.equal(forged(await play(name, { expected: false })), 1);
});
