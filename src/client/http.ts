/**
 * Requests to one base: its headers, its credentials, its refusals.
 * @module
 */
import { pushError, refusal } from "./error.ts";

/** Headers, or what makes them: it is asked again at each attempt. */
export type HeadersOption =
  | Record<string, string>
  | (() => Record<string, string> | Promise<Record<string, string>>);

/** What of a client's options concerns requests. */
export interface RequestOptions {
  readonly headers?: HeadersOption;
  readonly credentials?: RequestCredentials;
  readonly fetch?: typeof fetch;
}

/** One request: what it asks for. */
export interface Asked extends RequestInit {
  /** Parameters; those that are undefined are left out. */
  readonly query: Record<string, string | readonly string[] | undefined>;
  /** The key of the connection. */
  readonly key?: string | undefined;
}

/** Requests to one base. */
export class Http {
  readonly #url: string;
  readonly #options: RequestOptions;
  /** The headers of the last attempt, for a page that is going. */
  #last: Record<string, string> = {};

  /** Takes the base of the protocol, such as `/push`. */
  constructor(url: string, options: RequestOptions) {
    this.#url = url.replace(/\/+$/, "");
    this.#options = options;
  }

  /** Asks; what is not a success is thrown as a `PushError`. */
  async ask(asked: Asked, signal: AbortSignal): Promise<Response> {
    const { headers } = this.#options;
    try {
      this.#last = typeof headers === "function"
        ? await orAborted(headers(), signal)
        : headers ?? {};
      signal.throwIfAborted();
      const response = await this.#fetch(asked, signal);
      if (response.ok) return response;
      throw await refusal(response);
    } catch (error) {
      throw signal.aborted ? signal.reason : pushError(error);
    }
  }

  #fetch({ query, key, ...init }: Asked, signal: AbortSignal | null) {
    const { fetch: ask = fetch, credentials } = this.#options;
    const pairs = Object.entries(query).flatMap(([name, value]) =>
      value === undefined
        ? []
        : [value].flat().map((one) => [name, one as string])
    );
    return ask(`${this.#url}?${new URLSearchParams(pairs)}`, {
      cache: "no-store",
      signal,
      ...(credentials && { credentials }),
      ...init,
      headers: {
        ...this.#last,
        ...(key && { "push-key": key }),
        ...init.headers as Record<string, string>,
      },
    });
  }

  /** Says goodbye (PROTOCOL N9), in a way that outlives the page. */
  leave(key: string): void {
    const url = `${this.#url}/$leave?key=${key}`;
    const { fetch: ask = fetch, credentials } = this.#options;
    const navigator = globalThis.navigator as Navigator | undefined;
    // A beacon carries cookies, but no headers.
    const named = Object.keys(this.#last).length > 0;
    if (!named && navigator?.sendBeacon?.(url)) return;
    ask(url, {
      method: "POST",
      keepalive: true,
      headers: this.#last,
      ...(credentials && { credentials }),
    }).then((response) => response.body?.cancel(), () => {});
  }
}

/** The same promise, but it does not outlast `signal`. */
function orAborted<T>(promise: T | Promise<T>, signal: AbortSignal) {
  return new Promise<T>((resolve, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason));
    Promise.resolve(promise).then(resolve, reject);
  });
}
