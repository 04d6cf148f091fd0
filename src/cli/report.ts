/** `intermodel report`: draws the page of a run again from its saved JSON. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { EnvironmentError } from '../core/errors.js';
import type { DemoResult } from '../demo/result.js';
import { TEXT_SETTINGS } from '../run/named-data.js';
import { RUN_DEFAULTS } from '../run/settings.js';
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
    .action(async (path: string, flags: ReportFlags) => {
      const result = await readDemoResult(path);
      const { demoReport, demoSvgFiles } = await import('../report/index.js');
      const command = commandOf(result);
      const files = [{ path: flags.out, text: await demoReport(result, { command }) }];
      if (flags.svg !== undefined)
        for (const { name, svg } of await demoSvgFiles(result)) files.push({ path: join(flags.svg, name), text: svg });
      await write(files, flags.svg);
      const written = files.map((file) => file.path);
      process.stdout.write(flags.json === true ? `${JSON.stringify({ written })}\n` : `wrote ${written.join(', ')}\n`);
    });
}

/** The command that makes the run again, as far as its settings differ from the defaults. */
function commandOf({ seed, settings, data }: DemoResult): string {
  const onText = data.name.startsWith('the text');
  const rounds = onText ? TEXT_SETTINGS.rounds : RUN_DEFAULTS.rounds;
  const parts = [`--seed ${seed}`, `--participants ${settings.participants}`];
  if (onText) parts.push('--data text');
  if (settings.rounds !== rounds) parts.push(`--rounds ${settings.rounds}`);
  for (const name of ['estimator', 'rows', 'gate'] as const) {
    if (settings[name] !== RUN_DEFAULTS[name]) parts.push(`--${name} ${settings[name]}`);
  }
  if (settings.gateK > 0) parts.push(`--k ${settings.gateK}`);
  return `intermodel demo ${parts.join(' ')}`;
}

async function write(files: readonly { readonly path: string; readonly text: string }[], folder: string | undefined): Promise<void> {
  try {
    if (folder !== undefined) await mkdir(folder, { recursive: true });
    for (const { path, text } of files) await writeFile(path, text);
  } catch (error) {
    throw new EnvironmentError(
      'BTM_IO',
      'the report cannot be written',
      [{ what: files[0]!.path, reason: (error as Error).message }],
      ['choose another --out'],
    );
  }
}
