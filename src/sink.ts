/**
 * What a connection is parked on.
 * @module
 */
import type { Code } from "./errors.ts";

/** The open response a connection is parked on. */
export interface Sink {
  /** `stream`, `sse`, `poll`, or a protocol's own. */
  readonly transport: string;
  /** Takes from the connection what is new, as far as there is room. */
  flush(): void;
  /** Does what is due: a heartbeat, an empty answer, an end for being slow. */
  sweep(now: number): void;
  /** Ends the response: why, and when to come back, in ms. */
  close(code: Code, after?: number): void;
}
