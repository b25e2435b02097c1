/**
 * Channel names and patterns (PROTOCOL N2).
 *
 * A name is 1 to 255 bytes of UTF-8 in segments separated by `/`. A last
 * segment `*` (one segment) or `**` (one or more) makes a pattern. Names that
 * begin with `$` are the engine's own.
 * @module
 */
import { Buffer } from "./deps.ts";

/** The longest name, in bytes of UTF-8. */
export const MAX_NAME = 255;

/** The log of `sendToAll`: every connection follows it. */
export const ALL = "$all";

/** The log of what the nodes tell each other: no connection follows it. */
export const NODES = "$nodes";

/** The log of what is sent to one connection alone. */
export function privateLog(connection: string): string {
  return `$${connection}`;
}

const PRESENCE = "$presence/";

/** The log of who joins and leaves `channel`. */
export function presenceLog(channel: string): string {
  return PRESENCE + channel;
}

/** The channel that a log is about the joins and leaves of, if it is one. */
export function watchedChannel(log: string): string | undefined {
  return log.startsWith(PRESENCE) ? log.slice(PRESENCE.length) : undefined;
}

/** What is wrong with `name` as a channel, or `undefined` if nothing is. */
export function channelFault(name: string): string | undefined {
  if (isPattern(name)) return "a pattern is for subscribing only";
  return fault(name);
}

/** What is wrong with `name` as a channel or a pattern, if anything is. */
export function subscriptionFault(name: string): string | undefined {
  if (name === "*" || name === "**") return undefined;
  const prefix = patternPrefix(name);
  return fault(prefix === undefined ? name : prefix.slice(0, -1), name);
}

function fault(name: string, whole = name): string | undefined {
  if (name === "") return "it is empty";
  if (whole.length > MAX_NAME || Buffer.byteLength(whole) > MAX_NAME) {
    return `it is longer than ${MAX_NAME} bytes`;
  }
  if (!name.isWellFormed()) return "it is not well-formed Unicode";
  if (/\p{Cc}/u.test(name)) return "it has a control character";
  if (name.startsWith("$")) return "names that begin with $ are reserved";
  for (const segment of name.split("/")) {
    if (segment === "") return "it has an empty segment";
    if (segment === "." || segment === "..") return "it has a dot segment";
    if (segment.includes("*")) return "* may only be the whole last segment";
  }
  return undefined;
}

/** Whether `name` is a pattern: its last segment is `*` or `**`. */
export function isPattern(name: string): boolean {
  return name === "*" || name === "**" || patternPrefix(name) !== undefined;
}

/** The part of a pattern up to and including its last slash. */
function patternPrefix(name: string): string | undefined {
  if (name.endsWith("/*")) return name.slice(0, -1);
  if (name.endsWith("/**")) return name.slice(0, -2);
  return undefined;
}

/** Whether `pattern` covers the channel `name`; nothing covers a `$` name. */
export function matches(pattern: string, name: string): boolean {
  if (name.startsWith("$")) return false;
  if (pattern === "**") return true;
  const prefix = pattern === "*" ? "" : patternPrefix(pattern);
  if (prefix === undefined || !name.startsWith(prefix)) return false;
  if (name.length === prefix.length) return false;
  return pattern.endsWith("**") || !name.includes("/", prefix.length);
}

/**
 * Whether what is granted for `grant`, a channel or a pattern, is granted for
 * `name`: for a pattern, whether every channel it matches is covered.
 */
export function covers(grant: string, name: string): boolean {
  if (grant === name) return true;
  if (!isPattern(name)) return matches(grant, name);
  if (!grant.endsWith("**")) return false;
  return !name.startsWith("$") && name.startsWith(grant.slice(0, -2));
}

/** Every pattern that covers the channel `name`: two more than it has slashes. */
export function patternsOf(name: string): string[] {
  if (name.startsWith("$")) return [];
  const patterns = ["**"];
  let slash = name.indexOf("/");
  let parent = "";
  while (slash >= 0) {
    parent = name.slice(0, slash + 1);
    patterns.push(`${parent}**`);
    slash = name.indexOf("/", slash + 1);
  }
  patterns.push(`${parent}*`);
  return patterns;
}
