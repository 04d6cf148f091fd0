/** One participant: model adapters, gates, students and measurement. See docs/concepts/participant.md. */

export { type DigitData, type IdxPaths, type ImageDataset, idxPathsIn, loadDigitFiles, loadIdx, loadMnist } from '../data/dataset.js';
export { dealShards, type Shard, type ShardRequest } from '../data/shards.js';
export { encodeText, loadText, TEXT_SYMBOLS, type TextOptions, textSamples } from '../data/text.js';
export { type CompetingRow, type CompetingRowOptions, competingRow } from './competing.js';
export { type BroadcastCost, bytesPerPeer, peersWithinBudget } from './gates/gate-budget.js';
export type { GateChoice, GateMixture, TrainableGate } from './gates/mixture.js';
export { ProductKeyGate, type ProductKeyGateSettings } from './gates/product-key-gate.js';
export { askChosen, type Origin, type RoutedQuery, type RoutedResponses, returnGradients } from './gates/routing.js';
export { SparseGate, type SparseGateOptions } from './gates/sparse-gate.js';
export { MEASURE_ESTIMATORS, type MeasureEstimator, reportedScores } from './measure.js';
export { type DenseEncoderOptions, denseEncoder } from './models/dense-encoder.js';
export { type DenseLayer, DenseNet, type DenseNetOptions } from './models/dense-net.js';
export { type LayersModelOptions, layersModel } from './models/layers-model.js';
export { type PlainModelOptions, plainModel, type ResponseModel, type SplitModel } from './models/model.js';
export { loadTensorflow, type Tensorflow, type TensorflowChoice, type TensorflowEngine } from './models/tensorflow.js';
export {
  type Evaluation,
  type Lesson,
  Participant,
  type ParticipantParts,
  type ParticipantSettings,
  type Prepared,
  type Received,
  type StepLosses,
  type View,
} from './participant.js';
export { type AnswersOptions, sameAnswers } from './same-answers.js';
export { type Samples, type Scored, samplesOf, score, type Targets } from './samples.js';
export { DEFAULT_OBJECTIVE, type DistillationObjective, distilStep, type StudentBatch, type StudentLoss } from './students/student.js';
export { type FetchOutcome, StudentCache, StudentOffer, type StudentShape } from './students/student-cache.js';
export { contentHash, decodeStudent, encodeStudent } from './students/student-file.js';
