/** The package's own arithmetic: the same bits in TypeScript and in every native kernel (docs/concepts/arithmetic.md). */
export { exp, expm1 } from './exp.js';
export { fma } from './fma.js';
export { log, log1p } from './log.js';
export { matMul, matVec } from './products.js';
export { sigmoid, sigmoidDerivative, tanh } from './sigmoid.js';
export { logSumExp, softmax } from './softmax.js';
export { treeDot, treeSum, treeSumOf } from './sums.js';
