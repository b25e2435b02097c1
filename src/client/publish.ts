/**
 * Publishing (PROTOCOL N7): repeated until it is known to have worked, and published
 * once.
 * @module
 */
import type { PushError } from "./error.ts";
import type { Http } from "./http.ts";
import { abortable, type Backoff, delay, sleep } from "./time.ts";

/** How long it is repeated, in ms: less than a server remembers its key. */
const PERSISTENCE = 240_000;

/** What publishing needs to know of its client. */
export interface Publisher {
  readonly http: Http;
  readonly backoff: Backoff;
  /** How long one attempt may take, in ms. */
  readonly timeout: number;
  /** The key of the connection, if it has one. */
  readonly key: string | undefined;
  /** Aborts when the client is closed. */
  readonly closed: AbortSignal;
}

/** Publishes `data`, once; resolves to its id. Rejects with a `PushError`. */
export async function publish(
  { http, backoff, timeout, key, closed }: Publisher,
  channel: string,
  data: unknown,
): Promise<string> {
  const body = JSON.stringify(data);
  const until = Date.now() + PERSISTENCE;
  // `randomUUID` is missing on plain http.
  const id = crypto.getRandomValues(new Uint32Array(4)).join("-");
  const headers = { "content-type": "application/json", "idempotency-key": id };
  // In the query: as a path, a channel named `..` would be another URL.
  const query = new URLSearchParams({ channel });
  for (let failures = 0;;) {
    closed.throwIfAborted();
    const signal = AbortSignal.any([closed, AbortSignal.timeout(timeout)]);
    try {
      const init = { method: "POST", headers, body, signal };
      const answer = http.ask(query, key, init).then((it) => it.json());
      return (await abortable(signal, answer)).id;
    } catch (thrown) {
      const { retryable, retryAfter } = thrown as PushError;
      const wait = delay(backoff, failures++, retryAfter);
      if (!retryable || Date.now() + wait > until) throw thrown;
      await sleep(wait, closed);
    }
  }
}
