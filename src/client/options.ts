/**
 * How a client is set up.
 * @module
 */
import type { Backoff } from "./time.ts";
import type { Transport } from "./transports.ts";

/** Headers, or what makes them. */
export type HeadersOption =
  | Record<string, string>
  | (() => Record<string, string> | Promise<Record<string, string>>);

/** How a client is set up; every field has a default. */
export interface ClientOptions {
  /**
   * How to listen. `auto` (the default) takes the first of `stream`, `sse` and `poll`
   * that comes through, and tries a better one again later.
   */
  readonly transport?: Transport | "auto";
  /**
   * Headers of every request, or a function that makes them, which is asked again at
   * each attempt, so that a token can be refreshed (default none).
   */
  readonly headers?: HeadersOption;
  /** Whether cookies go along, as `fetch` has it (default `same-origin`). */
  readonly credentials?: RequestCredentials;
  /** How long to wait before coming back (default 500 ms, doubling to 30,000). */
  readonly backoff?: Backoff;
  /** What makes the requests (default: the runtime's `fetch`). */
  readonly fetch?: typeof fetch;
  /**
   * How long a transport may take to bring its first frame, in ms (default 5,000);
   * then the next one is tried, and a better one again after twelve times as long, or
   * later if that failed before. A shared connection is taken over when its leader has
   * not been heard for about as long.
   */
  readonly openTimeout?: number;
  /**
   * Where to start: the `cursor` of a former client, or `earliest` for all that is
   * held (default: the present).
   */
  readonly since?: string;
  /**
   * Whether the tabs of an origin share one connection (default `false`): those with
   * the same URL, credentials and headers. Where `headers` is a function, name the
   * user instead of `true`, so that nobody hears what is meant for another.
   */
  readonly share?: boolean | string;
}
