/**
 * Waiting, and waiting no longer.
 * @module
 */
import { pushError } from "./error.ts";

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

/** Waits for `ms`, or until `signal` aborts. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}

/**
 * Waits for `work` until `signal` aborts, whatever that waits for; whatever is thrown
 * then is the reason. Rejects with a `PushError`.
 */
export async function abortable<T>(
  signal: AbortSignal,
  work: Promise<T>,
): Promise<T> {
  try {
    return await Promise.race([
      work,
      new Promise<never>((_, reject) =>
        signal.addEventListener("abort", reject)
      ),
    ]);
  } catch (thrown) {
    throw pushError(signal.aborted ? signal.reason : thrown);
  }
}
