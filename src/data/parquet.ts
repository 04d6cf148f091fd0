/** Parquet files as tables, through the optional package hyparquet. */
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { InputError } from '../core/errors.js';
import { requirePackages } from '../core/optional-packages.js';
import { readWhole } from './bytes.js';
import { ColumnBuilder, type Table } from './table.js';

/** What files are packed by beside Snappy. */
const COMPRESSORS = {
  GZIP: (packed: Uint8Array) => gunzipSync(packed),
  BROTLI: (packed: Uint8Array) => brotliDecompressSync(packed),
};

/**
 * Reads a parquet file; numbers keep their values, everything else becomes text.
 *
 * @throws EnvironmentError BTM_NO_PACKAGE without hyparquet, BTM_IO when it cannot be read; InputError BTM_TYPE when it is no such file.
 */
export async function readParquet(path: string): Promise<Table> {
  requirePackages(`reading ${path}`, ['parquet']);
  const { parquetReadObjects } = await import('hyparquet');
  const bytes = await readWhole(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  let records: Record<string, unknown>[];
  try {
    records = await parquetReadObjects({ file, compressors: COMPRESSORS });
  } catch (error) {
    throw new InputError('BTM_TYPE', `cannot be read as parquet: ${(error as Error).message}`, { argument: path });
  }
  if (records.length === 0) throw new InputError('BTM_SHAPE', 'has no rows', { argument: path });
  const columns = Object.keys(records[0]).map((name) => {
    const builder = new ColumnBuilder(name, typeof records[0][name] === 'string');
    for (const record of records) builder.add(cellOf(record[name]));
    return builder.build();
  });
  return { source: path, rows: records.length, columns };
}

function cellOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
