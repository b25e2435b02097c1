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
  // It keeps the first bytes of a split character. Left to itself, Deno's would drop a
  // BOM wherever a chunk begins with one, and not only the stream's.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let parts: string[] = [];
  let cr = false;
  let begun = false;
  return (bytes) => {
    let text = decoder.decode(bytes, { stream: true });
    if (!text) return [];
    if (!begun && text[0] === "\ufeff") text = text.slice(1);
    begun = true;
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
    lines(bytes).filter((line) => line).map((line) => JSON.parse(line));
}

/**
 * Frames of server-sent events (WHATWG HTML, 9.2.6); events of other types are passed
 * over. `id` and `retry` are for a bare `EventSource`: a frame has its id in itself, and
 * a `close` its delay.
 */
export function sse(): Parser<Frame> {
  const lines = lineParser();
  let type = "";
  let data: string[] = [];
  return (bytes) => {
    const frames: Frame[] = [];
    for (const line of lines(bytes)) {
      const [, field, value = ""] = /^(data|event)(?:: ?(.*))?$/s.exec(line) ??
        [];
      if (field === "data") data.push(value);
      else if (field) type = value;
      if (line) continue;
      const text = data.join("\n");
      // With no data, or empty data, there is no event.
      if (text && /^(message|control)?$/.test(type)) {
        frames.push(JSON.parse(text));
      }
      type = "";
      data = [];
    }
    return frames;
  };
}
