/** What the examples with ONNX models share: the runtime, loaded on demand, and models of one matrix. */
import { EnvironmentError } from 'intermodel';

/** The parts of the protobuf format that a one-operator model takes. */
const varint = (value) => (value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)]);
const field = (number, bytes) => [...varint((number << 3) | 2), ...varint(bytes.length), ...bytes];
const whole = (number, value) => [...varint(number << 3), ...varint(value)];
const text = (number, value) => field(number, [...Buffer.from(value)]);
const axis = (size) => field(1, typeof size === 'string' ? text(2, size) : whole(1, size));
const tensorType = (...shape) => field(1, [...whole(1, 1), ...field(2, shape.flatMap(axis))]);
const valueInfo = (name, ...shape) => [...text(1, name), ...field(2, tensorType(...shape))];

/** An ONNX model that multiplies its input by a matrix [inputs, width]. */
export function matrixModel(matrix, inputs, width) {
  const data = new Uint8Array(Float32Array.from(matrix).buffer);
  const initializer = [...whole(1, inputs), ...whole(1, width), ...whole(2, 1), ...text(8, 'w'), ...field(9, data)];
  const node = [...text(1, 'x'), ...text(1, 'w'), ...text(2, 'y'), ...text(4, 'MatMul')];
  const ends = [...field(11, valueInfo('x', 'batch', inputs)), ...field(12, valueInfo('y', 'batch', width))];
  const graph = [...field(1, node), ...text(2, 'matrix'), ...field(5, initializer), ...ends];
  return Uint8Array.from([...whole(1, 8), ...field(7, graph), ...field(8, whole(2, 13))]);
}

/** onnxruntime-node, or a typed error that says how to install it. */
export async function runtime() {
  try {
    const module = await import('onnxruntime-node');
    return module.default ?? module;
  } catch (error) {
    const attempts = [{ what: 'onnxruntime-node', reason: error.code ?? error.message }];
    throw new EnvironmentError('BTM_NO_PACKAGE', 'this example runs ONNX models', attempts, ['npm install onnxruntime-node']);
  }
}
