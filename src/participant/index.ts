/** Participants of the network and the demonstration. See docs/concepts/participant.md. */
export { type DigitData, type IdxPaths, type ImageDataset, idxPathsIn, loadDigitFiles, loadIdx, loadMnist } from '../data/dataset.js';
export { dealShards, type Shard, type ShardRequest } from '../data/shards.js';
export { encodeText, loadText, TEXT_SYMBOLS, type TextOptions, textSamples } from '../data/text.js';
export { type CompetingRow, type CompetingRowOptions, competingRow } from './competing.js';
export { type DemoHooks, type DemoOptions, type DemoProgress, runDemo } from './demo/demo.js';
export type { Member, Relay } from './demo/population.js';
export type {
  DemoAgreement,
  DemoBlock,
  DemoCheck,
  DemoCurve,
  DemoFinding,
  DemoParticipant,
  DemoRanking,
  DemoResult,
  DemoSettings,
  ParticipantRole,
  RankingName,
} from './demo/result.js';
export { DEMO_DEFAULTS, DEMO_ESTIMATORS, type DemoEstimator, participantSettings, resolveSettings } from './demo/settings.js';
export { type BroadcastCost, bytesPerPeer, peersWithinBudget } from './gates/gate-budget.js';
export type { GateChoice, GateMixture, TrainableGate } from './gates/mixture.js';
export { ProductKeyGate, type ProductKeyGateSettings } from './gates/product-key-gate.js';
export { askChosen, type Origin, type RoutedQuery, type RoutedResponses, returnGradients } from './gates/routing.js';
export { SparseGate, type SparseGateOptions } from './gates/sparse-gate.js';
export type { Lived } from './living/books.js';
export type { Life, LifeProgress, LifeSettings, LifeState, LifeView, Phase } from './living/life.js';
export type { LifeResult } from './living/messages.js';
export {
  type Alive,
  liveTogether,
  type MemberFactory,
  openTogether,
  type Together,
  type TogetherHooks,
  type TogetherOptions,
} from './living/together.js';
export { type DenseLayer, DenseNet, type DenseNetOptions } from './models/dense-net.js';
export { type DenseEncoderOptions, denseEncoder, type LayersModelOptions, layersModel } from './models/layers-model.js';
export { type PlainModelOptions, plainModel, type ResponseModel } from './models/model.js';
export { loadTensorflow, type Tensorflow, type TensorflowChoice, type TensorflowEngine } from './models/tensorflow.js';
export {
  type Lesson,
  Participant,
  type ParticipantParts,
  type ParticipantSettings,
  type Prepared,
  type Reached,
  type Received,
  type StepLosses,
  type View,
} from './participant.js';
export type { CreateParticipant, OwnContext, OwnParticipant } from './process/own-contract.js';
export { type Samples, type Scored, samplesOf, score, type Truth } from './samples.js';
export type { DistillationNetworkOptions } from './students/distillation-network.js';
export type { AbsenceReport, StudentReport } from './students/distillation-report.js';
export {
  type DistillationControl,
  type DistillationRunOptions,
  type DistillationRunResult,
  type OfflineReport,
  runDistillation,
} from './students/distillation-run.js';
export { type FetchOutcome, StudentOffer, type StudentShape, StudentShelf } from './students/shelf.js';
export { DEFAULT_OBJECTIVE, type DistillationObjective, distilStep, type StudentBatch, type StudentLoss } from './students/student.js';
export { contentHash, decodeStudent, encodeStudent } from './students/student-file.js';
