/**
 * A connection parked on a response that stays open: NDJSON or Server-Sent
 * Events, told apart by the format alone (PROTOCOL N3, N4).
 * @module
 */
import type { Connection } from "../connection.ts";
import type { Engine } from "../engine.ts";
import { type Code, codes } from "../errors.ts";
import { type Chunk, Control, type Format, ndjson, sse } from "../frame.ts";
import type { Sink } from "../sink.ts";

const STREAM_HEADERS = {
  "cache-control": "no-store, no-transform",
  "x-accel-buffering": "no",
  "vary": "accept, origin",
  // Middleware that makes an ETag by reading a body to its end leaves this one
  // alone; a stream has no end.
  "etag": 'W/"stream"',
};
const HEADERS = new Map([ndjson, sse].map((format) => [format, {
  ...STREAM_HEADERS,
  "content-type": format.type,
}]));

/** The headers of a stream in `format`; the same object every time. */
export function streamHeaders(format: Format): Record<string, string> {
  return HEADERS.get(format) ??
    { ...STREAM_HEADERS, "content-type": format.type };
}

/** Parks `connection` on a response that stays open (PROTOCOL N3, N4). */
export function stream(
  engine: Engine,
  connection: Connection,
  format: Format,
): Response {
  // The sink is its own underlying source, and there is no strategy: one queued
  // chunk is full, and a parked response costs as little as it can.
  const body = new ReadableStream(new StreamSink(engine, connection, format));
  return new Response(body, { headers: streamHeaders(format) });
}

class StreamSink implements Sink {
  readonly #engine: Engine;
  readonly #connection: Connection;
  readonly #format: Format;
  /** How long it may be silent, in ms: spread, so that not all beat at once. */
  readonly #patience: number;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wrote = 0;
  #ending = false;

  constructor(engine: Engine, connection: Connection, format: Format) {
    this.#engine = engine;
    this.#connection = connection;
    this.#format = format;
    const { heartbeat } = engine.node.settings;
    this.#patience = Math.floor(heartbeat * (0.5 + Math.random() / 4));
  }

  get transport(): string {
    return this.#format === sse ? "sse" : "stream";
  }

  /** Something is written at once: Bun sends headers with the first byte. */
  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    const { id, key, position } = this.#connection;
    const { heartbeat } = this.#engine.node.settings;
    const open = { type: "open" as const, connection: id, key, heartbeat };
    this.#write(new Control(position ? { ...open, id: position } : open));
    this.#connection.park(this);
  }

  pull(): void {
    if (this.#ending) this.#end();
    else this.flush();
  }

  cancel(): void {
    if (this.#ending) this.#engine.node.stalled--;
    this.#controller = undefined;
    this.#connection.unpark(this);
  }

  flush(): void {
    while (
      !this.#ending && this.#controller && this.#controller.desiredSize! > 0
    ) {
      const next = this.#connection.next();
      // A stream proves nothing: what is written counts as arrived.
      this.#connection.confirm();
      if (!next) return;
      this.#write(next);
    }
  }

  sweep(now: number): void {
    const room = this.#controller!.desiredSize! > 0;
    const silence = now - this.#wrote;
    if (!room) {
      if (silence >= this.#engine.node.settings.writeTimeout) this.#slow();
      return;
    }
    this.flush();
    if (silence < this.#patience || this.#wrote === now) return;
    const settled = this.#connection.settle();
    this.#write(this.#engine.node.heartbeat(settled));
  }

  close(code: Code, after?: number): void {
    if (!this.#controller || this.#ending) return;
    this.#finish(code, after);
  }

  #finish(code: Code, after?: number): void {
    const controller = this.#controller!;
    // Off first: `enqueue` may pull, and nothing comes after `close`.
    this.#controller = undefined;
    try {
      controller.enqueue(closing(code, after).bytes(this.#format));
      controller.close();
    } catch { /* Its socket is gone: it was cancelled by that very write. */ }
  }

  #write(piece: Control | Chunk): void {
    this.#wrote = this.#engine.node.now;
    this.#controller!.enqueue(piece.bytes(this.#format));
  }

  /**
   * Its client has not read for too long. The socket outlives whatever we do, so
   * the response is counted until it is read to the end, or gone.
   */
  #slow(): void {
    this.#ending = true;
    this.#engine.node.stalled++;
    this.#connection.slow = true;
    this.#connection.unpark(this);
  }

  #end(): void {
    this.#ending = false;
    this.#engine.node.stalled--;
    this.#finish("slow");
  }
}

function closing(code: Code, after: number | undefined): Control {
  const data = { type: "close" as const, code, retry: codes[code].retryable };
  return new Control(after === undefined ? data : { ...data, after });
}
