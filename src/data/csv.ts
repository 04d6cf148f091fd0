/** CSV files as tables, read in pieces by csv-parse; a first row of text names the columns. */
import { Readable } from 'node:stream';
import { EnvironmentError, InputError } from '../core/errors.js';
import { requirePackages } from '../core/optional-packages.js';
import { readPieces } from './bytes.js';
import { ColumnBuilder, numberOf, type Table } from './table.js';

/**
 * Reads a CSV or TSV file; '-' reads standard input. Without a row of names the columns are called 0, 1, ...
 *
 * @throws EnvironmentError BTM_IO when it cannot be read, BTM_NO_PACKAGE without csv-parse; InputError BTM_SHAPE or BTM_TYPE, naming file and line, when it is not a table.
 */
export async function readCsv(path: string): Promise<Table> {
  requirePackages(`reading ${path}`, ['tables']);
  const { parse } = await import('csv-parse');
  const delimiter = path.toLowerCase().endsWith('.tsv') ? '\t' : ',';
  const source = Readable.from(readPieces(path));
  const parser = source.pipe(parse({ delimiter, bom: true, skip_empty_lines: true }));
  source.on('error', (error) => parser.destroy(error)); // a pipe does not pass errors on
  let builders: ColumnBuilder[] | undefined;
  try {
    for await (const record of parser as AsyncIterable<string[]>) {
      if (builders === undefined) {
        const named = record.some((cell) => numberOf(cell) === undefined);
        builders = record.map((cell, c) => new ColumnBuilder(named ? cell.trim() : String(c), c === 0));
        if (named) continue;
      }
      for (let c = 0; c < record.length; c++) builders[c].add(record[c]);
    }
  } catch (error) {
    if (error instanceof EnvironmentError || error instanceof InputError) throw error;
    throw new InputError('BTM_SHAPE', `is not a table: ${(error as Error).message}`, { argument: path });
  }
  const columns = (builders ?? []).map((builder) => builder.build());
  if (columns.length === 0) throw new InputError('BTM_SHAPE', 'is empty', { argument: path });
  let rows = 0;
  for (const builder of builders ?? []) rows = Math.max(rows, builder.rows);
  if (rows === 0) throw new InputError('BTM_SHAPE', 'has no rows below its names', { argument: path });
  return { source: path, rows, columns };
}
