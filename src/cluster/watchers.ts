/**
 * Those who want to see joins and leaves, and wait until all nodes tell them: from
 * their `open` on nothing may be missing.
 * @module
 */
import { PushError } from "../errors.ts";

/** How long one waits, in ms. */
const PATIENCE = 5_000;

interface Watcher {
  readonly channels: readonly string[];
  readonly due: number;
  resolve(): void;
  reject(error: PushError): void;
}

/** Who waits at this node. */
export class Watchers {
  #waiting: Watcher[] = [];

  /** Waits for all of `channels`. */
  wait(channels: readonly string[], now: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ channels, due: now + PATIENCE, resolve, reject });
    });
  }

  /** The channels that are waited for. */
  get channels(): Set<string> {
    return new Set(this.#waiting.flatMap(({ channels }) => channels));
  }

  /** Lets go those whose channels are all told. */
  check(told: (channel: string) => boolean): void {
    this.#waiting = this.#waiting.filter(({ channels, resolve }) => {
      if (!channels.every(told)) return true;
      resolve();
      return false;
    });
  }

  /** Gives up where it has taken too long. */
  sweep(now: number): void {
    this.#waiting = this.#waiting.filter(({ due, reject }) => {
      if (now < due) return true;
      reject(new PushError("unavailable", undefined, 1_000));
      return false;
    });
  }

  /** Refuses all who wait, as this node is closed. */
  close(reason: PushError): void {
    for (const { reject } of this.#waiting.splice(0)) reject(reason);
  }
}
