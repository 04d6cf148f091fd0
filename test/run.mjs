// Runs the tap suite: a line per file as it ends, every failure in full at the end, and one plain line with the count last,
// so that the end of a log is enough to see what failed.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

const tap = spawn('npx', ['tap', '--reporter=tap', ...process.argv.slice(2)], { stdio: ['ignore', 'pipe', 'inherit'] });
const exited = new Promise((resolve) => tap.once('exit', (code, signal) => resolve(code ?? signal)));

const depth = (line) => line.length - line.trimStart().length;

/** Names of the subtests around the line being read, by depth; a file is the outermost. */
const titles = [];
const failures = [];
let totals = '';
let block = null;
let deepestFailure = -1;

for await (const line of createInterface({ input: tap.stdout })) {
  const at = depth(line);
  const text = line.trim();
  if (block !== null) {
    if (at > block.at || text === '') {
      block.lines.push(line);
      continue;
    }
    block = null;
  }
  if (text.startsWith('# Subtest: ')) {
    titles.length = Math.floor(at / 4);
    titles.push(text.slice('# Subtest: '.length));
  } else if (text.startsWith('not ok ') && !/# (TODO|SKIP)/.test(text)) {
    // A failed assertion fails every subtest around it; those lines say nothing new.
    if (at >= deepestFailure) {
      block = { at, lines: [line] };
      failures.push({ titles: titles.slice(0, Math.floor(at / 4)), block });
    }
    deepestFailure = at === 0 ? -1 : at;
  } else if (text.startsWith('ok ') && at <= deepestFailure) {
    deepestFailure = -1;
  }
  if (/^(ok|not ok|# [^S])/.test(line) || /# SKIP/.test(line)) console.log(line);
  // tap's own totals: "# { total: 12, pass: 11, fail: 1, skip: 0 }"; the last one is for the whole run.
  if (/^# \{ total: \d+/.test(line)) totals = line;
}
const failed = (await exited) !== 0;

for (const {
  titles: path,
  block: { lines },
} of failures)
  console.log(`\nFAILED: ${path.join(' > ')}\n${lines.join('\n').trimEnd()}`);

const count = (name) => Number(totals.match(new RegExp(`${name}: (\\d+)`))?.[1] ?? 0);
const bad = count('fail');
const skipped = count('skip');
console.log(`${count('pass')} passed, ${bad === 0 && failed ? 1 : bad} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
process.exitCode = failed || count('pass') === 0 ? 1 : 0;
