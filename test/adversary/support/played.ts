/** One participant of a small run, with all its parts. */
import { createBackend } from '../../../src/backend/index.js';
import { createKey } from '../../../src/ledger/index.js';
import { createIdentity, type PeerKey, type Transport } from '../../../src/network/index.js';
import { uniforms } from '../../../src/participant/draw.js';
import { DenseNet } from '../../../src/participant/models/dense-net.js';
import { Participant } from '../../../src/participant/participant.js';
import type { Samples } from '../../../src/participant/samples.js';
import { StandIn } from '../../../src/participant/students/stand-in.js';
import { LedgerClient } from '../../../src/run/ledger-client.js';
import type { RowWriter } from '../../../src/run/member.js';
import { ParticipantRun } from '../../../src/run/participant-run.js';
import { PeerClient } from '../../../src/run/peer-client.js';
import { participantSettings, type RunSettings } from '../../../src/run/settings.js';
import type { VirtualClock } from '../../network/support/virtual-clock.js';

export const SEED = 5;
export const [INPUTS, WIDTH] = [4, 2];
const backend = createBackend({ kind: 'native', threads: 1 });

export const identities = Array.from({ length: 8 }, (_, index) => createIdentity(new Uint8Array(32).fill(index + 1)));
export const coordinatorKey = createIdentity(new Uint8Array(32).fill(99));

/** One member of a run with all its parts. */
export interface Played {
  readonly run: ParticipantRun;
  readonly client: PeerClient;
  readonly ledger: LedgerClient;
  readonly participant: Participant;
  readonly standIn: StandIn;
  readonly transport: Transport;
}

/** What all participants of a run share. */
export interface Ground {
  readonly clock: VirtualClock;
  readonly settings: RunSettings;
  readonly deadlines: boolean;
  readonly signed: boolean;
  readonly exchange: boolean;
}

export async function participant(
  index: number,
  { clock, settings, deadlines, signed, exchange }: Ground,
  transport: Transport,
  writes: RowWriter | undefined,
): Promise<Played> {
  const key = createKey(identities[index].seed);
  const temperature = settings.maskTemperature;
  const ledger = await LedgerClient.open({
    transport,
    coordinator: coordinatorKey.key,
    key,
    temperature,
    backend,
    clock,
    signedHeads: signed,
  });
  const net = (purpose: number) =>
    DenseNet.random({
      ...({ widths: [INPUTS, 4, WIDTH], activation: 'tanh', outputActivation: 'identity', seed: SEED } as const),
      ...{ stream: [purpose, index], optimiser: { learningRate: 5e-3 }, backend },
    }).asModel();
  const played = new Participant(
    { index, name: `p${index}`, data: samples(index, 24), encoder: net(1), proxy: net(2) },
    participantSettings(settings, { outputs: 2, seed: SEED, backend }),
  );
  const standIn = new StandIn({ inputWidth: INPUTS, hidden: 3, width: WIDTH, learningRate: 5e-3, seed: SEED, stream: [7, index], backend });
  const stakeOf = (peer: PeerKey) => ledger.stakeOf(peer);
  const client = new PeerClient({
    ...{ transport, stakeOf, inputWidth: INPUTS, width: WIDTH, standIn, clock, height: () => ledger.height },
    ...{ oneProcess: !deadlines, answerBound: settings.answerBound, ...(exchange ? { calls: ledger.heads.calls() } : {}) },
  });
  const run = new ParticipantRun({
    ...{ participant: played, validation: samples(100 + index, 8), settings, seed: SEED, client, ledger, backend, standIn },
    ...{ endpoint: `/memory/${index}`, ...(writes === undefined ? {} : { writes }) },
  });
  return { run, client, ledger, participant: played, standIn, transport };
}

function samples(owner: number, size: number): Samples {
  const inputs = Float32Array.from(uniforms(SEED, [owner], size * INPUTS));
  const labels = Int32Array.from({ length: size }, (_, row) => Number(inputs[INPUTS * row] > inputs[INPUTS * row + 1]));
  return { size, inputs, targets: { loss: 'softmaxCrossEntropy', labels } };
}
