/** `intermodel doctor`: what loaded, from where, and what is missing and why. */
import type { Command } from 'commander';
import { everythingMissing, examine, type Finding } from './doctor-checks.js';
import { printOut } from './print.js';

const MARKS: Readonly<Record<Finding['status'], string>> = { ok: 'ok', missing: '--', failed: '!!' };

export function doctorCommand(program: Command): void {
  program
    .command('doctor')
    .description('show what loaded, from where, and what is missing and why; exit code 3 when something needed is missing')
    .option('--json', 'print the findings as JSON')
    .action(async (flags: { readonly json?: boolean }) => {
      const findings = await examine();
      const install = everythingMissing();
      const failed = findings.some((finding) => finding.status === 'failed');
      const text =
        flags.json === true
          ? JSON.stringify({ kind: 'intermodel-doctor', formatVersion: 1, findings, install: install ?? null })
          : [...findings.map(lines), ...(install === undefined ? [] : [`\neverything optional that is missing:\n${install}`])].join('\n');
      printOut(text);
      if (failed) process.exitCode = 3;
    });
}

function lines(finding: Finding): string {
  const indent = `\n${' '.repeat(20)}`;
  const attempts = (finding.attempts ?? []).map((attempt) => `${indent}tried ${attempt.what}: ${attempt.reason}`);
  return `${MARKS[finding.status]}  ${finding.name.padEnd(16)}${finding.detail.replaceAll('\n', indent)}${attempts.join('')}`;
}
