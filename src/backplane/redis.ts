/**
 * A backplane in Redis: several nodes in one order, which outlives them.
 * @module
 */
import {
  type Backplane,
  type Draft,
  type FeedListener,
  keyReused,
  type Reading,
  type Tops,
} from "../backplane.ts";
import { setImmediate } from "../deps.ts";
import { PushError } from "../errors.ts";
import type { Bounds } from "../log.ts";
import { boundsOf, count } from "../options.ts";
import type { Position } from "../position.ts";
import { keepOf } from "./keep.ts";
import type {
  IORedisClient,
  NodeRedisClient,
  RedisConnection,
} from "./redis_connection.ts";
import { RedisFeed } from "./redis_feed.ts";
import { type LinkHost, RedisLink } from "./redis_link.ts";
import { RedisOrder } from "./redis_order.ts";
import { REUSED } from "./redis_script.ts";

/** How an order in Redis is reached, and what is kept in it. */
export interface RedisOptions {
  /**
   * A client of npm `redis` or `ioredis` (5 or newer). Two connections are made
   * like it; it is not used itself and need not be connected (with `ioredis` say
   * `lazyConnect: true`). On Redis Cluster a plain client of any of its nodes: all
   * keys lie in one slot, and where they are is found out.
   */
  readonly client: NodeRedisClient | IORedisClient;
  /** What the names of its keys begin with, in braces (default `halley`). */
  readonly prefix?: string;
  /**
   * How long a publish waits for a connection, and then for its answer, in ms
   * (default 2,000); after that it is refused as `unavailable`.
   */
  readonly patience?: number;
  /** What each log keeps (default 1,024 messages, 1 MiB, 86,400,000 ms). */
  readonly history?: Partial<Bounds>;
  /**
   * What the feed keeps for nodes that start or were cut off (default 65,536
   * messages, 64 MiB, 86,400,000 ms).
   */
  readonly feed?: Partial<Bounds>;
  /** How many channels, and how many private logs, are kept (default 100,000). */
  readonly logs?: number;
  /** How long an idempotency key is remembered, in ms (default 300,000). */
  readonly keyAge?: number;
  /** How many idempotency keys are remembered (default 10,000). */
  readonly keys?: number;
  /** Hears why Redis is out of reach (default: it is written to the console). */
  readonly onError?: (error: unknown) => void;
}

const FEED: Bounds = { frames: 65_536, bytes: 67_108_864, age: 86_400_000 };

/** What one call of the script takes at most; Redis does nothing else meanwhile. */
const BATCH = 128;
const BATCH_BYTES = 1_048_576;
/** How many messages may wait for Redis. */
const WAITING = 10_000;

interface Waiting {
  readonly draft: Draft;
  resolve(position: Position): void;
  reject(error: PushError): void;
}

/**
 * A backplane in Redis (5 or newer), for any number of nodes. Messages have the
 * same ids on every node, and clients may move between them.
 *
 * The order ends with the server process: after a restart or a failover, and when
 * the keys are gone, another epoch begins and clients get a `reset`, because Redis
 * may have forgotten what they have seen. While Redis is out of reach, publishing is
 * refused as `unavailable` and clients stay connected.
 *
 * Throws a `TypeError` if `client` is neither kind of client, and a `RangeError`
 * for a wrong number.
 *
 * @example Two nodes, one order
 * ```ts ignore
 * import { createClient } from "npm:redis";
 * import { createEngine, redis } from "./mod.ts";
 *
 * const client = createClient({ url: "redis://127.0.0.1:6379" });
 * const engine = createEngine({ backplane: redis({ client }) });
 * await engine.ready(); // until then, all is refused as `unavailable`
 * await engine.publish("news", { hello: "every node" });
 * ```
 */
export function redis(options: RedisOptions): Backplane {
  return new RedisBackplane(options);
}

class RedisBackplane implements Backplane {
  readonly #order: RedisOrder;
  readonly #link: RedisLink;
  readonly #feed: RedisFeed;
  /** What was published in this turn. */
  #queue: Waiting[] = [];
  /** Calls without an answer yet. */
  readonly #calls = new Set<Promise<void>>();
  #waiting = 0;
  #closed = false;

