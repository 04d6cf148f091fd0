/**
 * Backends on a GPU for tests that compare backends, chosen by INTERMODEL_TEST_CUDA: 'host' takes the host form of the kernels in as many
 * random schedules as INTERMODEL_TEST_SCHEDULES says (3) with the memory a call that INTERMODEL_TEST_MEMORY says, 'device' the first GPU.
 * Without it there are none.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type CudaBackend, type CudaPlace, createCudaBackend } from '../../src/backend/cuda.js';
import { createBackend, packageRoot } from '../../src/backend/index.js';

/** The host form of this checkout's build, or undefined where the build has none. */
export const hostFormPath = ['build/Release', 'build/native/Release']
  .map((folder) => join(packageRoot, folder, 'intermodel-cuda-host.so'))
  .find((path) => existsSync(path));

/** A backend on the host form; no driver is opened. */
export function hostForm(place: CudaPlace = {}): CudaBackend {
  if (hostFormPath === undefined) throw new Error('the host form is not built: npm run build:native');
  return createCudaBackend({ driver: '', module: hostFormPath, ...place });
}

/** A backend for each schedule of blocks and threads, the first ascending. */
function schedules(count: number): { name: string; backend: CudaBackend }[] {
  return Array.from({ length: count + 1 }, (_, schedule) => ({
    name: `host form, schedule ${schedule}`,
    backend: hostForm({ schedule, memory: Number(process.env['INTERMODEL_TEST_MEMORY'] ?? 0) }),
  }));
}

function chosen(): { name: string; backend: CudaBackend }[] | undefined {
  const kind = process.env['INTERMODEL_TEST_CUDA'];
  if (kind === undefined) return undefined;
  if (kind === 'host') return schedules(Number(process.env['INTERMODEL_TEST_SCHEDULES'] ?? 3));
  const backend = createBackend({ kind: 'cuda' });
  return [{ name: `${backend.describe().isa} ${backend.describe().device.name}`, backend }];
}

/** What the tests of equal bits compare with the reference in place of the native backends. */
export const gpus = chosen();
