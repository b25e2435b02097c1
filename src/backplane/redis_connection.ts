/**
 * One connection to Redis, made from a client of npm `redis` or `ioredis` and
 * never reconnected by it: whatever was missed meanwhile is to be found out first.
 * @module
 */
import { onSilence } from "../silence.ts";

/** A client of npm `redis` (5 or newer); it need not be connected. */
export interface NodeRedisClient {
  /** Makes another client with the same settings. */
  duplicate(overrides?: never): unknown;
  /** Sends a command as it is. */
  sendCommand(args: never): Promise<unknown>;
  /** Its settings. */
  readonly options?: unknown;
}

/** A client of npm `ioredis` (5 or newer); `lazyConnect` saves its own connection. */
export interface IORedisClient {
  /** Makes another client with the same settings. */
  duplicate(overrides?: never): unknown;
  /** Sends a command as it is. */
  call(command: string, ...args: never[]): Promise<unknown>;
  /** Its settings. */
  readonly options?: unknown;
}

/** What is used of a duplicate of either. */
interface Raw {
  connect(): Promise<unknown>;
  on(event: string, listener: (error?: unknown) => void): unknown;
  sendCommand(args: string[]): Promise<unknown>;
  call?(command: string, ...args: string[]): Promise<unknown>;
  destroy?(): void;
  disconnect?(): void;
}

/** Where the keys are, if another node of a Redis Cluster has said so. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** How long connecting may take, in ms. */
const CONNECTING = 5_000;

/** A connection that ends for good when anything goes wrong with it. */
export class RedisConnection {
  /** Why it has ended, as soon as it has. */
  readonly ended: Promise<Error>;
  readonly #raw: Raw;
  readonly #end: (reason: Error) => void;
  readonly #waiting = new Set<(reason: Error) => void>();
  #reason: Error | undefined;

  private constructor(raw: Raw) {
    this.#raw = raw;
    const { promise, resolve } = Promise.withResolvers<Error>();
    this.ended = promise;
    this.#end = resolve;
    raw.on("error", (error) => this.end(error));
    for (const event of ["end", "close"]) raw.on(event, () => this.end());
  }

  /** Connects as `client` would, or to `address` with its other settings. */
  static async open(
    client: NodeRedisClient | IORedisClient,
    address?: Address,
  ): Promise<RedisConnection> {
    const duplicate = client.duplicate(overrides(client, address) as never);
    const connection = new RedisConnection(duplicate as Raw);
    await connection.#wait(CONNECTING, (raw) => raw.connect());
    return connection;
  }

  /** Sends a command; an answer that takes longer than `within` ms ends it all. */
  command(args: string[], within: number): Promise<unknown> {
    return this.#wait(within, (raw) => {
      const [name, ...rest] = args;
      return raw.call ? raw.call(name!, ...rest) : raw.sendCommand(args);
    });
  }

  /** Ends it; what is under way is answered with `error`. */
  end(error?: unknown): void {
    if (this.#reason) return;
    const reason = error instanceof Error
      ? error
      : new Error("Redis has closed the connection.");
    this.#reason = reason;
    for (const reject of this.#waiting) reject(reason);
    this.#waiting.clear();
    this.#end(reason);
    try {
      if (this.#raw.destroy) this.#raw.destroy();
      else this.#raw.disconnect?.();
    } catch { /* It was closed already. */ }
  }

  #wait(
    within: number,
    action: (raw: Raw) => Promise<unknown>,
  ): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#reason) return reject(this.#reason);
      const stop = onSilence(within, () => {
        this.end(new Error(`Redis has not answered within ${within} ms.`));
      });
      const settle = <T>(how: (value: T) => void) => (value: T) => {
        stop();
        this.#waiting.delete(refuse);
        how(value);
      };
      const refuse = settle(reject);
      this.#waiting.add(refuse);
      action(this.#raw).then(settle(resolve), refuse);
    });
  }
}

/** Settings under which a client neither reconnects nor sends anything twice. */
function overrides(
  client: NodeRedisClient | IORedisClient,
  address: Address | undefined,
): object {
  if ("call" in client) {
    return {
      ...address,
      lazyConnect: true,
      retryStrategy: () => null,
      reconnectOnError: null,
      autoResendUnfulfilledCommands: false,
      enableOfflineQueue: false,
      keyPrefix: "",
    };
  }
  const { socket = {} } = (client.options ?? {}) as { socket?: object };
  return {
    // Its settings hold what it says, and it would prevail over `address`.
    url: undefined,
    socket: { ...socket, ...address, reconnectStrategy: false },
    disableOfflineQueue: true,
    keyPrefix: undefined,
    commandOptions: undefined,
  };
}
