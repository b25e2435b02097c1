/**
 * Waiting: every wait ends with its signal.
 * @module
 */

/** Waits for `ms`; rejects with the reason of `signal` as soon as it aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      if (signal.aborted) reject(signal.reason);
      else resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}

/** How long to wait before trying again. */
export interface Backoff {
  /** The first wait is up to so long, in ms (default 500); each doubles. */
  readonly min?: number;
  /** No wait is longer, in ms (default 30,000), unless the server asks for it. */
  readonly max?: number;
}

/**
 * The wait after so many failures: anything up to the bound, so that those who lost
 * the same server come back spread out; after what the server asked for, if it did.
 */
export function delay(
  { min = 500, max = 30_000 }: Backoff,
  failures: number,
  after = 0,
): number {
  return after + Math.random() * Math.min(max, min * 2 ** failures);
}
