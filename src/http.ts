/**
 * What HTTP asks of every answer: problem+json, CORS, who may call, which type is
 * wanted, and bodies that end.
 * @module
 */
import type { TrustedProxy } from "./auth/address.ts";
import { codes, PushError } from "./errors.ts";

/** A refusal as `application/problem+json` (RFC 9457; PROTOCOL N8). */
export function problem(error: PushError): Response {
  const headers = new Headers({
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    "vary": "accept, origin",
  });
  if (error.status === 401) {
    const expired = error.code === "token_expired";
    const challenge = expired ? 'Bearer error="invalid_token"' : "Bearer";
    headers.set("www-authenticate", challenge);
  }
  if (error.retryAfter !== undefined || error.status === 503) {
    // Whole seconds, never too early (RFC 9110, 10.2.3).
    const seconds = Math.max(1, Math.ceil((error.retryAfter ?? 1_000) / 1_000));
    headers.set("retry-after", String(seconds));
  }
  const body = {
    title: codes[error.code].title,
    status: error.status,
    code: error.code,
    detail: error.message,
  };
  return new Response(JSON.stringify(body), { status: error.status, headers });
}

/** Who may call. */
export interface Callers {
  /** Origins besides the server's own; `*` is any (default none). */
  readonly origins?: readonly string[];
  /** The names that `Host` may have, without port (default any). */
  readonly hosts?: readonly string[];
  /** The proxy that says where requests come from (default none is believed). */
  readonly proxy?: TrustedProxy;
}

/**
 * Refuses a `Host` that is not one of ours: a page whose name was made to point to
 * this machine (DNS rebinding) is told from a visitor by nothing else.
 */
export function checkHost(request: Request, callers: Callers): void {
  if (hostAllowed(request, callers)) return;
  const detail = `The host ${nameOf(request)} is not served here.`;
  throw new PushError("bad_origin", detail);
}

/** Whether its `Host` is one of ours. */
export function hostAllowed(request: Request, { hosts }: Callers): boolean {
  const name = nameOf(request);
  return !hosts || hosts.some((listed) => listed.toLowerCase() === name);
}

function nameOf(request: Request): string {
  return hostOf(request).replace(/:[0-9]*$/, "").toLowerCase();
}

