/** One seeded run of five peers in bad weather, and the laws that must hold in every run (RELIABILITY.md T7). */
import { createHash } from 'node:crypto';
import { RandomStream } from '../../../src/core/random.js';
import { type Clock, type HandlerContext, type Identity, Network, type Outcome, type Tensor } from '../../../src/network/index.js';
import { NonceWindow, type ReplayGuard } from '../../../src/network/replay.js';
import { Air, type AirTransport } from './air.js';
import { identityOf } from './peers.js';
import { VirtualClock } from './virtual-clock.js';

/** Deliberate faults in the code under test: the harness must find each. */
export type Control = 'none' | 'noReplayGuard' | 'forgetfulRestart' | 'lostTimers' | 'noStakeCheck' | 'wrongAnswers';

/** What a run found. */
export interface Run {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly calls: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly fates: Air['fates'];
  /** Hash of everything that happened, in order. */
  readonly hash: string;
}

const PEERS = 5;
const STRANGER = 4;
const ACTIVE_MS = 12_000;
const OPERATIONS = 40;
const IDENTITIES: readonly Identity[] = Array.from({ length: PEERS }, (_, index) => identityOf(index + 1));
const KEYS = IDENTITIES.map((identity) => identity.key);

/** Runs one seed. */
export async function simulate(seed: number, control: Control = 'none'): Promise<Run> {
  const world = new World(seed, control);
  await world.run();
  return world.result();
}

interface Process {
  readonly network: Network;
  readonly transport: AirTransport;
}

class World {
  readonly #seed: number;
  readonly #control: Control;
  readonly #clock = new VirtualClock();
  readonly #random: RandomStream;
  readonly #air: Air;
  readonly #processes: (Process | null)[] = [];
  readonly #retired: Network[] = [];
  readonly #violations: string[] = [];
  readonly #applied = new Map<string, number>();
  readonly #outcomes: Record<string, number> = {};
  readonly #trace = createHash('sha256');
  readonly #open = new Set<string>();
  #next = 1;

  constructor(seed: number, control: Control) {
    this.#seed = seed;
    this.#control = control;
    this.#random = new RandomStream(seed, 0);
    const chance = new RandomStream(seed, 1);
    const weather = {
      drop: 0.25 * chance.uniform(),
      duplicate: 0.3 * chance.uniform(),
      corrupt: 0.1 * chance.uniform(),
      delayMean_ms: 2 + 30 * chance.uniform(),
      straggle: 0.15 * chance.uniform(),
    };
    this.#air = new Air(this.#clock, new RandomStream(seed, 2), weather, seed % 10 === 0);
  }

  async run(): Promise<void> {
    const start_ms = this.#clock.now();
    for (let index = 0; index < PEERS; index++) this.#boot(index);
    this.#scheduleFaults();
    for (let index = 0; index < PEERS; index++) this.#scheduleWork(index);
    await this.#clock.runUntil(start_ms + ACTIVE_MS);
    this.#heal();
    await this.#clock.runUntil(start_ms + ACTIVE_MS + 15_000); // longer than any deadline or ban
    await this.#checkLiveness();
    this.#checkQuiescence();
  }

