/**
 * How late the event loop of a load process is: what it adds to a latency.
 * @module
 */
import { now } from "../orders.ts";

/** How often it looks, in ms. */
const EVERY = 10;

/** Looks again and again whether timers come late. */
export class Lag {
  #timer: ReturnType<typeof setInterval> | undefined;
  #late: number[] = [];

  /** Begins, and forgets what was. */
  start(): void {
    clearInterval(this.#timer);
    this.#late = [];
    let before = now();
    this.#timer = setInterval(() => {
      const at = now();
      // Each look that was due and came late is one, though they come together.
      const late = at - before - EVERY;
      for (let one = late; one > 0; one -= EVERY) this.#late.push(one);
      if (late <= 0) this.#late.push(0);
      before = at;
    }, EVERY);
  }

  /** The 99th percentile, in ms. */
  get p99(): number {
    const sorted = this.#late.toSorted((a, b) => a - b);
    return sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  }
}