/** Whether a browser's page may call: same host, listed, or no browser at all. */
export function originAllowed(request: Request, { origins }: Callers): boolean {
  const origin = request.headers.get("origin");
  if (origin === null) return true;
  // A page without an origin of its own is anybody's.
  if (origin === "null") return false;
  if (origins?.includes("*") || origins?.includes(origin)) return true;
  return origin.replace(/^[a-z+.-]+:\/\//, "").toLowerCase() ===
    hostOf(request).toLowerCase();
}

/**
 * Refuses what a page asks for that is not to call here. Scripts, images and links ask
 * without an `Origin`: then something else has to say that they are no other page's.
 */
export function checkPage(request: Request, callers: Callers): void {
  if (originAllowed(asCalled(request), callers)) return;
  throw new PushError("bad_origin", "Pages of this origin may not call here.");
}

function asCalled(request: Request): Request {
  const { headers } = request;
  const site = headers.get("sec-fetch-site");
  if (headers.has("origin") || request.method !== "GET") return request;
  if (site === "same-origin" || site === "none") return request;
  const page = /^https?:\/\/[^/]+/.exec(headers.get("referer") ?? "")?.[0];
  const origin = page ?? "null";
  const host = headers.get("host");
  const seen = new Headers({ origin });
  if (host !== null) seen.set("host", host);
  return { url: request.url, headers: seen } as Request;
}

function hostOf(request: Request): string {
  const host = request.headers.get("host");
  return host ?? request.url.split("/", 3)[2] ?? "";
}

/** Adds what a browser needs to show the answer to a page of another origin. */
export function allowOrigin(
  request: Request,
  headers: Headers,
  callers: Callers,
): void {
  const origin = request.headers.get("origin");
  if (origin === null || !originAllowed(request, callers)) return;
  headers.set("access-control-allow-origin", origin);
  // Any origin may read, but only a listed one with the visitor's cookies.
  if (origin !== "*" && callers.origins?.includes(origin)) {
    headers.set("access-control-allow-credentials", "true");
  }
  headers.set("access-control-expose-headers", "retry-after");
}

/**
 * Answers a preflight (WHATWG Fetch, 3.2.3) or a plain OPTIONS; `headers` are those
 * that a page may send.
 */
export function preflight(
  allow: string,
  headers =
    "authorization, content-type, idempotency-key, last-event-id, push-key",
): Response {
  return new Response(null, {
    status: 204,
    headers: {
      allow,
      "vary": "origin",
      "access-control-allow-methods": allow,
      "access-control-allow-headers": headers,
      "access-control-max-age": "7200",
    },
  });
}

/**
 * The one of `offers` that `accept` likes best (RFC 9110, 12.5.1), or `undefined`;
 * of equally good ones the one it names first, then the one offered first.
 */
export function negotiate(
  accept: string | null,
  offers: readonly string[],
): string | undefined {
  const ranges = (accept ?? "*/*").toLowerCase().split(",").map(rangeOf);
  const find = (type: string) => ranges.findIndex((r) => r.type === type);
  let best: { offer: string; q: number; place: number } | undefined;
  for (const offer of offers) {
    // The most precise range that covers it says how good it is.
    const place = [offer, offer.replace(/\/.*/, "/*"), "*/*"]
      .map(find).find((place) => place >= 0);
    const q = place === undefined ? 0 : ranges[place]!.q;
    if (place === undefined || q === 0) continue;
    if (best && (q < best.q || (q === best.q && place >= best.place))) continue;
    best = { offer, q, place };
  }
  return best?.offer;
}

function rangeOf(range: string): { type: string; q: number } {
  const [type = "", ...parameters] = range.split(";").map((part) =>
    part.trim()
  );
  const weight = parameters.find((parameter) => parameter.startsWith("q="));
  const q = weight === undefined ? 1 : Number(weight.slice(2));
  return { type, q: q >= 0 && q <= 1 ? q : 0 };
}

/** How much of a refused body is read, so that its sender sees the answer. */
const DRAIN_BYTES = 16_777_216;
/** How long a refused body is read, in ms. */
const DRAIN_TIME = 2_000;

/**
 * The text of a body of at most `limit` bytes; else `too_large`, or `request_timeout`
 * if `schedule`, which returns what prevents that, ends it before it is there.
 */
export async function readText(
  request: Request,
  limit: number,
  schedule: (end: () => void) => () => void,
): Promise<string> {
  const announced = request.headers.get("content-length");
  const reader = announced !== null && Number(announced) <= limit
    ? undefined
    : request.body?.getReader();
  const { promise: never, reject } = Promise.withResolvers<never>();
  const done = schedule(() => {
    // What has come of it is not what was sent.
    reject(new PushError("request_timeout"));
    reader?.cancel().catch(() => {});
  });
  const reading = reader
    ? readParts(reader, limit)
    // No server lets more in than was announced, and taken whole it costs half.
    : request.arrayBuffer().then((all) => [new Uint8Array(all)], brokenOff);
  const parts = await Promise.race([reading, never]).finally(done);
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length > limit) throw tooLarge(limit);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  try {
    return parts.map((part) => decoder.decode(part, { stream: true })).join(
      "",
    ) +
      decoder.decode();
  } catch {
    throw new PushError("invalid_request", "The body is not valid UTF-8.");
  }
}

async function readParts(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  limit: number,
): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { value, done } = await reader.read().catch(brokenOff);
    if (done) break;
    length += value.length;
    if (length <= limit) parts.push(value);
    if (length > DRAIN_BYTES) {
      await reader.cancel();
      break;
    }
  }
  if (length > limit) throw tooLarge(limit);
  return parts;
}

function brokenOff(): never {
  throw new PushError("invalid_request", "The body broke off.");
}

function tooLarge(limit: number): PushError {
  return new PushError("too_large", `A body may have ${limit} bytes.`);
}

/**
 * Reads a refused body to its end for nothing, as Deno closes the connection
 * otherwise; one that does not come to an end soon is not waited for.
 */
export async function drain(
  request: Request,
  patience = DRAIN_TIME,
): Promise<void> {
  if (!request.body || request.bodyUsed) return;
  const reader = request.body.getReader();
  const stop = () => void reader.cancel().catch(() => {});
  const timer = setTimeout(stop, patience);
  try {
    for (let left = DRAIN_BYTES; left > 0;) {
      const { value, done } = await reader.read();
      if (done) return;
      left -= value.length;
    }
    stop();
  } catch {
    // It broke off: then nobody waits for the answer.
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Bun ends a response that is silent for 10 s. Its server, which Hono has as
 * `env`, can make that longer for one request (255 s at most; 0 is for ever).
 */
export function liftIdleLimit(
  env: unknown,
  request: Request,
  ms: number,
): void {
  const server = env as { timeout?: unknown } | undefined;
  if (typeof server?.timeout !== "function") return;
  const seconds = Math.ceil(ms / 1_000);
  server.timeout(request, seconds > 255 ? 0 : seconds);
}
