/** Where this package lives, found from this file upwards. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The manifest in a folder, when it is this package's. */
function manifestIn(folder: string): Manifest | undefined {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return undefined;
  const manifest = JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  return manifest.name === 'intermodel' ? manifest : undefined;
}

interface Manifest {
  readonly name: string;
  readonly peerDependencies: Readonly<Record<string, string>>;
}

function findRoot(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  for (let folder = here; ; folder = dirname(folder)) {
    if (manifestIn(folder) !== undefined) return folder;
    if (folder === dirname(folder)) return here;
  }
}

/** The folder that holds package.json. In a bundle, where there is none, the folder of the bundle. */
export const packageRoot: string = findRoot();

/** The versions of the optional packages that this version works with; empty in a bundle. */
export function peerVersions(): Readonly<Record<string, string>> {
  return manifestIn(packageRoot)?.peerDependencies ?? {};
}
