/**
 * require() as this package sees it, out of a bundler's sight: webpack follows an imported createRequire and replaces what is asked of it,
 * at the latest when a path is known only when the program runs, with an error.
 */
export const requireHere: NodeJS.Require = process.getBuiltinModule('node:module').createRequire(import.meta.url);
