/**
 * All logs of an engine: which names there are, what each holds, and from where
 * on each is complete (its floor).
 * @module
 */
import type { Frame } from "./frame.ts";
import { type Bounds, type Follower, Log } from "./log.ts";
import { Round } from "./round.ts";
import { ALL, isPattern, matches, patternsOf, watchedChannel } from "./name.ts";

/** How many logs are looked at for the largest, each time room is needed. */
const LOOKS = 16;

/** What all logs together may take. */
export interface LogLimits {
  /** Bytes of memory, about, that all logs take. */
  readonly bytes: number;
  /** Number of logs, and of names whose floor is remembered. */
  readonly logs: number;
}

/** The logs of one engine. */
export class Logs {
  /** About what all of them take of the memory, in bytes. */
  memory = 0;
  /** The floor of names it does not know. */
  floor = 0;
  /** The floor of private logs it does not hold (they leave no name behind). */
  privateFloor = 0;
  /** What `sendToAll` publishes to. */
  readonly all: Log;
  readonly #defaults: Bounds;
  readonly #limits: LogLimits;
  readonly #bounds = new Map<string, Bounds>();
  readonly #logs = new Map<string, Log>();
  /** Logs that nobody follows, least recently used first. */
  readonly #idle = new Set<Log>();
  readonly #idleRound = new Round(this.#idle);
  /** The floors of logs that were dropped whole, oldest first. */
  readonly #floors = new Map<string, number>();
  readonly #floorRound = new Round(this.#floors);
  /** The channels whose joins and leaves somebody wants to see. */
  readonly watched: Set<string> = new Set();
  #patterns = 0;
  #round: Iterator<Log, undefined> = [].values();
  #large: Log;

  constructor(defaults: Bounds, limits: LogLimits) {
    this.#defaults = defaults;
    this.#limits = limits;
    this.all = this.#large = new Log(ALL, defaults, 0);
    this.#logs.set(ALL, this.all);
  }

  /** The log called `name`, if it is held. */
  get(name: string): Log | undefined {
    return this.#logs.get(name);
  }

  /** How many there are. */
  get size(): number {
    return this.#logs.size;
  }

  /** Whether `count` more can be followed: those that nobody follows make room. */
  fits(count: number): boolean {
    return this.#logs.size - this.#idle.size + count <= this.#limits.logs;
  }

  /** The names of the channels whose logs are held. */
  *channels(): Generator<string, void> {
    for (const name of this.#logs.keys()) {
      if (!name.startsWith("$") && !isPattern(name)) yield name;
    }
  }

  /** Sets what the log of a channel, or of all a pattern covers, may hold. */
  configure(name: string, bounds: Partial<Bounds>): void {
    this.#bounds.set(name, { ...this.#defaults, ...bounds });
    const held = isPattern(name) ? this.#logs.values() : [this.#logs.get(name)];
    for (const log of held) if (log) log.bounds = this.#boundsOf(log.name);
  }

