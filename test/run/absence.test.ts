/** What stands in the place of an absent peer, and what is written of scores, by hand. */
import t from 'tap';
import { createBackend } from '../../src/backend/index.js';
import { createKey, memoryStore, ROW_PARTS } from '../../src/ledger/index.js';
import { createHub, createIdentity } from '../../src/network/index.js';
import { DenseNet } from '../../src/participant/models/dense-net.js';
import { contentHash, encodeStudent } from '../../src/participant/students/student-file.js';
import { AbsenceObserver, fill, type ObservedRun, replaceBlocks } from '../../src/run/absence.js';
import { Coordinator } from '../../src/run/coordinator.js';
import { genesisOf } from '../../src/run/genesis.js';
import { LedgerClient } from '../../src/run/ledger-client.js';
import { PeerClient } from '../../src/run/peer-client.js';
import { resolveSettings } from '../../src/run/settings.js';

const backend = createBackend({ kind: 'native' });
const identity = (number: number) => createIdentity(new Uint8Array(32).fill(number));

t.test('blocks of absent peers are replaced in their own position, in every sample', (t) => {
  const responses = Float64Array.from({ length: 2 * 3 * 2 }, (_, at) => at);
  const others = responses.map((value) => 100 + value);
  t.same([...replaceBlocks(responses, others, [1], 3, 2)], [0, 1, 102, 103, 4, 5, 6, 7, 108, 109, 10, 11]);
  t.same([...replaceBlocks(responses, others, [2, 0], 3, 2)], [100, 101, 2, 3, 104, 105, 106, 107, 8, 9, 110, 111]);
  t.same([...responses], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], 'the responses themselves stay');
  t.end();
});

t.test('the loss with filled places is that of the masked responses', (t) => {
  const head = new DenseNet([{ weights: Float64Array.of(1, 2, 3), bias: Float64Array.of(0.5), activation: 'identity' }]);
  const batch = { size: 1, inputs: new Float32Array(1), targets: { loss: 'squaredError', targets: Float64Array.of(2) } } as const;
  const options = { head, batch, peers: 3, width: 1, maskRow: Float64Array.of(1, 0.5, 0.25), backend };
  const { loss, accuracy, scores } = fill(options, Float64Array.of(1, 2, 4));
  const output = 1 * 1 + 2 * (0.5 * 2) + 3 * (0.25 * 4) + 0.5;
  t.equal(loss, 0.5 * (output - 2) ** 2);
  t.equal(accuracy, null);
  t.same(scores, [1, 4, 9], 'squares of what each peer adds to the output');
  t.end();
});

t.test('an absence is measured with the last answers, zeros and the student in the place of the peer that left', async (t) => {
  const head = new DenseNet([{ weights: Float64Array.of(1, 2, 3), bias: Float64Array.of(0.5), activation: 'identity' }]);
  const validation = { size: 1, inputs: new Float32Array(1), targets: { loss: 'squaredError', targets: Float64Array.of(2) } } as const;
  const client = {
    ask: async () => ({ responses: Float64Array.of(1, 2, 0) }),
    standIns: (lost: readonly number[]) => ({ responses: Float64Array.of(0, 0, 7), held: lost }),
  };
  const settings = resolveSettings({ participants: 3, width: 1, validation: 1, blockValidation: 1 });
  const observer = new AbsenceObserver({ participant: { head }, validation, settings, client, backend } as unknown as ObservedRun);
  observer.allAnswered(Float64Array.of(9, 9, 5));
  await observer.notice(['peer', 'peer', 'student'], 4, Float64Array.of(1, 1, 1));
  const lossOf = (third: number) => 0.5 * (1 + 2 * 2 + 3 * third + 0.5 - 2) ** 2;
  const { before, zeros, students, ...rest } = observer.absences[0]!;
  t.same([before?.loss, zeros.loss, students.loss], [lossOf(5), lossOf(0), lossOf(7)]);
  t.same(rest, { round: 4, away: [2], held: [2], returned: null });
  await observer.notice(['peer', 'peer', 'nobody'], 5, Float64Array.of(1, 1, 1));
  t.equal(observer.absences.length, 1, 'the same absence is measured once');
  await observer.notice(['peer', 'peer', 'peer'], 6, Float64Array.of(1, 1, 1));
  t.equal(observer.absences[0]!.returned, 6);
});

t.test('a student answers in the position of its peer', (t) => {
  const [self, first, second] = [identity(1), identity(2), identity(3)];
  const client = new PeerClient({ transport: createHub().join(self), stakeOf: () => 1n, inputWidth: 1, width: 2 });
  client.attach({} as never, [first.key, self.key, second.key]);
  const layer = { weights: Float64Array.of(10, 20), bias: Float64Array.of(1, 2), activation: 'identity' } as const;
  const bytes = encodeStudent(new DenseNet([layer]));
  t.match(client.students.keep(second.key, bytes, contentHash(bytes)), { ok: true });
  const { responses, held } = client.standIns([0, 2], Float32Array.of(1, 3), 2);
  t.same(held, [2], 'there is no student of the first');
  t.same([...responses], [0, 0, 0, 0, 11, 22, 0, 0, 0, 0, 31, 62]);
  t.end();
});

t.test('a row is the positive part of the scores, and even where harm outweighs worth', async (t) => {
  const hub = createHub();
  const identities = [1, 2, 3].map(identity);
  const settings = resolveSettings({ participants: 3, stepBound: 1.4 });
  const coordinator = await Coordinator.start({
    ...{ transport: hub.join(identity(9)), store: memoryStore(), onFailure: t.error },
    genesis: genesisOf(
      identities.map(({ key }) => key),
      settings,
    ),
  });
  t.teardown(() => coordinator.close());
  const clients = await Promise.all(
    identities.map((one) =>
      LedgerClient.open({
        ...{ transport: hub.join(one), coordinator: coordinator.network.self, key: createKey(one.seed), temperature: 1, backend },
      }),
    ),
  );
  await clients[0]!.submitRow(Float64Array.of(-3, 1, 3));
  await clients[1]!.submitRow(Float64Array.of(-1, 0, -2));
  await clients[2]!.submitRow(Float64Array.of(0, 5, -4));
  await Promise.all(clients.map((client) => client.block(0)));
  const { weights } = clients[0]!.weightsAndStake();
  t.same(
    [...weights].map((weight) => Math.round(weight * ROW_PARTS) / ROW_PARTS),
    [0, 0.25, 0.75, 0.333333334, 0.333333333, 0.333333333, 0, 1, 0],
    'a participant that no peer helps rates all alike',
  );
});
