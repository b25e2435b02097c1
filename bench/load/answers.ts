/**
 * HTTP/1.1 answers cut out of a stream of bytes (RFC 9112, 6 and 7), for the few
 * places where the load has to wait for a whole one: publishes and long-polls.
 * @module
 */
import { Buffer } from "node:buffer";

/** An answer. */
export interface Answer {
  readonly status: number;
  /** The status line and the header fields, as they came. */
  readonly head: string;
  readonly body: Buffer;
}

const BLANK_LINE = "\r\n\r\n";

/** A field of an answer, by its name in lower case. */
export function field(head: string, name: string): string | undefined {
  const found = new RegExp(`\r\n${name}:[ \t]*([^\r]*)`, "i").exec(head);
  return found?.[1]?.trim();
}

/** Takes bytes as they come, and gives the answers in them. */
export class AnswerReader {
  #held: Buffer | undefined;

  /** What has become whole with these bytes. */
  *push(bytes: Uint8Array): Generator<Answer> {
    let rest = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (this.#held) rest = Buffer.concat([this.#held, rest]);
    for (;;) {
      const found = rest.length > 0 ? read(rest) : undefined;
      this.#held = found || rest.length === 0 ? undefined : rest;
      if (!found) return;
      rest = rest.subarray(found.length);
      yield found.answer;
    }
  }
}

function read(bytes: Buffer): { answer: Answer; length: number } | undefined {
  const end = bytes.indexOf(BLANK_LINE);
  if (end < 0) return undefined;
  const head = bytes.toString("latin1", 0, end);
  if (!head.startsWith("HTTP/1.")) {
    throw new Error(`This is no HTTP answer: ${head.slice(0, 60)}`);
  }
  const status = Number(head.slice(9, 12));
  const start = end + BLANK_LINE.length;
  const length = field(head, "content-length");
  if (length !== undefined) {
    const stop = start + Number(length);
    if (bytes.length < stop) return undefined;
    return {
      answer: { status, head, body: bytes.subarray(start, stop) },
      length: stop,
    };
  }
  if (/\r\ntransfer-encoding:[ \t]*chunked/i.test(head)) {
    const found = readChunks(bytes, start);
    if (!found) return undefined;
    return { answer: { status, head, body: found.body }, length: found.stop };
  }
  return { answer: { status, head, body: Buffer.alloc(0) }, length: start };
}

function readChunks(
  bytes: Buffer,
  start: number,
): { body: Buffer; stop: number } | undefined {
  const parts: Buffer[] = [];
  for (let at = start;;) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return undefined;
    const length = parseInt(bytes.toString("latin1", at, line), 16);
    const stop = line + 2 + length + 2;
    if (bytes.length < stop) return undefined;
    if (length === 0) return { body: Buffer.concat(parts), stop };
    parts.push(bytes.subarray(line + 2, line + 2 + length));
    at = stop;
  }
}
