/** Two machines on a network of their own, made of network namespaces: nothing that a test sends there leaves this machine. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

function ip(...args: string[]): void {
  const run = spawnSync('ip', args, { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`ip ${args.join(' ')}: ${run.stderr ?? run.error?.message}`);
}

/** Why such a network cannot be made here, or false when it can. */
export function noNamespaces(): string | false {
  if (process.getuid?.() !== 0) return 'network namespaces need root';
  const probe = `im-probe-${process.pid}`;
  const made = spawnSync('ip', ['netns', 'add', probe], { encoding: 'utf8' });
  if (made.status !== 0)
    return `no network namespaces on this machine (Debian: apt-get install iproute2): ${made.stderr ?? made.error?.message}`;
  ip('netns', 'del', probe);
  return false;
}

/** What a peer found, as it printed it. */
export interface Finding {
  /** The answer to its query: 2, or why there was none. */
  readonly answer: number | string;
  /** Keys it was connected with before it asked anybody. */
  readonly connected: readonly string[];
  readonly elapsed_ms: number;
}

/** Two hosts and the cable between them. */
export class Cable {
  readonly #names = ['a', 'b'].map((side) => `im-${process.pid}-${side}`);
  readonly #children: ChildProcess[] = [];

  constructor() {
    for (const name of this.#names) ip('netns', 'add', name);
    const [a, b] = this.#names;
    ip('-n', a, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', b);
    this.#names.forEach((name, side) => {
      ip('-n', name, 'addr', 'add', `${this.address(side)}/24`, 'dev', 'eth0');
      ip('-n', name, 'link', 'set', 'eth0', 'up');
      ip('-n', name, 'link', 'set', 'lo', 'up');
      // Without a way to anywhere the kernel would not send multicast; a real machine has its default route.
      ip('-n', name, 'route', 'add', 'default', 'dev', 'eth0');
    });
  }

  address(side: number): string {
    return `10.99.78.${1 + side}`;
  }

  /** Runs a script on one host; resolves to the line it prints. */
  run(side: number, script: URL, ...args: string[]): Promise<Finding> {
    const path = fileURLToPath(script);
    const child = spawn('ip', ['netns', 'exec', this.#names[side], process.execPath, path, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#children.push(child);
    return new Promise((resolve, reject) => {
      let printed = '';
      child.stdout.on('data', (data) => {
        printed += data;
        if (printed.endsWith('\n')) resolve(JSON.parse(printed));
      });
      child.once('exit', (code) => reject(new Error(`${path} ended with code ${code} before it printed anything`)));
    });
  }

  cut(): void {
    for (const child of this.#children) child.kill('SIGKILL');
    for (const name of this.#names) spawnSync('ip', ['netns', 'del', name], { stdio: 'ignore' });
  }
}
