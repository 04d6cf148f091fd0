/** The demonstration and the study of distillation, on top of the run. */
export { type DemoHooks, type DemoOptions, type DemoProgress, runDemo } from './demo.js';
export type { DistillationNetworkOptions } from './distillation/network.js';
export type { AbsenceReport, StudentReport } from './distillation/report.js';
export {
  type DistillationControl,
  type DistillationRunOptions,
  type DistillationRunResult,
  type OfflineReport,
  runDistillation,
} from './distillation/run.js';
export type {
  DemoAgreement,
  DemoCheck,
  DemoCurve,
  DemoFinding,
  DemoParticipant,
  DemoRanking,
  DemoResult,
  ParticipantRole,
  RankingName,
} from './result.js';
