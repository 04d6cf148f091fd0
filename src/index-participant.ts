/** Everything about participants under one path, `intermodel/participant`: one participant, its run, the demonstration, and modules of one's own. */
export * from './demo/index.js';
export * from './participant/index.js';
export * from './process/index.js';
export * from './run/index.js';
