/**
 * What goes wrong, as a client sees it: the server's stable codes, and what can
 * happen on the way to it.
 * @module
 */
import type { Code } from "../errors.ts";
import { page } from "./page.ts";

/**
 * A code of the server, or one of the client's own: `unreachable` (no answer, or
 * one that is not the server's), `timeout` (nothing came for too long), `cut` (a
 * stream ended without a word), `offline` (the browser says so), `closed` (by
 * `close()`), `overflow` (an iterator was not read fast enough).
 */
export type ClientCode =
  | Code
  | "unreachable"
  | "timeout"
  | "cut"
  | "offline"
  | "closed"
  | "overflow";

/** What went wrong: a stable code, and whether coming back can help. */
export class PushError extends Error {
  /** The stable code, for programs. */
  declare readonly code: ClientCode;
  /** Whether the same may succeed later. */
  declare readonly retryable: boolean;
  /** How long the server asks to wait, in ms. */
  declare readonly retryAfter: number | undefined;

  /** Says what failed and why. */
  constructor(
    code: ClientCode,
    detail: string = code,
    retryable = true,
    retryAfter?: number,
  ) {
    super(detail);
    Object.assign(this, { name: "PushError", code, retryable, retryAfter });
  }
}

/** Whatever was thrown; what is not ours comes from the network. */
export function pushError(thrown: unknown): PushError {
  if (thrown instanceof PushError) return thrown;
  // A request may fail before the page hears that it is offline.
  return new PushError(
    page?.onLine === false ? "offline" : "unreachable",
    `${thrown}`,
  );
}

/**
 * Whether a refusal can be different next time. The server's table says so by code;
 * what stands between has a status only. A test compares the two.
 */
export function isRetryable(status: number, code?: string): boolean {
  return status >= 500 || [408, 409, 425, 429].includes(status) ||
    !!code?.endsWith("expired");
}

/** Reads a refusal (PROTOCOL N8), or what a proxy made of it. */
export async function refusal(response: Response): Promise<PushError> {
  const { status, headers } = response;
  const problem = await response.json().catch(() => {});
  // What an `EventSource` is told that is to stay away (N12.6).
  const otherwise = status === 204 ? "kicked" : "unreachable";
  const { code: said, detail = `HTTP ${status}` } = problem ?? {};
  const code = typeof said === "string" ? said as ClientCode : otherwise;
  // Seconds, or a date (RFC 9110, 10.2.3).
  const after = headers.get("retry-after") ?? "";
  const delay = +after * 1_000 || Date.parse(after) - Date.now();
  const retryable = isRetryable(status, code);
  return new PushError(
    code,
    detail,
    retryable,
    // No timer waits for longer than 2³¹ ms.
    delay > 0 ? Math.min(delay, 1e9) : 0,
  );
}
