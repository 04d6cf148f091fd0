/**
 * T3: fsync audit. Runs the writer under strace and counts the calls that force data to the disk.
 *   node lib/test/long/ledger-fsync.js [seconds = 3]            needs strace; says so and skips elsewhere
 * Control: synchronous=NORMAL must show fewer than one per block.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const seconds = Number(process.argv[2] ?? 3);

async function audit(synchronous: string): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'intermodel-fsync-'));
  const trace = join(folder, 'trace');
  const writer = fileURLToPath(new URL('ledger-writer.js', import.meta.url));
  const args = [
    '-f',
    '-o',
    trace,
    '-e',
    'trace=fsync,fdatasync,write',
    '-s',
    '16',
    process.execPath,
    writer,
    'sqlite',
    join(folder, 'x.sqlite'),
    synchronous,
    'honest',
  ];
  const child = spawn('strace', args, { stdio: ['ignore', 'pipe', 'inherit'], detached: true });
  child.stdout.resume();
  await new Promise((resolve) => child.stdout.once('data', resolve));
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const gone = new Promise((resolve) => child.once('exit', resolve));
  process.kill(-(child.pid as number), 'SIGKILL');
  await gone;
  // Between one acknowledgement and the next there must be at least one fsync that returned 0.
  let blocks = 0;
  let bare = 0;
  let synced = 0;
  let syncs = 0;
  for (const line of readFileSync(trace, 'utf8').split('\n')) {
    if (/(fsync|fdatasync).*= 0$/.test(line)) {
      synced++;
      syncs++;
    } else if (line.includes('write(1, "ack ')) {
      blocks++;
      if (synced === 0) bare++;
      synced = 0;
    }
  }
  console.log(
    `T3 synchronous=${synchronous}: ${blocks} blocks acknowledged, ${syncs} fsyncs, ${(syncs / blocks).toFixed(2)} a block; ${bare} blocks acknowledged without one since the block before`,
  );
  rmSync(folder, { recursive: true, force: true });
  return bare;
}

if (spawnSync('strace', ['-V'], { stdio: 'ignore' }).status !== 0) console.log('T3 SKIPPED: no strace on this machine');
else {
  const bare = await audit('FULL');
  const control = await audit('NORMAL');
  if (bare > 0 || control === 0) process.exitCode = 1;
}
