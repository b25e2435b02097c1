/**
 * Requests to one base: its headers, its credentials, its refusals.
 * @module
 */
import { refusal } from "./error.ts";
import type { ClientOptions } from "./options.ts";
import { page } from "./page.ts";

/** Requests to one base. */
export interface Http {
  /** Asks; what is not a success is thrown as a `PushError`. */
  ask(
    query: URLSearchParams,
    /** The key of the connection. */
    key: string | undefined,
    init: RequestInit,
  ): Promise<Response>;
  /** Says goodbye (PROTOCOL N9), in a way that outlives the page. */
  leave(key: string): void;
}

/** Takes the base of the protocol, such as `/push`. */
export function createHttp(
  url: string,
  { headers, credentials, fetch: ask = fetch }: ClientOptions,
): Http {
  const base = url.replace(/\/+$/, "");
  const common = credentials ? { credentials } : {};
  // Those of the last attempt, for a page that has no time to make new ones.
  let last: Record<string, string> = {};
  return {
    async ask(query, key, init) {
      last = (typeof headers === "function" ? await headers() : headers) ?? {};
      const response = await ask(`${base}?${query}`, {
        ...common,
        ...init,
        headers: { ...last, ...key && { "push-key": key }, ...init.headers },
      });
      if (response.status === 200) return response;
      throw await refusal(response);
    },
    leave(key) {
      const address = `${base}/$leave?key=${key}`;
      // A beacon carries cookies, but no headers.
      if (!headers && page?.sendBeacon?.(address)) return;
      ask(address, {
        method: "POST",
        keepalive: true,
        ...common,
        headers: last,
      }).catch(() => {});
    },
  };
}
