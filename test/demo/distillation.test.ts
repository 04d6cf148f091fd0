/** A small network on real digits: learning, leaving, absence, and the same result twice. */
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { loadMnist } from '../../src/data/dataset.js';
import { type DistillationRunOptions, runDistillation } from '../../src/demo/distillation/run.js';
import { DEFAULT_OBJECTIVE } from '../../src/participant/students/student.js';
import { contentHash, decodeStudent } from '../../src/participant/students/student-file.js';

t.setTimeout(280_000);

const options: DistillationRunOptions = {
  data: await loadMnist(),
  transport: 'memory',
  peers: 4,
  width: 8,
  hidden: 16,
  studentHidden: 32,
  gate: 'sparse',
  k: 2,
  balance: 0.01,
  noise: 0.5,
  learningRate: 0.01,
  objective: DEFAULT_OBJECTIVE,
  seed: 3,
  backend: createBackend({ kind: 'native' }),
  batch: 32,
  largestShard: 1500,
  validation: 200,
  rounds: 60,
  distilSteps: 100,
  distilBatch: 32,
  leaver: 0,
  away: [1],
};

t.test('trains, leaves, is validated offline; a student costs less than zeros; the absent takes over again', async (t) => {
  const result = await runDistillation(options);
  t.ok(result.lastLoss < 0.8 * result.firstLoss, `loss ${result.firstLoss} -> ${result.lastLoss}`);
  const { offline, absence } = result;
  t.equal(offline.queryFailure, 'unreachable', 'the participant that left cannot be reached');
  const [alone, connected] = [offline.offline.accuracy, offline.ensemble.accuracy];
  t.ok(alone > 0.3 && alone > connected - 0.05, `of ten classes: offline accuracy ${alone}, connected ${connected}`);
  t.equal(contentHash(result.student), offline.hash);
  t.equal(decodeStudent(result.student).inputWidth, 784);
  if (absence === null) throw new Error('no absence was measured');
  t.ok(absence.zeros.loss > absence.alive.loss, `zeros: ${absence.alive.loss} -> ${absence.zeros.loss}`);
  t.ok(absence.students.loss < absence.zeros.loss, `students: ${absence.students.loss}`);
  t.equal(absence.share, (absence.students.loss - absence.alive.loss) / (absence.zeros.loss - absence.alive.loss));
  t.ok(absence.stoodIn > 0);
  t.strictSame(absence.returned, absence.alive, 'after the return everything is as before, to the bit');

  const again = await runDistillation(options);
  t.strictSame(JSON.stringify(again), JSON.stringify(result), 'the same seed gives the same result');
});

t.test('a run can be stopped, and refuses what cannot be run', async (t) => {
  const control = new AbortController();
  const stopped = runDistillation(
    { ...options, rounds: 1000 },
    { signal: control.signal, onProgress: (_, done) => done === 2 && control.abort() },
  );
  await t.rejects(stopped, { code: 'BTM_ABORTED' });
  await t.rejects(runDistillation({ ...options, leaver: 4 }), { code: 'BTM_DOMAIN', argument: 'leaver' });
  await t.rejects(runDistillation({ ...options, away: [1, 1] }), { code: 'BTM_DOMAIN', argument: 'away' });
  await t.rejects(runDistillation({ ...options, away: [1, 2, 3] }), { code: 'BTM_DOMAIN', argument: 'away' });
  await t.rejects(runDistillation({ ...options, k: 4 }), { code: 'BTM_DOMAIN', argument: 'k' });
  await t.rejects(runDistillation({ ...options, rounds: 0 }), { code: 'BTM_DOMAIN', argument: 'rounds' });
});

t.test('over libp2p on loopback the same run gives the same result, and more bytes', async (t) => {
  const small = { ...options, rounds: 3, distilSteps: 2, away: [1, 2] };
  const [memory, libp2p] = [await runDistillation(small), await runDistillation({ ...small, transport: 'libp2p' })];
  t.equal(libp2p.offline.queryFailure, 'unreachable');
  t.strictSame({ ...libp2p, traffic: memory.traffic }, memory);
  const ratio = libp2p.traffic.sent / memory.traffic.sent;
  t.ok(ratio > 1 && ratio < 1.1, `headers and signatures add ${(100 * (ratio - 1)).toFixed(2)} % to the payload`);
});
