/**
 * The public face of one node: publish, connect, drop, listen.
 * @module
 */
import { connect, type ConnectOptions } from "./arrival.ts";
import { type Backplane, memory } from "./backplane.ts";
import type {
  Channel,
  History,
  HistoryOptions,
  PublishOptions,
} from "./channel.ts";
import type { Connection, Identity } from "./connection.ts";
import { type DropReason, PushError } from "./errors.ts";
import type { EngineEvents } from "./events.ts";
import type { Bounds } from "./log.ts";
import { jsonText } from "./message.ts";
import { ALL, channelFault, privateLog, subscriptionFault } from "./name.ts";
import { Node } from "./node.ts";
import { type EngineOptions, settingsOf } from "./options.ts";
import { type Action, allowedByDefault, type Policy } from "./policy.ts";
import { formatId } from "./position.ts";
import { locate } from "./resume.ts";
import { checkRuntime } from "./runtime.ts";

/** How often old messages and absent connections are looked for, in ms. */
const SWEEP = 1_000;

/** Coming back after a shutdown is spread over this many steps of `STEP` ms. */
const STEPS = 8;
const STEP = 500;

/** The channels and connections of one node; see {@linkcode createEngine}. */
export class Engine {
  /**
   * The logs and connections, for transports and protocols.
   * @internal
   */
  readonly node: Node;
  /** Who may do what. */
  readonly policy: Policy;
  readonly #backplane: Backplane;
  #timer: (() => void) | undefined;
  #timerAt = Infinity;
  #closed = false;

  /** Use {@linkcode createEngine}. */
  constructor(options: EngineOptions = {}) {
    this.#backplane = options.backplane ?? memory();
    this.node = new Node(settingsOf(options), this.#backplane);
    this.policy = options.policy ?? {};
    this.node.feed.start();
    this.wake(this.node.now + SWEEP);
  }

  /** All connections by id, parked or away. */
  get connections(): ReadonlyMap<string, Connection> {
    return this.node.connections;
  }

  /** The names of the channels that hold messages or are listened to. */
  get channels(): string[] {
    return [...this.node.logs.channels()];
  }

  /** Listens to an event; returns what stops listening. */
  on<E extends keyof EngineEvents>(
    event: E,
    listener: EngineEvents[E],
  ): () => void {
    return this.node.events.on(event, listener);
  }

  /** One channel; `history` says what its log may hold from now on. */
  channel(name: string, options: { history?: Partial<Bounds> } = {}): Channel {
    if (options.history) {
      checkName(name, subscriptionFault(name));
      this.node.logs.configure(name, options.history);
    } else checkName(name, channelFault(name));
    return {
      name,
      publish: (data, options) => this.publish(name, data, options),
      history: (options) => this.history(name, options),
    };
  }

  /**
   * Publishes to a channel; resolves to the message's id once its place in the
   * order is certain. Rejects with a `PushError`: `invalid_channel`,
   * `invalid_json`, `too_large`, `key_reused`; `unavailable` means that nobody
   * knows whether it was published.
   */
  async publish(
    channel: string,
    data: unknown,
    options: PublishOptions = {},
  ): Promise<string> {
    return await this.#publish(channel, channel, data, options);
  }

  /**
   * Sends to one connection, whatever it is subscribed to; `channel` says what it
   * is about. Rejects with `not_found` if the connection is nobody's.
   */
  sendTo(
    to: string,
    channel: string,
    data: unknown,
    options?: PublishOptions,
  ): Promise<string>;
  /** Sends to several connections: an id each, `undefined` where one is gone. */
  sendTo(
    to: readonly string[],
    channel: string,
    data: unknown,
    options?: PublishOptions,
  ): Promise<(string | undefined)[]>;
  /** Sends to one connection or several. */
  async sendTo(
    to: string | readonly string[],
    channel: string,
    data: unknown,
    options: PublishOptions = {},
  ): Promise<string | (string | undefined)[]> {
    if (typeof to !== "string") {
      return await Promise.all(
        to.map((id) =>
          this.sendTo(id, channel, data, options).catch((error) => {
            const gone = error instanceof PushError &&
              error.code === "not_found";
            if (gone) return undefined;
            throw error;
          })
        ),
      );
    }
    if (!this.connections.has(to)) {
      throw new PushError("not_found", "There is no such connection.");
    }
    return await this.#publish(privateLog(to), channel, data, options);
  }

  /** Sends to every connection, whatever it is subscribed to. */
  async sendToAll(
    channel: string,
    data: unknown,
    options: PublishOptions = {},
  ): Promise<string> {
    return await this.#publish(ALL, channel, data, options);
  }

  async #publish(
    log: string,
    channel: string,
    data: unknown,
    options: PublishOptions,
  ): Promise<string> {
    checkName(channel, channelFault(channel));
    const { limits, clock } = this.node.settings;
    const text = jsonText(data, limits.message);
    this.#ready();
    const draft = { ...options, log, channel, data: text, time: clock.now() };
    const { epoch, seq } = await this.#backplane.publish(draft);
    return formatId(epoch, seq);
  }

