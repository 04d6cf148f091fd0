// Builds the CUDA module into build/cuda/Release/intermodel-cuda.so: `npm run build:cuda [-- ARCHITECTURES | --check]`.
//   ARCHITECTURES: as CMake names them, for instance 80-real, or "native" for this machine's GPU. Default: all that a package carries.
//   --check: all of them in build/cuda-check, barely optimised: in a third of the time it says whether everything compiles without a warning.
// Without nvcc it says so and ends with status 3.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isMain, root, run } from './common/run.mjs';

/** Where the module lies once it is built. */
export const modulePath = join(root, 'build', 'cuda', 'Release', 'intermodel-cuda.so');

/** The first nvcc: of CUDACXX, of the PATH, or where the toolkit installs itself. */
export function findNvcc() {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/cuda/bin'];
  return [process.env.CUDACXX, ...folders.map((folder) => join(folder, 'nvcc'))].find((path) => path && existsSync(path));
}

/** Builds the module for these architectures, and the C++ test that compares it with the processor. */
export function buildCuda(nvcc, { architectures, targets = ['intermodel_cuda'], check = false }) {
  const folder = join(root, 'build', check ? 'cuda-check' : 'cuda');
  const settings = ['-DCMAKE_BUILD_TYPE=Release', '-DINTERMODEL_CUDA=ON', '-DINTERMODEL_TESTS=ON', `-DCMAKE_CUDA_COMPILER=${nvcc}`];
  if (architectures !== undefined) settings.push(`-DINTERMODEL_CUDA_ARCHITECTURES=${architectures}`);
  if (check) settings.push('-DCMAKE_CUDA_FLAGS=-Xcicc -O1 -Xptxas -O1');
  run('cmake', ['-S', join(root, 'native'), '-B', folder, ...settings]);
  run('cmake', ['--build', folder, '--parallel', '2', '--target', ...targets]);
}

if (isMain(import.meta.url)) {
  const nvcc = findNvcc();
  if (nvcc === undefined) {
    console.log('no nvcc: the CUDA module is not built');
    process.exitCode = 3;
  } else {
    const check = process.argv[2] === '--check';
    buildCuda(nvcc, { architectures: check ? undefined : process.argv[2], check });
    console.log(check ? 'compiles without a warning' : modulePath);
  }
}
