/**
 * T2: power cuts. The store lies on an ext4 image on a loop device; the writer is killed, the image is copied at once (with it goes
 * everything that had not reached the device) and the copy is mounted and recovered.
 *   node lib/test/long/ledger-power.js [rounds = 100]            needs root, losetup and mkfs.ext4; says so and skips elsewhere
 * Control: the same with synchronous=NORMAL must lose acknowledged blocks.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RandomStream } from '../../src/core/random.js';
import { openLedger, sqliteStore } from '../../src/ledger/index.js';
import { lost, runAndKill } from './crash-round.js';

const rounds = Number(process.argv[2] ?? 100);
const folder = process.argv[2] === 'check' ? '' : mkdtempSync(join(tmpdir(), 'intermodel-power-'));
const image = join(folder, 'disk.img');
const copy = join(folder, 'copy.img');
const live = join(folder, 'live');
const recovered = join(folder, 'recovered');
const random = new RandomStream(2);

function shell(command: string, ...args: string[]): void {
  const run = spawnSync(command, args, { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${command} ${args.join(' ')}: ${run.error?.message ?? run.stderr}`);
}

async function round(synchronous: string): Promise<{ acknowledged: number; missing: number }> {
  shell('truncate', '-s', '48M', image);
  shell('mkfs.ext4', '-q', '-F', image);
  shell('mount', '-o', 'loop', image, live);
  // The genesis is on the disk before the cut: what is tested is the blocks.
  const path = join(live, 'ledger.sqlite');
  let acknowledged: Map<number, string>;
  try {
    acknowledged = await runAndKill(['sqlite', path, synchronous, 'honest'], 50 + random.integer(250), () =>
      shell('cp', '--sparse=always', image, copy),
    );
  } finally {
    shell('umount', live);
  }
  shell('mount', '-o', 'loop', copy, recovered);
  try {
    writeFileSync(join(folder, 'acknowledged.json'), JSON.stringify([...acknowledged]));
    // In a process of its own: the SQLite driver for Node 20 lets go of its file only when its statements are collected.
    const check = spawnSync(process.execPath, [fileURLToPath(import.meta.url), 'check', join(recovered, 'ledger.sqlite')], {
      encoding: 'utf8',
    });
    if (check.status !== 0) throw new Error(`the recovered ledger does not open: ${check.stderr}`);
    return { acknowledged: acknowledged.size, missing: Number(check.stdout) };
  } finally {
    shell('umount', recovered);
  }
}

/** How many acknowledged blocks the recovered image lacks; everything it has must replay. */
async function check(path: string): Promise<number> {
  const acknowledged = new Map<number, string>(JSON.parse(readFileSync(join(path, '..', '..', 'acknowledged.json'), 'utf8')));
  const store = await sqliteStore(path);
  const missing = await lost(store, acknowledged);
  if ((await store.genesis()) !== undefined) await openLedger({ store });
  return missing;
}

async function campaign(synchronous: string, count: number): Promise<number> {
  let acknowledged = 0;
  let missing = 0;
  let bad = 0;
  for (let done = 1; done <= count; done++) {
    const one = await round(synchronous);
    acknowledged += one.acknowledged;
    missing += one.missing;
    if (one.missing > 0) bad++;
    if (done % 10 === 0) process.stderr.write(`${synchronous}: ${done} of ${count} power cuts\n`);
  }
  console.log(`T2 synchronous=${synchronous}: ${count} power cuts, ${acknowledged} blocks acknowledged, ${missing} lost in ${bad} cuts`);
  return missing;
}

if (process.argv[2] === 'check') console.log(await check(process.argv[3]));
else if (process.getuid?.() !== 0) console.log('T2 SKIPPED: mounting an image needs root');
else {
  mkdirSync(live);
  mkdirSync(recovered);
  const kept = await campaign('FULL', rounds);
  const broken = await campaign('NORMAL', Math.min(rounds, 25));
  if (kept > 0 || broken === 0) process.exitCode = 1;
  rmSync(folder, { recursive: true });
}
