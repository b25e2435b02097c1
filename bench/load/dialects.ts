/**
 * How clients speak to a server: THE TABLE TO EXTEND for another protocol.
 *
 * A streaming dialect is one request whose answer does not end. An exchange is a
 * conversation, written as a generator function: it yields a request and is given
 * the answer; `bayeux.ts` has an example. What it subscribes to is `talk.channels`,
 * and once messages reach it, what it yields is `parked`. The numbers of messages
 * are looked for in every answer, so a dialect parses only what it needs for its
 * next request. What it throws ends the connection, which counts as dropped.
 * @module
 */
import type { Answer } from "./answers.ts";
import { field } from "./answers.ts";
import { bayeux } from "./bayeux.ts";

/** What a dialect is told about its conversation. */
export interface Talk {
  /** The `Host` field. */
  readonly host: string;
  /** Where one subscribes; see `pathOf`. */
  readonly path: string;
  readonly channels: readonly string[];
}

/** A request of an exchange. */
export interface Step {
  readonly request: string;
  /** Whether messages published from here on reach this client. */
  readonly parked: boolean;
}

/** One request, and an answer without an end. */
export interface Streaming {
  readonly kind: "streaming";
  /** The request; `since` is the last id the client has had. */
  request(talk: Talk, since?: string): string;
  /** What an event ends with. */
  readonly end: string;
  /** The last id in the last events that came. */
  cursor(tail: string): string | undefined;
}

/** A conversation. */
export interface Exchange {
  readonly kind: "exchange";
  talk(talk: Talk): Generator<Step, void, Answer>;
}

/** A way to speak. */
export type Dialect = Streaming | Exchange;

/** Puts names into `{query}`, `{channels}` (comma-separated) or `{channel}`. */
export function pathOf(template: string, channels: readonly string[]): string {
  const names = channels.map(encodeURIComponent);
  return template
    .replace("{query}", names.map((name) => `channel=${name}`).join("&"))
    .replace("{channels}", names.join(","))
    .replace("{channel}", names[0] ?? "");
}

/** A `GET` as text. */
export function get(talk: Talk, query: string, fields: string): string {
  const { host, channels } = talk;
  let path = pathOf(talk.path, channels);
  if (query !== "") path += (path.includes("?") ? "&" : "?") + query;
  return `GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${fields}\r\n`;
}

function lastMatch(text: string, pattern: RegExp): string | undefined {
  return [...text.matchAll(pattern)].at(-1)?.[1];
}

/** Server-Sent Events, as any `EventSource` asks for them. */
const sse: Streaming = {
  kind: "streaming",
  end: "\n\n",
  request(talk, since) {
    const last = since === undefined ? "" : `last-event-id: ${since}\r\n`;
    return get(talk, "", `accept: text/event-stream\r\n${last}`);
  },
  cursor: (tail) => lastMatch(tail, /^id: ?(.+?)\r?$/gm),
};

/** Lines of JSON (PROTOCOL N3.2). */
const stream: Streaming = {
  kind: "streaming",
  end: "\n",
  request(talk, since) {
    const query = since === undefined ? "" : `since=${since}`;
    return get(talk, query, "accept: application/x-ndjson\r\n");
  },
  cursor: (tail) => lastMatch(tail, /"id":"([^"]+)"/g),
};

/** Long-polling (PROTOCOL N5). */
const poll: Exchange = {
  kind: "exchange",
  *talk(talk) {
    let query = "";
    for (;;) {
      const parked = query !== "";
      const request = get(talk, query, "accept: application/json\r\n");
      const { body } = yield { request, parked };
      // The key and the id stand at the front, before any message.
      const front = body.toString("latin1", 0, 200);
      const key = /"key":"([^"]+)"/.exec(front)?.[1];
      const id = /"id":"([^"]+)"/.exec(front)?.[1];
      query = `since=${id}&key=${key}`;
    }
  },
};

/** nchan's long-polling: a message's place is in two header fields. */
const nchanPoll: Exchange = {
  kind: "exchange",
  *talk(talk) {
    let fields = "";
    for (;;) {
      const { head } = yield { request: get(talk, "", fields), parked: true };
      const modified = field(head, "last-modified");
      const etag = field(head, "etag");
      fields = modified === undefined
        ? ""
        : `if-modified-since: ${modified}\r\nif-none-match: ${etag ?? ""}\r\n`;
    }
  },
};

/** All dialects by name. */
export const dialects: Readonly<Record<string, Dialect>> = {
  sse,
  stream,
  poll,
  "nchan-poll": nchanPoll,
  bayeux,
};
