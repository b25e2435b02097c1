/**
 * A Comet4J connection parked on a request that is answered with exactly one frame:
 * clients stop for good when there are two.
 * @module
 */
import type { Engine } from "../../engine.ts";
import { type Code, PushError } from "../../errors.ts";
import type { Sink } from "../../sink.ts";
import type { Session } from "./session.ts";
import { HEADERS } from "./wire.ts";

/**
 * Holds a request until there is a message for `session`, or `hold` ms have gone by.
 * Rejects with a `PushError` if the connection is ended meanwhile.
 */
export function lpool(
  session: Session,
  hold: number,
  signal: AbortSignal,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const sink = new LpoolSink(session, hold, signal, resolve, reject);
    session.connection.park(sink);
    sink.wait();
  });
}

class LpoolSink implements Sink {
  readonly transport = "comet4j-lpool";
  readonly #engine: Engine;
  readonly #session: Session;
  readonly #deadline: number;
  readonly #signal: AbortSignal;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: PushError) => void;
  #open = true;

  constructor(
    session: Session,
    hold: number,
    signal: AbortSignal,
    resolve: (response: Response) => void,
    reject: (error: PushError) => void,
  ) {
    this.#engine = session.engine;
    this.#session = session;
    this.#deadline = this.#engine.node.settings.clock.now() + hold;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  wait(): void {
    if (!this.#open) return;
    this.#signal.addEventListener("abort", this.#gone);
    this.flush();
    if (this.#open) this.#engine.wake(this.#deadline);
  }

  flush(): void {
    if (!this.#open) return;
    // What is taken for a client that has gone would be lost.
    if (this.#signal.aborted) return this.#gone();
    const frame = this.#session.next();
    if (!frame) return;
    // There is no proof that an answer arrives.
    this.#session.connection.confirm();
    this.#answer(frame);
  }

  sweep(now: number): void {
    this.flush();
    if (!this.#open) return;
    if (now >= this.#deadline) this.#answer(this.#session.dying());
    else this.#engine.wake(this.#deadline);
  }

  close(code: Code, after?: number): void {
    if (!this.#open) return;
    this.#leave();
    this.#reject(new PushError(code, undefined, after));
  }

  #answer(frame: Uint8Array<ArrayBuffer>): void {
    this.#leave();
    this.#engine.node.counts.bytes += frame.length;
    this.#resolve(new Response(frame, { headers: HEADERS }));
    this.#session.connection.unpark(this);
  }

  readonly #gone = (): void => {
    if (!this.#open) return;
    this.#leave();
    // Nobody reads it.
    this.#resolve(new Response(null, { status: 410 }));
    this.#session.connection.unpark(this);
  };

  #leave(): void {
    this.#open = false;
    this.#signal.removeEventListener("abort", this.#gone);
  }
}
