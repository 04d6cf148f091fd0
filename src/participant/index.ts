/** Participants of the network and the demonstration. See docs/concepts/participant.md. */
export { type DigitData, type IdxPaths, type ImageDataset, idxPathsIn, loadDigitFiles, loadIdx, loadMnist } from '../data/dataset.js';
export { dealShards, type Shard, type ShardRequest } from '../data/shards.js';
export { encodeText, loadText, TEXT_SYMBOLS, type TextOptions, textSamples } from '../data/text.js';
export { type CompetingRow, type CompetingRowOptions, competingRow } from './competing.js';
export { type DemoHooks, type DemoOptions, type DemoProgress, runDemo } from './demo.js';
export { type DenseLayer, DenseNet, type DenseNetOptions } from './dense-net.js';
export type { DistillationNetworkOptions } from './distillation-network.js';
export type { AbsenceReport, StudentReport } from './distillation-report.js';
export {
  type DistillationControl,
  type DistillationRunOptions,
  type DistillationRunResult,
  type OfflineReport,
  runDistillation,
} from './distillation-run.js';
export { type BroadcastCost, bytesPerPeer, peersWithinBudget } from './gate-budget.js';
export { type DenseEncoderOptions, denseEncoder, type LayersModelOptions, layersModel } from './layers-model.js';
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
export type { GateChoice, GateMixture, TrainableGate } from './mixture.js';
export { type PlainModelOptions, plainModel, type ResponseModel } from './model.js';
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
export type { Member, Relay } from './population.js';
export type { CreateParticipant, OwnContext, OwnParticipant } from './process/own-contract.js';
export { ProductKeyGate, type ProductKeyGateSettings } from './product-key-gate.js';
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
} from './result.js';
export { askChosen, type Origin, type RoutedQuery, type RoutedResponses, returnGradients } from './routing.js';
export { type Samples, type Scored, samplesOf, score, type Truth } from './samples.js';
export { DEMO_DEFAULTS, DEMO_ESTIMATORS, type DemoEstimator, participantSettings, resolveSettings } from './settings.js';
export { type FetchOutcome, StudentOffer, type StudentShape, StudentShelf } from './shelf.js';
export { SparseGate, type SparseGateOptions } from './sparse-gate.js';
export { DEFAULT_OBJECTIVE, type DistillationObjective, distilStep, type StudentBatch, type StudentLoss } from './student.js';
export { contentHash, decodeStudent, encodeStudent } from './student-file.js';
export { loadTensorflow, type Tensorflow, type TensorflowChoice, type TensorflowEngine } from './tensorflow.js';
