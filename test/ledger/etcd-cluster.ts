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

export interface EtcdNode {
  readonly name: string;
  readonly client: string;
  readonly peerPort: number;
  process: ChildProcess;
}

export class EtcdCluster {
  private constructor(
    readonly nodes: EtcdNode[],
    private readonly folder: string,
    private readonly peers: string,
  ) {}

  /** Starts `size` nodes and waits until they have a leader. */
  static async start(size: number): Promise<EtcdCluster> {
    const folder = mkdtempSync(join(tmpdir(), 'intermodel-etcd-'));
    const seats: { name: string; client: string; peerPort: number }[] = [];
    for (let at = 0; at < size; at++)
      seats.push({ name: `n${at}`, client: `http://127.0.0.1:${await freePort()}`, peerPort: await freePort() });
    const peers = seats.map((seat) => `${seat.name}=http://127.0.0.1:${seat.peerPort}`).join(',');
    const cluster = new EtcdCluster([], folder, peers);
    for (const seat of seats) cluster.nodes.push({ ...seat, process: cluster.spawn(seat) });
    await cluster.ready();
    return cluster;
  }

  get endpoints(): string[] {
    return this.nodes.map((node) => node.client);
  }

  private spawn(seat: { name: string; client: string; peerPort: number }): ChildProcess {
    const peer = `http://127.0.0.1:${seat.peerPort}`;
    const options = {
      name: seat.name,
      'data-dir': join(this.folder, seat.name),
      'listen-client-urls': seat.client,
      'advertise-client-urls': seat.client,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': this.peers,
      'initial-cluster-state': 'new',
      'log-level': 'fatal',
    };
    return spawn(
      'etcd',
      Object.entries(options).map(([name, value]) => `--${name}=${value}`),
      { stdio: 'ignore' },
    );
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
    rmSync(this.folder, { recursive: true, force: true });
  }
}