  /** The log called `name`, made if need be; `floor` is for private ones. */
  open(name: string, floor?: number): Log {
    let log = this.#logs.get(name);
    if (log) return log;
    const known = floor ?? this.#floors.get(name) ?? this.floor;
    this.#floors.delete(name);
    log = new Log(name, this.#boundsOf(name), known);
    if (isPattern(name)) this.#fill(log);
    this.#logs.set(name, log);
    this.#idle.add(log);
    while (this.#logs.size > this.#limits.logs && this.#evict(log));
    return log;
  }

  /** The channel's log and those of the patterns that cover it. */
  covering(channel: string): Log[] {
    const logs = [this.open(channel)];
    if (this.#patterns === 0) return logs;
    for (const pattern of patternsOf(channel)) {
      const log = this.#logs.get(pattern);
      if (log) logs.push(log);
    }
    return logs;
  }

  /** Puts a frame into a log. */
  append(log: Log, frame: Frame): void {
    const before = log.memory;
    log.append(frame);
    this.memory += log.memory - before;
    if (this.#idle.delete(log)) this.#idle.add(log);
  }

  /** Puts older frames into a log, which then holds all above `floor`. */
  prepend(log: Log, frames: readonly Frame[], floor: number): void {
    const before = log.memory;
    log.prepend(frames, floor);
    this.#count(log, before);
  }

  /** Forgets what a log holds up to `floor`, where the backplane lacks some, too. */
  lose(log: Log, floor: number): void {
    const before = log.memory;
    log.clear(floor);
    log.lost = floor;
    this.#count(log, before);
  }

  /** Drops what a log, and all logs together, hold beyond their bounds. */
  trim(log: Log, now: number): void {
    const before = log.memory;
    log.trim(now);
    this.#count(log, before);
    while (this.memory > this.#limits.bytes && this.#relieve(log)) continue;
  }

  /** Whether `log` is to be flushed and trimmed before anything else comes. */
  overflows(log: Log): boolean {
    return log.overflows || this.memory > this.#limits.bytes;
  }

  /** Drops what has grown too old everywhere. */
  age(now: number): void {
    for (const log of this.#logs.values()) {
      this.trim(log, now);
      if (log.length > 0 || log.pins > 0) continue;
      if (this.#idle.has(log)) this.drop(log);
    }
    this.#idleRound.restart();
    this.#floorRound.restart();
  }

  /** `follower` wants to be woken by `log`. */
  follow(log: Log, follower: Follower, applied: number): void {
    if (log.followers.size === 0) log.passed = applied;
    log.followers.add(follower);
    this.#idle.delete(log);
    const channel = watchedChannel(log.name);
    if (channel !== undefined) this.watched.add(channel);
  }

  /** `follower` wants no more of `log`. */
  unfollow(log: Log, follower: Follower): void {
    if (!log.followers.delete(follower)) return;
    if (log.followers.size > 0 || log === this.all) return;
    this.#idle.add(log);
    // What is empty is not to push out what is not.
    if (log.length === 0 && log.pins === 0) this.drop(log);
    const channel = watchedChannel(log.name);
    if (channel === undefined) return;
    // From now on joins and leaves are not told, so it would have a gap.
    this.watched.delete(channel);
    this.drop(log);
  }

  /** Drops a log whole; its name and floor stay, as long as there is room. */
  drop(log: Log): void {
    if (!this.#logs.delete(log.name)) return;
    this.#idle.delete(log);
    this.memory -= log.memory;
    if (isPattern(log.name)) {
      this.#patterns--;
      return;
    }
    const floor = Math.max(log.floor, log.top);
    if (watchedChannel(log.name) !== undefined) return;
    if (log.name.startsWith("$")) {
      this.privateFloor = Math.max(this.privateFloor, floor);
      return;
    }
    if (floor <= this.floor) return;
    this.#floors.set(log.name, floor);
    if (this.#floors.size <= this.#limits.logs) return;
    const [name, oldest] = this.#floorRound.oldest()!;
    this.#floors.delete(name);
    this.floor = Math.max(this.floor, oldest);
  }

  /** Another order begins at `floor`: nothing of the former one stays. */
  clear(floor: number): void {
    for (const log of [...this.#idle]) this.drop(log);
    for (const log of this.#logs.values()) log.clear(floor);
    this.#floors.clear();
    this.memory = 0;
    this.floor = this.privateFloor = floor;
  }

  /** What a log may hold: as said of it, or of the narrowest pattern around it. */
  #boundsOf(name: string): Bounds {
    const names = isPattern(name) ? [name] : [...patternsOf(name), name];
    const said = names.findLast((each) => this.#bounds.has(each));
    return said === undefined ? this.#defaults : this.#bounds.get(said)!;
  }

  /** What changed in a log counts, unless it was dropped meanwhile. */
  #count(log: Log, before: number): boolean {
    if (this.#logs.get(log.name) !== log) return false;
    this.memory += log.memory - before;
    return log.memory < before;
  }

  /** Makes some room: a log that nobody follows, else the oldest of a large one. */
  #relieve(log: Log): boolean {
    if (this.#evict(log)) return true;
    return [this.#largest(log), log].some((each) => {
      const before = each.memory;
      each.shift();
      return this.#count(each, before);
    });
  }

  /** The largest log seen so far: a few more are looked at each time. */
  #largest(log: Log): Log {
    if (this.#logs.get(this.#large.name) !== this.#large) this.#large = log;
    for (let look = 0; look < LOOKS; look++) {
      const { value = log, done } = this.#round.next();
      if (done) this.#round = this.#logs.values();
      if (value.memory > this.#large.memory) this.#large = value;
    }
    return this.#large;
  }

  #evict(except: Log): boolean {
    for (let looks = this.#idle.size; looks >= 0; looks--) {
      const log = this.#idleRound.next();
      if (!log || log === except || log.pins > 0) continue;
      this.drop(log);
      return true;
    }
    return false;
  }

  /** A new pattern refers to what the channels it matches still hold. */
  #fill(pattern: Log): void {
    this.#patterns++;
    let floor = this.floor;
    for (const [name, dropped] of this.#floors) {
      if (dropped > floor && matches(pattern.name, name)) floor = dropped;
    }
    const sources: Log[] = [];
    for (const log of this.#logs.values()) {
      if (isPattern(log.name) || !matches(pattern.name, log.name)) continue;
      sources.push(log);
      if (log.floor > floor) floor = log.floor;
    }
    const frames = sources.flatMap((log) => [...log.after(floor)]);
    frames.sort((a, b) => a.seq - b.seq);
    pattern.prepend(frames, floor);
    pattern.passed = pattern.top;
    this.memory += pattern.memory;
  }
}
