/**
 * A connection parked on a response that stays open: NDJSON or Server-Sent
 * Events, told apart by the format alone (PROTOCOL N3, N4).
 * @module
 */
import type { Connection } from "../connection.ts";
import type { Engine } from "../engine.ts";
import { type Code, codes } from "../errors.ts";
import { type Chunk, Control, type Format, ndjson, sse } from "../frame.ts";
import type { Settings } from "../options.ts";
import type { Sink } from "../sink.ts";

/** How many different ends are kept. */
const MAX_CLOSINGS = 1_000;

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
  /** Since when it is open, in s since 1970: that is a small integer. */
  readonly #since: number;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wrote = 0;
  /** Whether its last frame is written, and not known to be read. */
  #ending = false;

  constructor(engine: Engine, connection: Connection, format: Format) {
    this.#engine = engine;
    this.#connection = connection;
    this.#format = format;
    this.#since = Math.floor(engine.node.settings.clock.now() / 1_000);
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
    this.#release();
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
    const { counts, settings } = this.#engine.node;
    const room = this.#controller!.desiredSize! > 0;
    const before = this.#wrote;
    const silence = now - before;
    if (!room) {
      counts.found++;
      if (silence >= settings.writeTimeout) this.#slow();
      return;
    }
    this.flush();
    // It has been heard, or was gone: a write may be the first to find that out.
    if (!this.#controller || this.#wrote !== before) return;
    // Spread, so that not all beat, or end, at once.
    const share = shareOf(this.#connection.id);
    const age = now - this.#since * 1_000;
    if (isAged(age, share, settings)) return this.#renew();
    if (silence < settings.heartbeat * (0.5 + share / 4)) return;
    const settled = this.#connection.settle();
    this.#write(this.#engine.node.heartbeat(settled));
  }

  close(code: Code, after?: number): void {
    if (!this.#controller || this.#ending) return;
    this.#finish(code, after);
  }

  /**
   * Writes why it ends. A socket that is not read outlives whatever we do, so the
   * response is counted until all of it is read, mostly by that very write, or gone.
   */
  #finish(code: Code, after?: number): void {
    // First: `enqueue` may pull.
    this.#ending = true;
    this.#engine.node.stalled++;
    try {
      this.#controller!.enqueue(closing(code, after).bytes(this.#format));
    } catch {
      // Its socket is gone: it was cancelled by that very write.
      this.#release();
    }
  }

  /** All of it is read. */
  #end(): void {
    const controller = this.#controller;
    this.#release();
    controller?.close();
  }

  /** It is over, and counts no more. */
  #release(): void {
    if (this.#ending) this.#engine.node.stalled--;
    this.#ending = false;
    this.#controller = undefined;
  }

  #write(piece: Control | Chunk): void {
    const { counts, now } = this.#engine.node;
    const bytes = piece.bytes(this.#format);
    this.#wrote = now;
    counts.bytes += bytes.length;
    this.#controller!.enqueue(bytes);
  }

  /** It has been open for long enough; its client comes back, with its key. */
  #renew(): void {
    this.#finish("max_age");
    this.#connection.unpark(this);
  }

  /** Its client has not read for too long. */
  #slow(): void {
    this.#engine.node.counts.slow++;
    this.#connection.slow = true;
    this.#finish("slow");
    this.#connection.unpark(this);
  }
}

/** The ends that say when to come back: there are few, and many share each. */
const closings = new Map<string, Control>();

function closing(code: Code, after: number | undefined): Control {
  const data = { type: "close" as const, code, retry: codes[code].retryable };
  // Without it every one has a time of its own.
  if (after === undefined) return new Control(data);
  const name = `${code} ${after}`;
  let control = closings.get(name);
  if (control) return control;
  if (closings.size >= MAX_CLOSINGS) closings.clear();
  control = new Control({ ...data, after });
  closings.set(name, control);
  return control;
}

/** Whether a stream has been open for long enough; `share` says how long that is. */
export function isAged(
  age: number,
  share: number,
  { maxAge }: Pick<Settings, "maxAge">,
): boolean {
  return maxAge > 0 && age >= maxAge * (0.75 + share / 4);
}

/** A number from 0 to 1 of each connection's own: its id is a hash. */
export function shareOf(id: string): number {
  return (id.charCodeAt(0) * 31 + id.charCodeAt(1)) % 64 / 64;
}
