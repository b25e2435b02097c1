/**
 * Bytes become frames as they come, wherever they are split.
 * @module
 */
import type { Frame } from "./frame.ts";

/** Takes the next bytes; returns what they complete. */
export type Parser<T> = (bytes: Uint8Array) => T[];

/**
 * Lines that end in LF, CR or CRLF. Each byte is looked at once, so a line of 1 MB in
 * small pieces costs no more than its length.
 */
function lineParser(): Parser<string> {
  // It drops a BOM, and keeps the first bytes of a split character.
  const decoder = new TextDecoder();
  let parts: string[] = [];
  let cr = false;
  return (bytes) => {
    let text = decoder.decode(bytes, { stream: true });
    if (!text) return [];
    // A CR has ended its line already; the LF that follows it belongs to it.
    if (cr && text[0] === "\n") text = text.slice(1);
    cr = text.endsWith("\r");
    const lines = text.split(/\r\n|\n|\r/);
    parts.push(lines[0]!);
    if (lines.length === 1) return [];
    lines[0] = parts.join("");
    parts = [lines.pop()!];
    return lines;
  };
}

/** Frames of newline-delimited JSON; throws where a line is not JSON. */
export function ndjson(): Parser<Frame> {
  const lines = lineParser();
  return (bytes) =>
    lines(bytes).filter(Boolean).map((line) => JSON.parse(line));
}

/** A server-sent event. */
export interface ServerSentEvent {
  /** Its `event:`, or `message`. */
  readonly type: string;
  /** Its `data:` lines, joined by line feeds. */
  readonly data: string;
  /** The last event id at that time. */
  readonly id: string;
  /** The last `retry:` at that time, in ms. */
  readonly retry?: number | undefined;
}

/** Server-sent events (WHATWG HTML, 9.2.6). */
export function events(): Parser<ServerSentEvent> {
  const lines = lineParser();
  let type = "";
  let data: string[] = [];
  let id = "";
  let retry: number | undefined;
  return (bytes) => {
    const found: ServerSentEvent[] = [];
    for (const line of lines(bytes)) {
      if (!line) {
        const text = data.join("\n");
        // With no data, or an empty one alone, there is no event.
        if (data.length > 1 || text) {
          found.push({ type: type || "message", data: text, id, retry });
        }
        type = "";
        data = [];
        continue;
      }
      const [, field, value = ""] = /^([^:]*)(?:: ?(.*))?$/s.exec(line)!;
      if (field === "data") data.push(value);
      else if (field === "event") type = value;
      else if (field === "id" && !value.includes("\0")) id = value;
      else if (field === "retry" && /^\d+$/.test(value)) retry = +value;
    }
    return found;
  };
}

/** Frames in server-sent events; other kinds of events are passed over. */
export function sse(): Parser<Frame> {
  const parse = events();
  return (bytes) =>
    parse(bytes)
      .filter(({ type }) => type === "message" || type === "control")
      .map(({ data }) => JSON.parse(data));
}
