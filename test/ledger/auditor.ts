/**
 * An independent auditor: the rules of docs/concepts/ledger.md once more, with plain maps by key and one BigInt per number, sharing no code with
 * the transition or the settlement. After every block it must agree with the ledger on every amount and every weight.
 */
import type { Action, Genesis, LedgerView, Parameters, RankingView } from '../../src/ledger/index.js';

interface Member {
  stake: bigint;
  readonly slot: number;
  row: Map<string, bigint>;
}

const WHOLE = 1_000_000_000n;
const MOST = (1n << 63n) - 1n;

export class Auditor {
  readonly balances = new Map<string, bigint>();
  readonly members = new Map<string, Member>();
  supply = 0n;
  start = 0n;
  minted = 0n;
  private gone = new Set<string>();

  constructor(genesis: Genesis) {
    for (const { key, balance } of genesis.accounts ?? []) this.balances.set(key, balance);
    for (const [slot, p] of (genesis.participants ?? []).entries()) {
      this.balances.set(p.key, p.balance ?? 0n);
      this.members.set(p.key, { stake: p.stake, slot, row: new Map([[p.key, WHOLE]]) });
      this.start += p.stake;
    }
    for (const balance of this.balances.values()) this.start += balance;
    this.supply = this.start;
  }

  private inSlotOrder(): [string, Member][] {
    return [...this.members].sort((a, b) => a[1].slot - b[1].slot);
  }

  /** Ranking and payment at the start of a block, by the rules in force. Returns the exact ranking by key. */
  settle(rules: Parameters, tau: bigint): Map<string, bigint> {
    const people = this.inSlotOrder();
    const ranking = new Map<string, bigint>(people.map(([key]) => [key, 0n]));
    const held = people.reduce((sum, [, { stake }]) => sum + stake, 0n);
    const caps = [rules.ratingCap, (held * BigInt(rules.ratingShare)) / WHOLE].filter(
      (_, k) => [rules.ratingCap > 0n, rules.ratingShare > 0][k],
    );
    // biome-ignore lint/complexity/useMathMinMax: Math.min takes no bigint
    const voice = (member: Member): bigint => caps.reduce((least, cap) => (cap < least ? cap : least), member.stake);
    const voices = people.reduce((sum, [, member]) => sum + voice(member), 0n);
    const counted: [string, Member][] = people.map(([key, member]) => [key, { ...member, row: this.counted(rules, key, people, voice) }]);
    const needed = (voices * BigInt(rules.consensus) + WHOLE - 1n) / WHOLE;
    const levels = new Map(counted.map(([key]) => [key, rules.consensus === 0 ? WHOLE : this.level(key, counted, voice, needed)]));
    const sumOfLevels = [...levels.values()].reduce((a, b) => a + b, 0n);
    const pull = BigInt(rules.consensusPull);
    for (const [key, level] of levels) {
      for (const [, rater] of counted) {
        const weight = rater.row.get(key) ?? 0n;
        const moved = sumOfLevels === 0n ? weight : ((WHOLE - pull) * weight + pull * ((level * WHOLE) / sumOfLevels)) / WHOLE;
        ranking.set(key, (ranking.get(key) as bigint) + voice(rater) * (pull > 0n ? moved : weight < level ? weight : level));
      }
    }
    const total = [...ranking.values()].reduce((a, b) => a + b, 0n);
    if (total === 0n) return ranking;
    let shift = 0n;
    while ((voices * WHOLE) >> shift >= 1n << 62n) shift++;
    const shares = people.map(([key]) => (ranking.get(key) as bigint) >> shift);
    const sum = shares.reduce((a, b) => a + b, 0n);
    let amount = this.emission(rules, tau, total, sum, shares, BigInt(people.length));
    if (amount > MOST - this.supply) amount = MOST - this.supply;
    this.pay(people, shares, sum, amount);
    return ranking;
  }

  /** A row as it counts before any consensus: without the own weight where the rules leave it out. */
  private counted(
    rules: Parameters,
    key: string,
    people: readonly [string, Member][],
    voice: (member: Member) => bigint,
  ): Map<string, bigint> {
    const row = (people.find(([name]) => name === key) as [string, Member])[1].row;
    const rest = [...row].reduce((sum, [target, weight]) => sum + (target === key ? 0n : weight), 0n);
    if (rules.othersOnly === 0) return row;
    if (rest > 0n) return new Map([...row].map(([target, weight]) => [target, target === key ? 0n : (weight * WHOLE) / rest]));
    const others = people.filter(([name, member]) => name !== key && voice(member) > 0n);
    return new Map(others.map(([name]) => [name, WHOLE / BigInt(others.length)]));
  }

  /** The largest weight that enough of the voices support, found by trying every weight there is. */
  private level(key: string, people: readonly [string, Member][], voice: (member: Member) => bigint, needed: bigint): bigint {
    let best = 0n;
    for (const [, { row }] of people) {
      const candidate = row.get(key) ?? 0n;
      const support = people.reduce((sum, [, other]) => sum + ((other.row.get(key) ?? 0n) >= candidate ? voice(other) : 0n), 0n);
      if (support >= needed && candidate > best) best = candidate;
    }
    return best;
  }

  private emission(rules: Parameters, tau: bigint, total: bigint, sum: bigint, shares: readonly bigint[], n: bigint): bigint {
    if (rules.emission === 'l1') return tau;
    if (rules.emission === 'none') return (tau * total) / (n * WHOLE * WHOLE);
    const squares = shares.reduce((a, b) => a + b * b, 0n);
    // The smallest integer whose square is at least the sum of squares, by bisection.
    let low = 0n;
    let high = sum;
    while (low < high) {
      const middle = (low + high) / 2n;
      if (middle * middle >= squares) high = middle;
      else low = middle + 1n;
    }
    return (tau * sum) / low;
  }

