/**
 * The one timer of an engine: it rings at least every so often, and earlier when
 * something is due.
 * @module
 */
import type { Clock } from "./options.ts";

/** Rings until it is stopped. */
export class Alarm {
  readonly #clock: Clock;
  readonly #every: number;
  readonly #ring: (late: number) => void;
  #cancel: (() => void) | undefined;
  #at = Infinity;
  #stopped = false;

  /**
   * Calls `ring` every `every` ms, or earlier where `set` asks for it, and says how
   * many ms late that is.
   */
  constructor(clock: Clock, every: number, ring: (late: number) => void) {
    this.#clock = clock;
    this.#every = every;
    this.#ring = ring;
    this.set(clock.now() + every);
  }

  /** Makes it ring by `time`, in ms since 1970. */
  set(time: number): void {
    if (this.#stopped || time >= this.#at) return;
    this.#cancel?.();
    this.#at = time;
    const delay = Math.max(0, time - this.#clock.now());
    this.#cancel = this.#clock.schedule(() => {
      const now = this.#clock.now();
      this.#at = Infinity;
      this.set(now + this.#every);
      this.#ring(Math.max(0, now - time));
    }, delay);
  }

  /** Ends it for good. */
  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }
}
