/** Starts real etcd nodes on loopback for the tests, each in its own process and folder. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const hasEtcd = (): boolean => spawnSync('etcd', ['--version'], { stdio: 'ignore' }).status === 0;

async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

interface Seat {
  readonly name: string;
  /** Address that the others and the clients reach it at. */
  readonly host: string;
  readonly client: string;
  readonly peer: string;
  /** Network namespace it lives in; none shares the machine's loopback. */
  readonly namespace: string | undefined;
}

export interface EtcdNode extends Seat {
  process: ChildProcess;
}

const BRIDGE = 'imbridge';

function ip(...args: string[]): void {
  const run = spawnSync('ip', args, { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`ip ${args.join(' ')}: ${run.stderr}`);
}

/** Whether nodes can be put into network namespaces of their own, which a cut needs. */
export const canCutNetworks = (): boolean => process.getuid?.() === 0 && spawnSync('ip', ['-V'], { stdio: 'ignore' }).status === 0;

/** One host per node on a bridge of their own: 10.99.77.1 is this process, 10.99.77.11 and up are the nodes. */
function layNetwork(size: number): void {
  clearNetwork(size);
  ip('link', 'add', BRIDGE, 'type', 'bridge');
  ip('addr', 'add', '10.99.77.1/24', 'dev', BRIDGE);
  ip('link', 'set', BRIDGE, 'up');
  for (let at = 0; at < size; at++) {
    ip('netns', 'add', `im-n${at}`);
    ip('link', 'add', `im-v${at}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', `im-n${at}`);
    ip('link', 'set', `im-v${at}`, 'master', BRIDGE, 'up');
    ip('-n', `im-n${at}`, 'addr', 'add', `10.99.77.${11 + at}/24`, 'dev', 'eth0');
    ip('-n', `im-n${at}`, 'link', 'set', 'eth0', 'up');
    ip('-n', `im-n${at}`, 'link', 'set', 'lo', 'up');
  }
}

function clearNetwork(size: number): void {
  for (let at = 0; at < size; at++) spawnSync('ip', ['netns', 'del', `im-n${at}`], { stdio: 'ignore' });
  spawnSync('ip', ['link', 'del', BRIDGE], { stdio: 'ignore' });
}

export class EtcdCluster {
  private constructor(
    readonly nodes: EtcdNode[],
    private readonly folder: string,
    private readonly peers: string,
  ) {}

  /** Starts `size` nodes, each on a host of its own if `hosts` is set, and waits until they have a leader. */
  static async start(size: number, options: { readonly hosts?: boolean } = {}): Promise<EtcdCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'intermodel-etcd-'));
    const seats: Seat[] = [];
    if (options.hosts === true) layNetwork(size);
    for (let at = 0; at < size; at++) {
      const host = options.hosts === true ? `10.99.77.${11 + at}` : '127.0.0.1';
      const [client, peer] = options.hosts === true ? [2379, 2380] : [await freePort(), await freePort()];
      const namespace = options.hosts === true ? `im-n${at}` : undefined;
      seats.push({ name: `n${at}`, host, client: `http://${host}:${client}`, peer: `http://${host}:${peer}`, namespace });
    }
    const cluster = new EtcdCluster([], folder, seats.map((seat) => `${seat.name}=${seat.peer}`).join(','));
    for (const seat of seats) cluster.nodes.push({ ...seat, process: cluster.spawn(seat) });
    await cluster.ready();
    return cluster;
  }

  get endpoints(): string[] {
    return this.nodes.map((node) => node.client);
  }

  private spawn(seat: Seat): ChildProcess {
    const options = {
      name: seat.name,
      'data-dir': join(this.folder, seat.name),
      'listen-client-urls': seat.client,
      'advertise-client-urls': seat.client,
      'listen-peer-urls': seat.peer,
      'initial-advertise-peer-urls': seat.peer,
      'initial-cluster': this.peers,
      'initial-cluster-state': 'new',
      'log-level': 'fatal',
    };
    const args = Object.entries(options).map(([name, value]) => `--${name}=${value}`);
    if (seat.namespace === undefined) return spawn('etcd', args, { stdio: 'ignore' });
    return spawn('ip', ['netns', 'exec', seat.namespace, 'etcd', ...args], { stdio: 'ignore' });
  }

  /** Cuts a host off the network, or joins it again. */
  connect(node: EtcdNode, connected: boolean): void {
    ip('link', 'set', `im-v${node.name.slice(1)}`, connected ? 'up' : 'down');
  }

  /** Starts a killed node again on its data. */
  restart(node: EtcdNode): void {
    node.process = this.spawn(node);
  }

  async kill(node: EtcdNode, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const gone = new Promise((resolve) => node.process.once('exit', resolve));
    node.process.kill(signal);
    await gone;
  }

  /** Waits until every running node answers a read that needs the leader. */
  async ready(within_ms = 30_000): Promise<void> {
    const deadline = performance.now() + within_ms;
    for (const node of this.nodes) {
      for (;;) {
        const body = JSON.stringify({ key: Buffer.from('x').toString('base64') });
        const answered = await fetch(`${node.client}/v3/kv/range`, { method: 'POST', body, signal: AbortSignal.timeout(1000) }).then(
          (response) => response.ok,
          () => false,
        );
        if (answered) break;
        if (performance.now() > deadline) throw new Error(`etcd node ${node.name} did not come up`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
  }

  /** The node that leads now. */
  async leader(): Promise<EtcdNode | undefined> {
    for (const node of this.nodes) {
      try {
        const response = await fetch(`${node.client}/v3/maintenance/status`, {
          method: 'POST',
          body: '{}',
          signal: AbortSignal.timeout(500),
        });
        const status = (await response.json()) as { leader?: string; header?: { member_id?: string } };
        if (status.leader !== undefined && status.leader === status.header?.member_id) return node;
      } catch {
        // This node is down or cut off: ask the next.
      }
    }
    return undefined;
  }

  async stop(): Promise<void> {
    for (const node of this.nodes) {
      if (node.process.exitCode !== null || node.process.signalCode !== null) continue;
      node.process.kill('SIGCONT');
      await this.kill(node);
    }
    if (this.nodes[0]?.namespace !== undefined) clearNetwork(this.nodes.length);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
