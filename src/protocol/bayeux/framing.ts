/**
 * Messages in HTTP (protocol text 7): how they are found in a request, and how the
 * answer is wrapped.
 * @module
 */
import { PushError } from "../../errors.ts";

/** How many messages one request may have. */
const MOST = 4_096;

/** The messages of a body: JSON, or a form whose `message` fields are JSON. */
export function messagesOf(text: string): unknown[] {
  // By what it is, as Faye's pages send a form as text.
  const json = /^\s*[[{]/.test(text);
  return parseAll(json ? [text] : new URLSearchParams(text).getAll("message"));
}

/** The messages in the texts, of which each is an object or an array. */
export function parseAll(texts: readonly string[]): unknown[] {
  const messages = texts.flatMap(parse);
  if (messages.length === 0) {
    throw new PushError("invalid_request", "There is no Bayeux message in it.");
  }
  if (messages.length <= MOST) return messages;
  const detail = `${messages.length} messages are more than ${MOST}.`;
  throw new PushError("invalid_request", detail);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : "too deep";
    throw new PushError("invalid_json", `A message is not JSON: ${reason}`);
  }
}

/** The name of a function that a script may call; anything else would be a script. */
export function isCallback(name: string): boolean {
  return /^[A-Za-z_$][\w$]*(\.[A-Za-z_$][\w$]*)*$/.test(name) &&
    name.length <= 100;
}

/** Headers of every answer. */
const HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-type": "application/json;charset=UTF-8",
  "vary": "origin",
};

/** A script is not to be taken for anything else, whoever loads it, however. */
const SCRIPT_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-type": "text/javascript;charset=UTF-8",
  "x-content-type-options": "nosniff",
  "content-disposition": "attachment; filename=f.txt",
};

/** The answer whose array has `inside`. */
export function respond(
  inside: string,
  callback: string | undefined,
): Response {
  if (callback === undefined) {
    return new Response(`[${inside}]`, { headers: HEADERS });
  }
  // Line ends to JavaScript before 2019, though not to JSON.
  const array = `[${inside}]`.replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
  return new Response(`/**/${callback}(${array});`, {
    headers: SCRIPT_HEADERS,
  });
}
