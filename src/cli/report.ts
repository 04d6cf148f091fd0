/** `intermodel report`: draws the page of a run again from its saved JSON. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { checkOutputFolder, fileError, outputFile } from '../core/user-files.js';
import { jsonLine } from './output.js';
import { printOut } from './print.js';
import { readDemoResult } from './report-input.js';

interface ReportFlags {
  readonly out: string;
  readonly svg?: string;
  readonly json?: boolean;
}

export function reportCommand(program: Command): void {
  program
    .command('report')
    .description('draw the page of a run from the JSON that `intermodel demo --json` printed')
    .argument('<result>', 'JSON file of a run')
    .option('--out <file>', 'where the page goes', 'report.html')
    .option('--svg <folder>', 'also write every figure as an SVG file into this folder')
    .option('--json', 'print what was written as JSON')
    .action(draw);
}

async function draw(path: string, { out, svg, json }: ReportFlags): Promise<void> {
  const page = await outputFile('--out', out);
  if (svg !== undefined) await checkOutputFolder('--svg', svg);
  const result = await readDemoResult(path);
  const { demoReport, demoSvgFiles } = await import('../report/index.js');
  await page.write(await demoReport(result, { command: result.command ?? `a program of its own, seed ${result.seed}` }));
  const written = [out];
  if (svg !== undefined) written.push(...(await writeFigures(svg, await demoSvgFiles(result))));
  printOut(json === true ? jsonLine({ written }) : `wrote ${written.join(', ')}`);
}

/** Returns the paths. */
async function writeFigures(folder: string, figures: readonly { readonly name: string; readonly svg: string }[]): Promise<string[]> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw fileError(`cannot make the folder ${folder}`, folder, error, '--svg');
  });
  const paths = figures.map(({ name }) => join(folder, name));
  for (const [index, { svg }] of figures.entries()) await (await outputFile('--svg', paths[index]!)).write(svg);
  return paths;
}
