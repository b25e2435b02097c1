/**
 * What goes wrong, as a client sees it: the server's stable codes, and what can
 * happen on the way to it.
 * @module
 */
import type { Code } from "../errors.ts";

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
  override readonly name = "PushError";

  /** Says what failed and why. */
  constructor(
    /** The stable code, for programs. */
    readonly code: ClientCode,
    detail: string,
    /** Whether the same may succeed later. */
    readonly retryable: boolean,
    /** How long the server asks to wait, in ms. */
    readonly retryAfter?: number,
  ) {
    super(detail || code);
  }
}

/** Whatever was thrown; what is not ours comes from the network. */
export function pushError(thrown: unknown): PushError {
  if (thrown instanceof PushError) return thrown;
  return new PushError("unreachable", String(thrown), true);
}

/**
 * Whether a refusal can be different next time. The server's table says so by code;
 * what stands between has a status only. A test compares the two.
 */
export function retryable(status: number, code?: string): boolean {
  return status >= 500 || [408, 409, 425, 429].includes(status) ||
    code === "expired";
}

/** Reads a refusal (PROTOCOL N8), or what a proxy made of it. */
export async function refusal(response: Response): Promise<PushError> {
  const { status, headers } = response;
  let problem: { code?: Code; detail?: string } = {};
  try {
    problem = await response.json();
  } catch { /* It is a proxy's. */ }
  const { code = "unreachable", detail = `HTTP ${status}` } = problem;
  const again = retryable(status, code);
  return new PushError(code, detail, again, delayOf(headers));
}

/** `Retry-After` in ms: seconds, or a date (RFC 9110, 10.2.3). */
function delayOf(headers: Headers): number | undefined {
  const text = headers.get("retry-after");
  if (!text) return undefined;
  const delay = +text * 1_000 || Date.parse(text) - Date.now();
  return delay > 0 ? delay : undefined;
}
