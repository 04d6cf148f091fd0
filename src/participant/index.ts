/** Participants of the network and the demonstration. See docs/concepts/participant.md. */
export { type DigitData, type IdxPaths, type ImageDataset, idxPathsIn, loadDigitFiles, loadIdx, loadMnist } from '../data/dataset.js';
export { dealShards, type Shard, type ShardRequest } from '../data/shards.js';
export { type DemoHooks, type DemoOptions, type DemoProgress, runDemo } from './demo.js';
export { type DenseEncoderOptions, denseEncoder, type LayersModelOptions, layersModel } from './layers_model.js';
export { type PlainModelOptions, plainModel, type ResponseModel } from './model.js';
export { type Batch, Participant, type ParticipantParts, type ParticipantSettings, type StepLosses } from './participant.js';
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
export { DEMO_DEFAULTS, DEMO_ESTIMATORS, type DemoEstimator } from './settings.js';
export { loadTensorflow, type Tensorflow, type TensorflowChoice, type TensorflowEngine } from './tensorflow.js';
