/** Runs code, or a command, where require() finds nothing of some packages, as where they are not installed. */
import Module from 'node:module';

type Resolve = (request: string, ...rest: unknown[]) => string;
const modules = Module as unknown as { _resolveFilename: Resolve };

/** Hides these packages from here on; the function that comes back shows them again. */
export function hidePackages(names: readonly string[]): () => void {
  const resolve = modules._resolveFilename;
  modules._resolveFilename = function hidden(request, ...rest) {
    if (!names.some((name) => request === name || request.startsWith(`${name}/`))) return resolve.call(this, request, ...rest);
    throw Object.assign(new Error(`Cannot find module '${request}'`), { code: 'MODULE_NOT_FOUND' });
  };
  return () => {
    modules._resolveFilename = resolve;
  };
}

/** Environment of a command that hides these packages from itself. */
export function hidingPackages(names: readonly string[]): NodeJS.ProcessEnv {
  const code = `import { hidePackages } from ${JSON.stringify(import.meta.url)}; hidePackages(${JSON.stringify(names)});`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` };
}
