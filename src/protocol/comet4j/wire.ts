/**
 * Comet4J's wire: one frame is `<`, percent-encoded JSON, `>`. Clients evaluate the
 * text as JavaScript, and tell what is new by comparing it, so that no two frames of
 * a response may be alike.
 * @module
 */
import { newKey } from "../../key.ts";
import type { Format } from "../../frame.ts";

/** The channel of the framework itself; no listener ever hears it. */
export const SYSTEM = "c4j";

/** How a connection is served: `stream`, or `lpool`, as long-polling is spelt there. */
export type WorkStyle = "stream" | "lpool";

/** The headers of every answer: nothing may keep, change or pack it. */
export const HEADERS: Readonly<Record<string, string>> = {
  "content-type": "text/html;charset=UTF-8",
  "cache-control": "no-cache, no-store, no-transform",
  "pragma": "no-cache",
  "expires": "Thu, 01 Jan 1970 00:00:00 GMT",
  "x-accel-buffering": "no",
  "x-content-type-options": "nosniff",
  "vary": "origin",
  // Middleware that makes an ETag by reading a body to its end leaves this one alone.
  "etag": 'W/"stream"',
};

/** One frame; `json` is the data as JSON text, `time` in ms since 1970. */
export function frameText(channel: string, json: string, time: number): string {
  const name = JSON.stringify(channel);
  const text = `{"channel":${name},"data":${json},"time":${time}}`;
  // JSON, but no JavaScript before 2019.
  const safe = text.replace(
    /[\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16)}`,
  );
  return `<${encodeURIComponent(safe)}>`;
}

/** Messages as frames: `time` rises strictly, so no two are alike. */
export const comet4jFormat: Format = {
  type: HEADERS["content-type"]!,
  message: ({ channel, data, time }) => frameText(channel, data, time),
  // What the server itself has to say needs a time of its own: see `Session`.
  control: () => "",
};

/**
 * The work style for a browser, by its `User-Agent`: those named here show a response
 * while it is still coming. All others, and clients without a name, poll.
 */
export function styleOf(userAgent: string | null): WorkStyle {
  return /safari|adobeair|firefox/i.test(userAgent ?? "") ? "stream" : "lpool";
}

const COOKIE =
  /(?:^|[;,]\s*)(comet4j(?:_\w{4})?)=([0-9A-Za-z-]{24,64})(?=[;,]|$)/g;

/** A browser's secrets by the names of their cookies. */
export function secretsOf(request: Request): Map<string, string> {
  const header = request.headers.get("cookie") ?? "";
  const found = [...header.matchAll(COOKIE)];
  return new Map(found.map(([, name, secret]) => [name!, secret!]));
}

/**
 * A browser's secret: the one it has, or a new one. Pages that begin at the same time
 * get several, whose names must differ, or only the last would be kept.
 */
export function secretFor(request: Request): [name: string, secret: string] {
  const [known] = secretsOf(request);
  if (known) return known;
  const secret = newKey();
  return [`comet4j_${secret.slice(0, 4)}`, secret];
}

/** What makes a browser keep its secret from the page, and bring it along. */
export function setCookie(
  request: Request,
  [name, secret]: readonly [name: string, secret: string],
): string {
  const secure = request.url.startsWith("https:") ? "; Secure" : "";
  return `${name}=${secret}; Path=/; HttpOnly; SameSite=Lax${secure}`;
}
