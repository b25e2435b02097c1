/**
 * A Comet4J connection parked on a response that takes many frames, and ends with
 * one that says so.
 * @module
 */
import type { Engine } from "../../engine.ts";
import type { Code } from "../../errors.ts";
import type { Sink } from "../../sink.ts";
import { isAged, shareOf } from "../../transport/stream.ts";
import type { Session } from "./session.ts";
import { HEADERS } from "./wire.ts";

/**
 * After so many bytes a response ends: its client keeps all of it, and looks through
 * all of it with every frame.
 */
export const ROTATION = 262_144;

/**
 * So many bytes may be on their way at once. Browsers take more in parts (Chromium 32 KiB,
 * headers included), and half a frame kills a client; one that has seen the end of a
 * response has all of it.
 */
const BURST = 16_384;

/** How fast they are taken to arrive, in bytes per ms: as by a browser that is busy. */
const DRAIN = 32;

/**
 * How long a response has nothing but a small frame on a channel of nobody, in ms. With
 * its headers Chromium reads 4 KiB of it, and shows what that holds of a message.
 */
export const OPENING = 100;

/**
 * How long a response stays open after its last frame, in ms: browsers show what has
 * come every 50 ms, and 0.1.7 does not look at what it sees only with the end.
 */
export const FAREWELL = 200;

/** Parks `session` on a response that ends when it was silent for `hold` ms. */
export function stream(session: Session, hold: number): Response {
  return new Response(new ReadableStream(new StreamSink(session, hold)), {
    headers: HEADERS,
  });
}

class StreamSink implements Sink {
  readonly transport = "comet4j-stream";
  readonly #engine: Engine;
  readonly #session: Session;
  readonly #hold: number;
  readonly #opened: number;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wrote: number;
  #bytes = 0;
  /** How many of them were on their way when the last was written. */
  #afloat = 0;
  /**
   * Nothing more is taken: it has said goodbye, or is to say it, or just to end, once
   * all of it is read.
   */
  #ending: "dying" | "stalled" | "stalled for good" | undefined;

  constructor(session: Session, hold: number) {
    this.#session = session;
    this.#engine = session.engine;
    this.#hold = hold;
    this.#opened = this.#wrote = this.#now();
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.#write(this.#session.say("$open", null));
    this.#session.connection.park(this);
    this.#engine.wake(this.#opened + OPENING);
  }

  pull(): void {
    const ending = this.#ending;
    if (!ending || ending === "dying") return this.flush();
    this.#release();
    if (ending === "stalled for good") return this.#finish();
    const { connection } = this.#session;
    if (!connection.sink) connection.confirm();
    this.#farewell();
  }

  cancel(): void {
    this.#release();
    this.#controller = undefined;
    this.#session.connection.unpark(this);
  }

  flush(): void {
    if (this.#now() < this.#opened + OPENING) return;
    while (
      !this.#ending && this.#controller && this.#controller.desiredSize! > 0
    ) {
      // There is room only when all before was handed over. What lies here when the
      // client goes was not: it is written again.
      this.#session.connection.confirm();
      if (this.#bytes >= ROTATION) return this.#end();
      const frame = this.#session.next();
      if (!frame) return;
      if (!this.#fits(frame)) {
        this.#session.back();
        return this.#end();
      }
      this.#write(frame);
    }
  }

  sweep(now: number): void {
    if (this.#controller!.desiredSize! <= 0) {
      const { counts, settings: { writeTimeout } } = this.#engine.node;
      counts.found++;
      if (now - this.#wrote >= writeTimeout) this.#slow();
      return;
    }
    this.flush();
    if (this.#ending) return;
    const opening = this.#opened + OPENING;
    if (now < opening) return this.#engine.wake(opening);
    const share = shareOf(this.#session.connection.id);
    const { settings } = this.#engine.node;
    const deadline = this.#wrote + this.#hold;
    if (now >= deadline || isAged(now - this.#opened, share, settings)) {
      this.#end();
    } else this.#engine.wake(deadline);
  }

  close(code: Code): void {
    if (!this.#controller || this.#ending) return;
    // Another request has the connection: its client has given this one up.
    if (code === "replaced") this.#finish();
    else if (this.#controller.desiredSize! <= 0) this.#stall("stalled");
    else this.#farewell();
  }

  /** Its client comes again; until then the connection is away. */
  #end(): void {
    this.#farewell();
    this.#session.connection.unpark(this);
  }

  #farewell(): void {
    this.#ending = "dying";
    this.#write(this.#session.dying());
    const { clock } = this.#engine.node.settings;
    clock.schedule(() => this.#finish(), FAREWELL);
  }

  #slow(): void {
    this.#stall("stalled");
    this.#engine.node.counts.slow++;
    this.#session.connection.slow = true;
    this.#session.connection.unpark(this);
  }

  /** As in `transport/stream.ts`: its socket outlives whatever we do, and counts. */
  #stall(ending: "stalled" | "stalled for good"): void {
    this.#ending = ending;
    this.#engine.node.stalled++;
  }

  /** It is read, or gone. */
  #release(): void {
    if (this.#ending?.startsWith("stalled")) this.#engine.node.stalled--;
    this.#ending = "dying";
  }

  #fits({ length }: Uint8Array): boolean {
    const elapsed = this.#now() - this.#wrote;
    const afloat = Math.max(0, this.#afloat - elapsed * DRAIN);
    if (afloat > 0 && afloat + length > BURST) return false;
    this.#afloat = afloat + length;
    return true;
  }

  #write(frame: Uint8Array): void {
    this.#wrote = this.#now();
    this.#bytes += frame.length;
    this.#engine.node.counts.bytes += frame.length;
    this.#controller!.enqueue(frame);
  }

  #finish(): void {
    const controller = this.#controller;
    if (!controller) return;
    if (controller.desiredSize! <= 0) return this.#stall("stalled for good");
    this.#controller = undefined;
    try {
      controller.close();
    } catch { /* It was cancelled meanwhile. */ }
  }

  #now(): number {
    return this.#engine.node.settings.clock.now();
  }
}