  result(): Run {
    const calls = Object.values(this.#outcomes).reduce((sum, count) => sum + count, 0);
    const { fates } = this.#air;
    const hash = this.#trace.update(JSON.stringify(fates)).digest('hex');
    return { seed: this.#seed, violations: this.#violations, calls, outcomes: this.#outcomes, fates, hash };
  }

  #boot(index: number): void {
    const transport = this.#air.join(IDENTITIES[index]);
    const stakes = [5n, 3n, 2n, 1n, this.#control === 'noStakeCheck' ? 1n : 0n];
    const network = new Network({
      transport,
      clock: this.#control === 'lostTimers' ? lossy(this.#clock) : this.#clock,
      deadline: { floor_ms: 20, initial_ms: 300, ceiling_ms: 2_000 },
      bans: { threshold: 3, base_ms: 200, ceiling_ms: 3_000 },
      replay: this.#guard(),
      service: {
        stakeOf: (key) => stakes[KEYS.indexOf(key)],
        admission: { concurrency: 1, queue: 1 },
        width: 2,
        handlers: {
          query: (input, context) => this.#answerQuery(index, input, context),
          backward: (input, gradient, context) => this.#applyGradient(index, transport, input, gradient, context),
        },
      },
    });
    this.#processes[index] = { network, transport };
  }

  #guard(): ReplayGuard {
    if (this.#control === 'noReplayGuard') return { accept: () => true };
    if (this.#control !== 'forgetfulRestart') return new NonceWindow(this.#clock);
    const seen = new Set<string>();
    return {
      accept: (from, nonce) => {
        const name = `${from}/${nonce}`;
        return !seen.has(name) && seen.add(name) !== undefined;
      },
    };
  }

  /** f_j(x) = (j + 2) x, after a while; the first entry of every input names its operation. */
  async #answerQuery(index: number, input: Tensor, context: HandlerContext): Promise<Tensor> {
    this.#noStranger(context);
    await this.#clock.sleep(1 + 20 * this.#random.uniform());
    const factor = this.#control === 'wrongAnswers' && this.#random.uniform() < 0.05 ? 1 : index + 2;
    return { shape: [...input.shape], data: input.data.map((x) => factor * x) };
  }

  #applyGradient(index: number, transport: AirTransport, input: Tensor, gradient: Tensor, context: HandlerContext): Tensor {
    this.#noStranger(context);
    if (!transport.alive) return gradient; // a process that died while this was on its way: nothing it does counts
    const name = `${index}<-${input.data[0]}`;
    this.#applied.set(name, (this.#applied.get(name) ?? 0) + 1);
    if ((this.#applied.get(name) as number) > 1) this.#violate(`the gradient ${name} was applied twice`);
    if (gradient.data[0] !== -input.data[0]) this.#violate(`${name}: a gradient came with another request's inputs`);
    return { shape: [...input.shape], data: gradient.data.slice() };
  }

  #noStranger(context: HandlerContext): void {
    if (context.from === KEYS[STRANGER]) this.#violate('a holder of no stake was served');
  }

  #scheduleWork(index: number): void {
    for (let operation = 0; operation < OPERATIONS; operation++) {
      this.#clock.after(ACTIVE_MS * this.#random.uniform(), () => {
        const process = this.#processes[index];
        if (process !== null) void this.#operate(index, process);
      });
    }
  }

  async #operate(index: number, process: Process): Promise<void> {
    const others = KEYS.map((_, other) => other).filter((other) => other !== index);
    const target = others[this.#random.integer(others.length)];
    const name = this.#next++;
    const input: Tensor = { shape: [1, 2], data: Float32Array.of(name, 1) };
    const kind = this.#random.integer(3);
    this.#open.add(`${name}`);
    const started_ms = this.#clock.now();
    const { network } = process;
    let allowed_ms = network.deadline_ms(KEYS[target]);
    if (kind === 0) {
      this.#judgeQuery(name, target, await network.query(KEYS[target], input, { width: 2 }));
    } else if (kind === 1) {
      const gradient = { shape: [1, 2], data: Float32Array.of(-name, 0) };
      this.#judgeBackward(name, target, await network.backward(KEYS[target], input, gradient), process);
    } else {
      allowed_ms = Math.max(...others.map((other) => network.deadline_ms(KEYS[other])));
      const peers = others.map((other) => KEYS[other]);
      const outcomes = await this.#askSome(network, peers.slice(0, 3), input);
      outcomes.forEach((outcome, at) => {
        this.#judgeQuery(name, others[at], outcome);
      });
    }
    this.#open.delete(`${name}`);
    const elapsed_ms = this.#clock.now() - started_ms;
    if (elapsed_ms > allowed_ms + 1e-3) this.#violate(`operation ${name} took ${elapsed_ms} ms of ${allowed_ms}`);
  }

  /** Several at once; whoever is 30 ms later than the first is given up. */
  async #askSome(network: Network, peers: readonly string[], input: Tensor): Promise<readonly Outcome<Tensor>[]> {
    const late = new AbortController();
    let cancelGrace = () => {};
    const ask = async (peer: string) => {
      const outcome = await network.query(peer, input, { width: 2, signal: late.signal });
      if (outcome.ok) cancelGrace = this.#clock.after(30, () => late.abort());
      return outcome;
    };
    const outcomes = await Promise.all(peers.map(ask));
    cancelGrace();
    return outcomes;
  }

  #judgeQuery(name: number, target: number, outcome: Outcome<Tensor>): void {
    this.#count('query', name, target, outcome);
    if (outcome.ok && outcome.value.data[0] !== (target + 2) * name) this.#violate(`query ${name} to ${target} got another's answer`);
  }

  #judgeBackward(name: number, target: number, outcome: Outcome<Tensor | null>, process: Process): void {
    this.#count('backward', name, target, outcome);
    if (!outcome.ok || !process.transport.alive) return;
    if (this.#applied.get(`${target}<-${name}`) === undefined) this.#violate(`gradient ${name} was acknowledged, not applied`);
    if (outcome.value?.data[0] !== -name) this.#violate(`gradient ${name} got another's answer`);
  }

  #count(kind: string, name: number, target: number, outcome: Outcome<unknown>): void {
    const how = outcome.ok ? 'ok' : `${outcome.failure.code}/${outcome.failure.by}`;
    this.#outcomes[how] = (this.#outcomes[how] ?? 0) + 1;
    this.#trace.update(`${this.#clock.now()} ${kind} ${name} ${target} ${how}\n`);
  }

  #scheduleFaults(): void {
    const random = new RandomStream(this.#seed, 3);
    for (let crash = random.integer(8); crash > 0; crash--) {
      const longest_ms = random.integer(2) === 0 ? 60 : 1500; // a quick restart meets what was sent to the process before
      const [at_ms, index, away_ms] = [ACTIVE_MS * random.uniform(), random.integer(PEERS), longest_ms * random.uniform()];
      this.#clock.after(at_ms, () => this.#crash(index, away_ms));
    }
    for (let partition = random.integer(3); partition > 0; partition--) {
      const [at_ms, length_ms] = [ACTIVE_MS * random.uniform(), 3000 * random.uniform()];
      const sides = KEYS.map(() => random.integer(2));
      this.#clock.after(at_ms, () => KEYS.forEach((key, index) => void this.#air.sides.set(key, sides[index])));
      this.#clock.after(at_ms + length_ms, () => this.#air.sides.clear());
    }
  }

  #crash(index: number, away_ms: number): void {
    const process = this.#processes[index];
    if (process === null) return;
    this.#air.crash(KEYS[index]);
    this.#retired.push(process.network);
    this.#processes[index] = null;
    this.#clock.after(away_ms, () => {
      if (this.#processes[index] === null) this.#boot(index);
    });
  }

  #heal(): void {
    this.#air.sides.clear();
    this.#air.weather = { drop: 0, duplicate: 0, corrupt: 0, delayMean_ms: 1, straggle: 0 };
  }

  /** Once the weather clears, every peer with stake is served by all. */
  async #checkLiveness(): Promise<void> {
    const asked: Promise<void>[] = [];
    this.#processes.forEach((process, index) => {
      if (process === null) {
        this.#violate(`peer ${index} never came back`);
        return;
      }
      for (let target = 0; target < PEERS; target++) {
        if (target === index || index === STRANGER) continue;
        const input: Tensor = { shape: [1, 2], data: Float32Array.of(this.#next++, 1) };
        const name = input.data[0];
        asked.push(
          process.network.query(KEYS[target], input, { deadline_ms: 2000, width: 2 }).then((outcome) => {
            this.#judgeQuery(name, target, outcome);
            if (!outcome.ok && outcome.failure.code !== 'busy') this.#violate(`${index} cannot reach ${target}: ${outcome.failure.code}`);
          }),
        );
      }
    });
    await this.#clock.runUntil(this.#clock.now() + 5000);
    await Promise.race([Promise.all(asked), new Promise((resolve) => setImmediate(resolve))]);
  }

  #checkQuiescence(): void {
    for (const name of this.#open) this.#violate(`operation ${name} never ended`);
    const networks = [...this.#retired, ...this.#processes.flatMap((process) => (process === null ? [] : [process.network]))];
    for (const network of networks) {
      for (const { calls, success, timeout, error, errors } of network.traffic().values()) {
        if (success + timeout + error !== calls) this.#violate(`${success} + ${timeout} + ${error} is not ${calls} calls`);
        const listed = Object.values(errors).reduce((sum, count) => sum + count, 0);
        if (listed !== error) this.#violate(`${listed} errors listed of ${error}`);
      }
      const { received, served, refused } = network.serviceCounters();
      const turned = Object.values(refused).reduce((sum, count) => sum + count, 0);
      if (served + turned !== received) this.#violate(`${served} served and ${turned} refused is not ${received} received`);
    }
  }

  #violate(what: string): void {
    this.#violations.push(what);
  }
}

/** A clock that forgets every seventh timer: calls then have no deadline. */
function lossy(clock: VirtualClock): Clock {
  let count = 0;
  return {
    now: () => clock.now(),
    after: (delay_ms, action) => (++count % 7 === 0 ? () => {} : clock.after(delay_ms, action)),
  };
}
