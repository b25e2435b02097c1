/**
 * Hands what is new in the logs to their followers: once per turn of the event
 * loop, in slices, so that other requests are served in between. Those of a log that
 * has many wait a moment, so that a burst costs each of them one write.
 * @module
 */
import { setImmediate } from "./deps.ts";
import type { Follower, Log } from "./log.ts";

/** How many connections are served before others get their turn. */
export const SLICE = 1_000;

/** A log with so many followers waits for what else is published … */
export const MANY = 500;
/** … for so long, in ms. */
export const TOGETHER = 1;

/** What a flush needs to know of its engine. */
export interface FlushHost {
  /** The last `seq` taken from the feed. */
  readonly applied: number;
  /** A new turn begins. */
  turn(): void;
  /**
   * Every follower of `log` has been served since `log.passed`; `since` is when
   * the first message of that was published, in ms since 1970.
   */
  passed(log: Log, since?: number): void;
  /** Calls `callback` in `delay` ms. */
  schedule(callback: () => void, delay: number): void;
  /** Tells the operator that a follower threw; the others are served. */
  fail(error: unknown): void;
}

interface Pass {
  readonly log: Log;
  readonly began: number;
  readonly since: number | undefined;
  readonly followers: Iterator<Follower>;
}

/** The logs with something new, and the passes over their followers. */
export class Flush {
  readonly #host: FlushHost;
  readonly #dirty: Log[] = [];
  /** When the first message of what is new in each was published. */
  readonly #since: (number | undefined)[] = [];
  #pass: Pass | undefined;
  #next = 0;
  #scheduled = false;
  #waiting = false;

  constructor(host: FlushHost) {
    this.#host = host;
  }

  /**
   * Marks `log`: its followers are served after this turn of the event loop, many of
   * them a moment later. What is new was published at `time`, in ms since 1970, if it
   * is a message.
   */
  mark(log: Log, time?: number): void {
    if (log.dirty) return;
    log.dirty = true;
    this.#dirty.push(log);
    this.#since.push(time);
    if (log.followers.size < MANY) this.#schedule();
    else this.#wait();
  }

  /** Another order: what the pass under way began at is no place in it. */
  renew(): void {
    this.#pass = undefined;
  }

  /** Serves every follower of `log` now: it must be trimmed within the turn. */
  now(log: Log): void {
    const began = this.#host.applied;
    for (const follower of log.followers) this.#serve(follower);
    this.#complete(log, began);
  }

  #wait(): void {
    if (this.#scheduled || this.#waiting) return;
    this.#waiting = true;
    this.#host.schedule(() => {
      this.#waiting = false;
      this.#schedule();
    }, TOGETHER);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#slice();
    });
  }

  #slice(): void {
    this.#host.turn();
    for (let served = 0;;) {
      const pass = this.#pass ??= this.#begin();
      if (!pass) return;
      for (;;) {
        if (served++ === SLICE) return this.#schedule();
        const { value, done } = pass.followers.next();
        if (done) break;
        this.#serve(value);
      }
      this.#pass = undefined;
      this.#complete(pass.log, pass.began, pass.since);
    }
  }

  #serve(follower: Follower): void {
    try {
      follower.flush();
    } catch (error) {
      this.#host.fail(error);
    }
  }

  #begin(): Pass | undefined {
    const since = this.#since[this.#next];
    const log = this.#dirty[this.#next++];
    if (!log) {
      this.#next = this.#dirty.length = this.#since.length = 0;
      return undefined;
    }
    // Unmarked before its pass: what comes meanwhile marks it again, so that
    // nobody who was served early waits for the publish after next.
    log.dirty = false;
    const followers = log.followers.values();
    return { log, began: this.#host.applied, since, followers };
  }

  #complete(log: Log, began: number, since?: number): void {
    log.passed = Math.max(log.passed, began);
    this.#host.passed(log, since);
  }
}