  private pay(people: readonly [string, Member][], shares: readonly bigint[], sum: bigint, amount: bigint): void {
    const parts = shares.map((share) => (amount * share) / sum);
    const left = amount - parts.reduce((a, b) => a + b, 0n);
    const order = shares.map((share, at) => ({ at, rest: (amount * share) % sum }));
    order.sort((a, b) => (a.rest === b.rest ? a.at - b.at : a.rest > b.rest ? -1 : 1));
    for (let k = 0; k < Number(left); k++) parts[order[k].at] += 1n;
    people.forEach(([, member], at) => {
      member.stake += parts[at];
    });
    this.supply += amount;
    this.minted += amount;
  }

  /** Follows an accepted action. `view` is the ledger inside the block after it: consulted for slots and for who was pruned, nothing else. */
  follow(key: string, action: Action, view: LedgerView): void {
    const balance = this.balances.get(key) ?? 0n;
    const member = this.members.get(key);
    switch (action.kind) {
      case 'transfer':
        this.balances.set(key, balance - action.amount);
        this.balances.set(action.to, (this.balances.get(action.to) ?? 0n) + action.amount);
        break;
      case 'bond':
      case 'unbond': {
        const amount = action.kind === 'bond' ? action.amount : -action.amount;
        this.balances.set(key, balance - amount);
        (member as Member).stake += amount;
        break;
      }
      case 'register': {
        for (const other of [...this.members.keys()]) if (view.participant(other) === undefined) this.leave(other);
        this.balances.set(key, (this.balances.get(key) ?? 0n) - action.stake);
        this.members.set(key, { stake: action.stake, slot: view.participant(key)?.slot ?? -1, row: new Map([[key, WHOLE]]) });
        break;
      }
      case 'unregister':
        this.leave(key);
        break;
      case 'rotateKey':
        this.rename(key, action.newKey);
        break;
      case 'setWeights':
      case 'revealWeights': {
        const { row } = action;
        const bySlot = new Map([...this.members].map(([name, other]) => [other.slot, name]));
        const entries = Array.from(row.weights, (weight, at): [string, bigint] => [
          'targets' in row ? row.targets[at] : (bySlot.get(at) ?? ''),
          BigInt(weight),
        ]);
        (member as Member).row = new Map(entries.filter(([, weight]) => weight > 0n));
        break;
      }
    }
  }

  private leave(key: string): void {
    const member = this.members.get(key) as Member;
    this.balances.set(key, (this.balances.get(key) ?? 0n) + member.stake);
    this.members.delete(key);
    // A name that cannot come back stands for the empty slot, so that a return of the same key meets no old weights.
    const ghost = `gone ${this.gone.size} ${key}`;
    this.gone.add(ghost);
    for (const other of this.members.values()) this.move(other.row, key, ghost);
  }

  private rename(from: string, to: string): void {
    this.balances.set(to, this.balances.get(from) ?? 0n);
    this.balances.set(from, 0n);
    const member = this.members.get(from);
    if (member === undefined) return;
    this.members.delete(from);
    this.members.set(to, member);
    for (const other of this.members.values()) this.move(other.row, from, to);
  }

  private move(row: Map<string, bigint>, from: string, to: string): void {
    const weight = row.get(from);
    if (weight === undefined) return;
    row.delete(from);
    row.set(to, weight);
  }

  /** The end of a block: weights on those who left return to their raters. */
  closeBlock(): void {
    for (const [key, member] of this.members) {
      for (const [target, weight] of [...member.row]) {
        if (!this.gone.has(target)) continue;
        member.row.delete(target);
        member.row.set(key, (member.row.get(key) ?? 0n) + weight);
      }
    }
    this.gone = new Set();
  }

  /** The first disagreement with the ledger, or undefined. */
  disagreement(view: LedgerView, ranking: RankingView | undefined, predicted: Map<string, bigint>): string | undefined {
    if (view.supply !== this.supply) return `supply ${view.supply}, audited ${this.supply}`;
    if (view.supply !== this.start + this.minted) return 'supply is not start + minted';
    let held = 0n;
    for (const [key, balance] of this.balances) {
      if (view.balance(key) !== balance) return `balance of ${key} is ${view.balance(key)}, audited ${balance}`;
      held += balance + view.stake(key);
    }
    if (held !== view.supply) return `balances and stakes sum to ${held}, the supply is ${view.supply}`;
    if (view.participants().length !== this.members.size) return `${view.participants().length} participants, audited ${this.members.size}`;
    for (const [key, member] of this.members) {
      if (view.stake(key) !== member.stake) return `stake of ${key} is ${view.stake(key)}, audited ${member.stake}`;
      const row = view.row(key);
      let sum = 0;
      for (const [at, target] of row.targets.entries()) {
        sum += row.weights[at];
        if (member.row.get(target) !== BigInt(row.weights[at]))
          return `weight of ${key} on ${target} is ${row.weights[at]}, audited ${member.row.get(target)}`;
      }
      if (sum !== Number(WHOLE)) return `row of ${key} sums to ${sum}`;
      if (row.targets.length !== member.row.size) return `row of ${key} has ${row.targets.length} entries, audited ${member.row.size}`;
    }
    for (const [at, key] of (ranking?.keys ?? []).entries()) {
      if (ranking?.exact[at] !== predicted.get(key)) return `ranking of ${key} is ${ranking?.exact[at]}, audited ${predicted.get(key)}`;
    }
    return undefined;
  }
}
