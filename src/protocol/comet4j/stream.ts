/**
 * A Comet4J connection parked on a response that takes many frames, and ends with
 * one that says so.
 * @module
 */
import type { Engine } from "../../engine.ts";
import type { Code } from "../../errors.ts";
import type { Sink } from "../../sink.ts";
import type { Session } from "./session.ts";
import { HEADERS } from "./wire.ts";

/**
 * After so many bytes a response ends: its client keeps all of it, and looks through
 * all of it with every frame.
 */
export const ROTATION = 262_144;

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
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #wrote: number;
  #bytes = 0;
  /** Nothing more is taken: it has no room for too long, or has said goodbye. */
  #ending: "slow" | "dying" | undefined;

  constructor(session: Session, hold: number) {
    this.#session = session;
    this.#engine = session.engine;
    this.#hold = hold;
    this.#wrote = this.#engine.node.settings.clock.now();
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.#session.connection.park(this);
    this.#engine.wake(this.#wrote + this.#hold);
  }

  pull(): void {
    if (this.#ending !== "slow") return this.flush();
    this.#engine.node.stalled--;
    const { connection } = this.#session;
    if (!connection.sink) connection.confirm();
    this.#farewell();
  }

  cancel(): void {
    if (this.#ending === "slow") this.#engine.node.stalled--;
    this.#controller = undefined;
    this.#session.connection.unpark(this);
  }

  flush(): void {
    while (
      !this.#ending && this.#controller && this.#controller.desiredSize! > 0
    ) {
      // There is room only when all before was handed over. What lies here when the
      // client goes was not: it is written again.
      this.#session.connection.confirm();
      if (this.#bytes >= ROTATION) return this.#end();
      const frame = this.#session.next();
      if (!frame) return;
      this.#write(frame);
    }
  }

  sweep(now: number): void {
    if (this.#controller!.desiredSize! <= 0) {
      const { writeTimeout } = this.#engine.node.settings;
      if (now - this.#wrote >= writeTimeout) this.#slow();
      return;
    }
    this.flush();
    if (this.#ending) return;
    const deadline = this.#wrote + this.#hold;
    if (now >= deadline) this.#end();
    else this.#engine.wake(deadline);
  }

  close(code: Code): void {
    if (!this.#controller || this.#ending) return;
    // Another request has the connection: its client has given this one up.
    if (code === "replaced") this.#finish();
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

  /** As in `transport/stream.ts`: its socket outlives whatever we do, and counts. */
  #slow(): void {
    this.#ending = "slow";
    this.#engine.node.stalled++;
    this.#session.connection.slow = true;
    this.#session.connection.unpark(this);
  }

  #write(frame: Uint8Array): void {
    this.#wrote = this.#engine.node.settings.clock.now();
    this.#bytes += frame.length;
    this.#controller!.enqueue(frame);
  }

  #finish(): void {
    const controller = this.#controller;
    this.#controller = undefined;
    try {
      controller?.close();
    } catch { /* It was cancelled meanwhile. */ }
  }
}
