/**
 * How much a backplane keeps where it lasts, as options with their defaults.
 * @module
 */
import type { Bounds } from "../log.ts";
import { boundsOf, count } from "../options.ts";

/** How much is kept, and for how long. */
export interface KeepOptions {
  /**
   * What each log keeps (default 1,024 messages, 1 MiB, 86,400,000 ms). An eighth
   * more may lie there; what is too old goes as other messages come.
   */
  readonly history?: Partial<Bounds>;
  /** What all messages together may take, in bytes (default 268,435,456). */
  readonly size?: number;
  /** How long an idempotency key is remembered, in ms (default 300,000). */
  readonly keyAge?: number;
}

/** The same with every default filled in. */
export type Keep = Required<KeepOptions> & { readonly history: Bounds };

const HISTORY: Bounds = { frames: 1_024, bytes: 1_048_576, age: 86_400_000 };

/** Fills in the defaults; throws a `RangeError` that names a wrong value. */
export function keepOf(options: KeepOptions): Keep {
  return {
    history: boundsOf(options.history, HISTORY),
    size: count("size", options.size, 268_435_456),
    keyAge: count("keyAge", options.keyAge, 300_000),
  };
}

/** What counts of a log for its bounds. */
export interface Held {
  frames: number;
  bytes: number;
}

/** Whether a log holds more than it may. */
export function exceeds({ frames, bytes }: Held, most: Held): boolean {
  return frames > most.frames || bytes > most.bytes;
}

/** Whether it is time to trim: not for every message, but for an eighth of all. */
export function overflows(held: Held, { frames, bytes }: Held): boolean {
  return exceeds(held, { frames: frames * 9 / 8, bytes: bytes * 9 / 8 });
}
