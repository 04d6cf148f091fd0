/** Reading what people have: arrays, tables and saved evaluations, joined into a pool of models. */
export { type Answers, type Column, namesFromPaths } from './answers.js';
export { readCsv } from './csv.js';
export { type JoinedModel, type JoinedPool, type JoinOptions, joinPool } from './join.js';
export { encodeNpy, type NpyArray, type NpyType, parseNpy } from './npy.js';
export { type NpyFile, readNpy } from './npy-file.js';
export { type NpzArray, readNpz } from './npz.js';
export { readParquet } from './parquet.js';
export { isPromptfoo } from './promptfoo.js';
export { type ReadAnswersOptions, readAnswers, readColumn } from './read-answers.js';
export type { Table, TableColumn } from './table.js';
export { answersFromTable, type TableOptions } from './table-answers.js';
