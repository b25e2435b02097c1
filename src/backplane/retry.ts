/**
 * Waiting for a server that may come back: how long, and how often to try.
 * @module
 */
import { within } from "../silence.ts";

/** The pause before trying again: from, and up to, in ms. */
const PAUSES = [20, 1_000] as const;

/** A pause that grows with `failures`. */
export function pause(failures: number, signal: AbortSignal): Promise<void> {
  return rest(Math.min(PAUSES[0] * 2 ** failures, PAUSES[1]), signal);
}

/**
 * Waits for half of `ms` or more, so that nodes do not come at once; no longer if
 * `signal` aborts.
 */
export async function rest(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  const timer = setTimeout(end, ms * (0.5 + Math.random() / 2));
  signal.addEventListener("abort", end);
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", end);
}

/** Something that is there at times: who needs it waits until it is. */
export class Arrival<T extends object | string> {
  #value: T | undefined;
  #next = Promise.withResolvers<T>();

  /** Nobody has it yet. */
  constructor() {
    this.#expect();
  }

  /** What is there, if it is. */
  get value(): T | undefined {
    return this.#value;
  }

  /** It is there; those who waited get it. */
  come(value: T): void {
    this.#value = value;
    this.#next.resolve(value);
  }

  /** It is gone; others wait for the next. */
  go(): void {
    if (this.#value === undefined) return;
    this.#value = undefined;
    this.#next = Promise.withResolvers();
    this.#expect();
  }

  /** It will not come any more. */
  fail(error: Error): void {
    this.go();
    this.#next.reject(error);
  }

  /** Waits for it, up to `ms`; `why` says what is missing. */
  wait(ms: number, why: () => string): T | Promise<T> {
    return this.#value ??
      within(ms, this.#next.promise, () => new Error(why()));
  }

  /** Where nobody waits, nothing is wrong if it does not come. */
  #expect(): void {
    this.#next.promise.catch(() => {});
  }
}
