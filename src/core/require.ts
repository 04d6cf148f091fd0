/**
 * require() as this package sees it, out of a bundler's sight: webpack would follow a plain call of createRequire and replace what is asked of it,
 * at the latest when a path is known only when the program runs, with an error.
 */
import { createRequire } from 'node:module';

export const requireHere: NodeJS.Require = Reflect.apply(createRequire, undefined, [import.meta.url]);