  /** Reads what a channel still holds, here or on the backplane. */
  async history(
    channel: string,
    { since, limit = Infinity }: HistoryOptions = {},
  ): Promise<History> {
    checkName(channel, channelFault(channel));
    this.#ready();
    const { node } = this;
    const log = node.logs.open(channel);
    const start = since === undefined
      ? undefined
      : await locate(since, node, this.#backplane);
    const gone = start !== undefined && start.epoch !== node.epoch;
    const after = gone ? 0 : start?.seq ?? 0;
    await node.recovery.fill(log, after);
    const reset = gone || (start !== undefined && log.floor > after);
    const all = [...log.after(after)];
    const first = start ? 0 : Math.max(0, all.length - limit);
    return { frames: all.slice(first, first + limit), id: node.id, reset };
  }

  /** Gives a client its connection, for transports and protocols to park. */
  async connect(options: ConnectOptions): Promise<Connection> {
    this.#ready();
    return await connect(this.node, this.#backplane, options);
  }

  /**
   * Ends a connection and its response; false if it is not here, or a
   * `beforeDrop` listener keeps it. `after`: when its client may come back, in ms.
   */
  drop(id: string, reason: DropReason = "kicked", after?: number): boolean {
    const connection = this.connections.get(id);
    if (!connection) return false;
    if (reason === "left" || reason === "expired" || reason === "kicked") {
      if (!this.node.events.ask(connection, reason)) return false;
    }
    const { sink } = connection;
    this.node.remove(connection, reason);
    connection.sink = undefined;
    sink?.close(reason, after);
    this.node.events.emit("drop", connection, reason);
    return true;
  }

  /** Whether the policy lets `identity` do this. */
  async allows(
    action: Action,
    name: string,
    identity: Identity | undefined,
  ): Promise<boolean> {
    if (!this.policy.allow) return allowedByDefault(action);
    return await this.policy.allow(action, name, identity);
  }

  /**
   * Does what is due at `now`, in ms since 1970: heartbeats, answers to polls,
   * ends of slow and of absent connections, ages of messages. Its own timer calls
   * it; tests call it with the time they like.
   */
  sweep(now: number = this.node.settings.clock.now()): void {
    const { node } = this;
    node.now = now;
    const { linger } = node.settings;
    for (const connection of node.connections.values()) {
      if (connection.sink) connection.sink.sweep(now);
      else if (now - connection.awaySince >= linger) {
        const reason = connection.slow ? "slow" : "expired";
        if (!this.drop(connection.id, reason)) connection.awaySince = now;
      }
    }
    node.logs.age(now);
  }

  /** Makes sure that `sweep` runs by `time`, in ms since 1970. */
  wake(time: number): void {
    if (this.#closed || time >= this.#timerAt) return;
    this.#timer?.();
    const { clock } = this.node.settings;
    this.#timerAt = time;
    this.#timer = clock.schedule(() => {
      this.#timerAt = Infinity;
      this.sweep();
      this.wake(clock.now() + SWEEP);
    }, Math.max(0, time - clock.now()));
  }

  /**
   * Ends every connection: each client is told when to come back, spread over
   * four seconds. What is published or connects from then on is refused.
   */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.();
    let step = 0;
    for (const id of [...this.connections.keys()]) {
      this.drop(id, "shutdown", STEP * (1 + step++ % STEPS));
    }
    this.node.feed.stop();
    await this.#backplane.close();
  }

  #ready(): void {
    if (this.#closed) throw new PushError("shutdown", undefined, STEP);
    if (this.node.epoch === "") {
      throw new PushError("unavailable", "The server is starting.", STEP);
    }
  }
}

/**
 * Makes an engine. Throws a `RangeError` that names a wrong option, and an `Error`
 * where the runtime cannot carry it.
 */
export function createEngine(options: EngineOptions = {}): Engine {
  checkRuntime();
  return new Engine(options);
}

function checkName(name: string, fault: string | undefined): void {
  if (fault) throw new PushError("invalid_channel", `${name}: ${fault}`);
}
