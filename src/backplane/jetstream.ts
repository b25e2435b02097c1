/**
 * A backplane in NATS JetStream: several nodes in one order, kept on disk.
 * @module
 */
import type {
  Backplane,
  Draft,
  FeedListener,
  Reading,
  Tops,
} from "../backplane.ts";
import { PushError } from "../errors.ts";
import { count } from "../options.ts";
import type { Position } from "../position.ts";
import {
  ApiError,
  JetStreamApi,
  type NatsConnection,
} from "./jetstream_api.ts";
import { JetStreamFeed } from "./jetstream_feed.ts";
import { OrderStream } from "./jetstream_stream.ts";

/** How an order in JetStream is reached, and what is kept in it. */
export interface JetStreamOptions {
  /**
   * A connection of npm `@nats-io/transport-node` (3) or `nats` (2). It is not
   * closed with the backplane. Connect with `maxReconnectAttempts: -1`, or it gives
   * up after some seconds.
   */
  readonly connection: NatsConnection;
  /** The name of the stream, which is made if there is none (default `halley`). */
  readonly stream?: string;
  /** Where a new stream is kept (default `file`; what is in `memory` ends with the server). */
  readonly storage?: "file" | "memory";
  /** On how many servers of a cluster a new stream is kept (default 1). */
  readonly replicas?: number;
  /**
   * What a new stream keeps: `frames` for each log (default 1,024), all of them for
   * `age` ms (86,400,000), and `bytes` in all (268,435,456).
   */
  readonly keep?: {
    readonly frames?: number;
    readonly age?: number;
    readonly bytes?: number;
  };
  /** How long a new stream remembers idempotency keys, in ms (default 300,000). */
  readonly keyAge?: number;
  /**
   * How long a publish waits for NATS, and then for its answer, in ms (default
   * 2,000); after that it is refused as `unavailable`.
   */
  readonly patience?: number;
  /** Hears why NATS is out of reach (default: it is written to the console). */
  readonly onError?: (error: unknown) => void;
}

/** How many messages may wait for NATS. */
const WAITING = 10_000;

/**
 * A backplane in NATS JetStream (nats-server 2.9 or newer), for any number of nodes.
 * Messages have the same ids on every node, and clients may move between them. What
 * was published is there after a restart of the server, and clients lose nothing. A
 * message beyond what the server takes (1 MiB, unless it was told otherwise) is
 * refused as `too_large`.
 *
 * Where the stream was deleted, or has lost its end, another epoch begins and clients
 * get a `reset`. While NATS is out of reach, publishing is refused as `unavailable`
 * and clients stay connected.
 *
 * Throws a `TypeError` if `connection` is no connection to NATS or `stream` no name,
 * and a `RangeError` for a wrong number.
 *
 * @example Two nodes, one order
 * ```ts ignore
 * import { connect } from "npm:@nats-io/transport-node";
 * import { createEngine, jetStream } from "./mod.ts";
 *
 * const connection = await connect({ maxReconnectAttempts: -1 });
 * const engine = createEngine({ backplane: jetStream({ connection }) });
 * await engine.ready(); // until then, all is refused as `unavailable`
 * await engine.publish("news", { hello: "every node" });
 * ```
 */
export function jetStream(options: JetStreamOptions): Backplane {
  return new JetStreamBackplane(options);
}

class JetStreamBackplane implements Backplane {
  readonly #stream: OrderStream;
  readonly #feed: JetStreamFeed;
  readonly #patience: number;
  readonly #calls = new Set<Promise<unknown>>();
  #closed = false;

  constructor(options: JetStreamOptions) {
    const { connection, stream = "halley", onError = tell } = options;
    const { keep = {}, storage = "file" } = options;
    checkConnection(connection);
    if (!/^[\w-]+$/.test(stream)) {
      throw new TypeError(
        `stream is "${stream}"; it must be letters, digits, _ and -`,
      );
    }
    const age = count("keep.age", keep.age, 86_400_000, 1_000);
    const keyAge = count("keyAge", options.keyAge, 300_000, 100);
    this.#patience = count("patience", options.patience, 2_000, 1);
    const api = new JetStreamApi(connection, stream, this.#patience);
    this.#stream = new OrderStream(api, {
      stream,
      storage,
      replicas: count("replicas", options.replicas, 1, 1),
      frames: count("keep.frames", keep.frames, 1_024, 1),
      age,
      size: count("keep.bytes", keep.bytes, 268_435_456, 1),
      keyAge: Math.min(keyAge, age),
    });
    this.#feed = new JetStreamFeed({
      connection,
      api,
      stream: this.#stream,
      onError,
    });
  }

  publish(draft: Draft): Promise<Position> {
    if (this.#calls.size >= WAITING) {
      return Promise.reject(unavailable(new Error("Too many messages wait.")));
    }
    return this.#ask(async (epoch) => {
      const published = await this.#stream.publish(epoch, draft);
      this.#feed.heard(published);
      return { epoch, seq: published.seq };
    });
  }

  feed(after: Position | undefined, listener: FeedListener): () => void {
    this.#feed.start();
    return this.#feed.fan.add(after, listener);
  }

  read(log: string, after: number, limit: number): Promise<Reading> {
    return this.#ask(() => this.#stream.read(log, after, limit));
  }

  tops(): Promise<Tops> {
    return this.#ask(() => this.#stream.tops());
  }

  top(): Promise<Position> {
    return this.#ask(async () => {
      const { epoch, seq } = await this.#stream.look();
      return { epoch, seq };
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stream.close();
    await Promise.allSettled(this.#calls);
    this.#feed.close();
  }

  /** Asks as soon as the order is known. */
  #ask<T>(question: (epoch: string) => Promise<T>): Promise<T> {
    const call = this.#answer(question).finally(() => this.#calls.delete(call));
    this.#calls.add(call);
    return call;
  }

  async #answer<T>(question: (epoch: string) => Promise<T>): Promise<T> {
    if (this.#closed) throw new PushError("unavailable", CLOSED);
    try {
      return await question(await this.#feed.ready(this.#patience));
    } catch (cause) {
      if (cause instanceof PushError) throw cause;
      // Nobody is there, or nobody of this epoch any more.
      if (!(cause instanceof ApiError)) this.#feed.suspect(cause as Error);
      throw unavailable(cause);
    }
  }
}

const CLOSED = "The backplane is closed.";

/** Says that nobody knows; why is for the operator, not for the wire. */
function unavailable(cause: unknown): PushError {
  return Object.assign(new PushError("unavailable"), { cause });
}

function tell(error: unknown): void {
  console.error(`halley: jetstream: ${(error as Error).message}`);
}

function checkConnection(connection: Partial<NatsConnection>): void {
  const ways = ["publish", "request", "subscribe", "status"] as const;
  if (ways.every((way) => typeof connection[way] === "function")) return;
  throw new TypeError("connection is not a connection to NATS");
}
