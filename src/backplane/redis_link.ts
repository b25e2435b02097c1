/**
 * A connection to Redis that is made anew whenever it has ended, and begins each
 * time by looking where the order is.
 * @module
 */
import {
  type Address,
  type IORedisClient,
  type NodeRedisClient,
  RedisConnection,
} from "./redis_connection.ts";

/** The pause before connecting again: from, and up to, in ms. */
const PAUSES = [20, 1_000] as const;

/** What a link needs to know of its owner. */
export interface LinkHost {
  /** The client to connect like. */
  readonly client: NodeRedisClient | IORedisClient;
  /** Hears why there is no connection, once for each reason. */
  onError(error: unknown): void;
}

/** A connection for as long as anyone wants it. */
export class RedisLink {
  readonly #host: LinkHost;
  readonly #begin: (connection: RedisConnection) => Promise<void>;
  readonly #closing = new AbortController();
  #running = false;
  #connection: RedisConnection | undefined;
  #arrival = Promise.withResolvers<RedisConnection>();
  #told = "";

  /** `begin` is called with each connection before anybody else gets it. */
  constructor(
    host: LinkHost,
    begin: (connection: RedisConnection) => Promise<void>,
  ) {
    this.#host = host;
    this.#begin = begin;
    this.#expect();
  }

  /** Connects, and keeps connected until it is closed. */
  start(): void {
    if (this.#running) return;
    this.#running = true;
    this.#run();
  }

  /** Whether there is a connection now. */
  get connected(): boolean {
    return this.#connection !== undefined;
  }

  /** The connection; rejects if there is none within `within` ms. */
  async ready(within: number): Promise<RedisConnection> {
    this.start();
    if (this.#connection) return this.#connection;
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(this.#told || "Redis is not connected yet.")),
      within,
    );
    try {
      return await Promise.race([this.#arrival.promise, promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends it for good. */
  close(): void {
    this.#closing.abort();
    const reason = new Error("The backplane is closed.");
    this.#connection?.end(reason);
    this.#arrival.reject(reason);
  }

  #expect(): void {
    this.#connection = undefined;
    if (this.#closing.signal.aborted) return;
    this.#arrival = Promise.withResolvers();
    // Whoever waits hears of it; where nobody does, nothing is wrong.
    this.#arrival.promise.catch(() => {});
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    let address: Address | undefined;
    for (let failures = 0; !signal.aborted; failures++) {
      const error = await this.#session(address, () => failures = 0);
      if (signal.aborted) return;
      const moved = /^MOVED \d+ (.+):(\d+)$/.exec(error.message);
      // Where the node that the keys were moved to fails, the first one knows more.
      address = moved ? { host: moved[1]!, port: Number(moved[2]) } : undefined;
      if (moved && failures === 0) continue;
      if (error.message !== this.#told) this.#host.onError(error);
      this.#told = error.message;
      await this.#pause(Math.min(PAUSES[0] * 2 ** failures, PAUSES[1]));
    }
  }

  /** One connection, from beginning to end; why it has ended. */
  async #session(
    address: Address | undefined,
    begun: () => void,
  ): Promise<Error> {
    let connection: RedisConnection | undefined;
    try {
      connection = await RedisConnection.open(this.#host.client, address);
      const close = () => connection!.end();
      this.#closing.signal.addEventListener("abort", close, { once: true });
      if (this.#closing.signal.aborted) close();
      connection.ended.then(() =>
        this.#closing.signal.removeEventListener("abort", close)
      );
      await this.#begin(connection);
      begun();
      this.#told = "";
      this.#connection = connection;
      this.#arrival.resolve(connection);
      const reason = await connection.ended;
      this.#expect();
      return reason;
    } catch (error) {
      connection?.end(error);
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  /** A pause of about `ms`, spread so that nodes do not come back at once. */
  async #pause(ms: number): Promise<void> {
    const { signal } = this.#closing;
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms * (0.5 + Math.random() / 2));
    signal.addEventListener("abort", resolve as () => void);
    await promise;
    clearTimeout(timer);
    signal.removeEventListener("abort", resolve as () => void);
  }
}