  constructor(options: RedisOptions) {
    const { client, prefix = "halley", onError = tell } = options;
    checkClient(client);
    if (prefix === "" || /[{}]/.test(prefix)) {
      throw new TypeError(
        `prefix is "${prefix}"; it must be a name without { and }`,
      );
    }
    const { history, keyAge } = keepOf(options);
    const keep = {
      history,
      keyAge,
      feed: boundsOf(options.feed, FEED, "feed"),
      logs: count("logs", options.logs, 100_000, 1),
      keys: count("keys", options.keys, 10_000, 1),
    };
    const patience = count("patience", options.patience, 2_000, 1);
    this.#order = new RedisOrder(prefix, keep, patience);
    const host: LinkHost = { client, onError };
    this.#link = new RedisLink(host, async (connection) => {
      await this.#look(connection);
    });
    this.#feed = new RedisFeed(host, this.#order, this.#link);
  }

  publish(draft: Draft): Promise<Position> {
    if (this.#closed) {
      return Promise.reject(new PushError("unavailable", CLOSED));
    }
    if (this.#waiting >= WAITING) {
      return Promise.reject(unavailable(new Error("Too many messages wait.")));
    }
    // One call for all of a turn: they arrive together, in their order.
    if (this.#queue.length === 0) setImmediate(() => this.#flush());
    this.#waiting++;
    return new Promise((resolve, reject) => {
      this.#queue.push({ draft, resolve, reject });
    });
  }

  feed(after: Position | undefined, listener: FeedListener): () => void {
    this.#feed.link.start();
    return this.#feed.fan.add(after, listener);
  }

  read(log: string, after: number, limit: number): Promise<Reading> {
    return this.#ask(async (connection) => {
      // First, in the same breath: what is read is of an order that holds.
      const [, reading] = await Promise.all([
        this.#look(connection),
        this.#order.read(connection, log, after, limit),
      ]);
      return reading;
    });
  }

  tops(): Promise<Tops> {
    return this.#ask(async (connection) => {
      const [, tops] = await Promise.all([
        this.#look(connection),
        this.#order.tops(connection),
      ]);
      return tops;
    });
  }

  top(): Promise<Position> {
    return this.#ask((connection) => this.#look(connection));
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#feed.fan.clear();
    this.#feed.link.close();
    this.#flush();
    if (this.#link.connected) await Promise.all(this.#calls);
    this.#link.close();
    await Promise.all(this.#calls);
  }

  /** Where the order is, once it is sure to be of this incarnation. */
  async #look(connection: RedisConnection): Promise<Position> {
    const seen = this.#feed.fan.known;
    const { epoch, seq } = (await this.#order.publish(connection, seen)).top;
    return { epoch, seq };
  }

  async #ask<T>(
    question: (connection: RedisConnection) => Promise<T>,
  ): Promise<T> {
    if (this.#closed) throw new PushError("unavailable", CLOSED);
    try {
      return await question(await this.#link.ready(this.#order.patience));
    } catch (cause) {
      throw unavailable(cause);
    }
  }

  #flush(): void {
    const all = this.#queue;
    this.#queue = [];
    for (let from = 0; from < all.length;) {
      let to = from;
      for (let bytes = 0; to < all.length && to < from + BATCH; to++) {
        bytes += all[to]!.draft.data.length;
        if (bytes > BATCH_BYTES && to > from) break;
      }
      const call = this.#send(all.slice(from, to))
        .finally(() => this.#calls.delete(call));
      this.#calls.add(call);
      from = to;
    }
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    const { fan } = this.#feed;
    const order = this.#order;
    let connection: RedisConnection | undefined;
    try {
      connection = await this.#link.ready(order.patience);
      const drafts = batch.map(({ draft }) => draft);
      const { top, answers } = await order.publish(
        connection,
        fan.known,
        drafts,
      );
      fan.heard({ epoch: top.epoch, seq: top.seq });
      for (const [i, answer] of answers.entries()) {
        if (answer === REUSED) {
          batch[i]!.reject(keyReused());
        } else batch[i]!.resolve({ epoch: top.epoch, seq: Number(answer) });
      }
    } catch (cause) {
      // It may be another server by now, or one that only reads: look again.
      connection?.end(cause);
      for (const { reject } of batch) reject(unavailable(cause));
    }
    this.#waiting -= batch.length;
  }
}

const CLOSED = "The backplane is closed.";

/** Says that nobody knows; why is for the operator, not for the wire. */
function unavailable(cause: unknown): PushError {
  return Object.assign(new PushError("unavailable"), { cause });
}

function tell(error: unknown): void {
  console.error(`halley: redis: ${(error as Error).message}`);
}

function checkClient(client: object): void {
  if ("isCluster" in client && client.isCluster) {
    throw new TypeError(
      "client is a client of a cluster; pass a plain one, of any of its nodes",
    );
  }
  const { duplicate } = client as Partial<NodeRedisClient>;
  const sends = "call" in client || "sendCommand" in client;
  if (typeof duplicate === "function" && sends) return;
  throw new TypeError("client is not a client of npm redis or ioredis");
}
