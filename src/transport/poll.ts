/**
 * A connection parked on a request that is answered once, as soon as there is
 * something: long-polling (PROTOCOL N5).
 * @module
 */
import type { Connection } from "../connection.ts";
import { Buffer } from "../deps.ts";
import type { Engine } from "../engine.ts";
import { drop } from "../drops.ts";
import { type Code, PushError } from "../errors.ts";
import { Chunk } from "../frame.ts";
import { CHUNK_BYTES } from "../log.ts";
import type { Sink } from "../sink.ts";

/** The headers of an answer. */
export const POLL_HEADERS: Readonly<Record<string, string>> = {
  "cache-control": "no-store",
  "content-type": "application/json",
  "vary": "accept, origin",
};

/** How long after its deadline it may wait for a read of the backplane, in ms. */
const GRACE = 10_000;

/** How a long-poll waits. */
export interface PollOptions {
  /** How long it may be held, in ms; 0 answers at once. */
  readonly wait: number;
  /** Aborts when the client goes: a held request has nothing else to tell it. */
  readonly signal?: AbortSignal;
  /** Whether its connection ends with its answer. */
  readonly once?: boolean;
}

/**
 * Holds a request until there is something for `connection`, or `wait` ms have
 * gone by. Rejects with a `PushError` if the connection is ended meanwhile.
 */
export function poll(
  engine: Engine,
  connection: Connection,
  options: PollOptions,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const sink = new PollSink(engine, connection, options, resolve, reject);
    connection.park(sink);
    sink.flush();
    sink.wait();
  });
}

class PollSink implements Sink {
  readonly transport = "poll";
  readonly #engine: Engine;
  readonly #connection: Connection;
  readonly #options: PollOptions;
  readonly #deadline: number;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (error: PushError) => void;
  /** The logs that were cut; `undefined` stands for all. */
  readonly #resets: (string | undefined)[] = [];
  #open = true;

  constructor(
    engine: Engine,
    connection: Connection,
    options: PollOptions,
    resolve: (response: Response) => void,
    reject: (error: PushError) => void,
  ) {
    this.#engine = engine;
    this.#connection = connection;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#deadline = engine.node.settings.clock.now() + options.wait;
  }

  wait(): void {
    if (!this.#open) return;
    const { signal } = this.#options;
    if (signal?.aborted) return this.#gone();
    signal?.addEventListener("abort", this.#gone);
    this.#engine.wake(this.#deadline);
  }

  flush(): void {
    this.#answer(this.#options.wait === 0);
  }

  sweep(now: number): void {
    this.#answer(now >= this.#deadline);
    if (!this.#open) return;
    // What has to be read first is out of reach.
    if (now < this.#deadline + GRACE) {
      // Before its deadline the timer may ring too early for it.
      if (now < this.#deadline) this.#engine.wake(this.#deadline);
      return;
    }
    this.close("unavailable");
    this.#part();
  }

  close(code: Code, after?: number): void {
    if (!this.#open) return;
    this.#leave();
    this.#reject(new PushError(code, undefined, after));
  }

  /** Answers if there is something, or if it is `due` whether or not. */
  #answer(due: boolean): void {
    if (!this.#open) return;
    const connection = this.#connection;
    const messages: string[] = [];
    const resets = this.#resets;
    // Its id must lie past all that a reset in it covers (N5).
    for (let size = 0; size < CHUNK_BYTES || connection.cut;) {
      const next = connection.next();
      if (!next) break;
      if (next instanceof Chunk) {
        messages.push(next.json);
        size += next.json.length;
      } else if (next.data.type === "reset") resets.push(next.data.channel);
    }
    // What is being read comes with a flush of its own.
    if (connection.reading > 0) return;
    if (messages.length + resets.length === 0) {
      if (!due) return;
      connection.settle();
    }
    const { id, key, position } = connection;
    const head = JSON.stringify({ connection: id, key, id: position });
    const reset = resets.includes(undefined) ? true : resets;
    const tail = reset === true || reset.length > 0
      ? `],"reset":${JSON.stringify(reset)}}`
      : "]}";
    const body = `${head.slice(0, -1)},"messages":[${
      messages.join(",")
    }${tail}`;
    this.#engine.node.counts.bytes += Buffer.byteLength(body);
    this.#leave();
    this.#resolve(new Response(body, { headers: POLL_HEADERS }));
    this.#part();
  }

  readonly #gone = (): void => {
    if (!this.#open) return;
    this.#leave();
    this.#resolve(new Response(null, { status: 408 }));
    this.#part();
  };

  #leave(): void {
    this.#open = false;
    this.#options.signal?.removeEventListener("abort", this.#gone);
  }

  #part(): void {
    this.#connection.unpark(this);
    if (!this.#options.once || this.#connection.ended) return;
    // Nobody has its key, so it is nowhere else.
    drop(this.#engine.node, this.#connection, "left");
  }
}
