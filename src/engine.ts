/**
 * The public face of one node: publish, connect, drop, listen.
 * @module
 */
import { Alarm } from "./alarm.ts";
import { connect, type ConnectOptions } from "./arrival.ts";
import { type Backplane, memory } from "./backplane.ts";
import {
  type Channel,
  type ChannelOptions,
  type History,
  type HistoryOptions,
  onChannel,
  type Present,
  type PublishOptions,
} from "./channel.ts";
import type { Connection } from "./connection.ts";
import { type CloseOptions, Drain } from "./drain.ts";
import { drop, dropSubject, endsHere } from "./drops.ts";
import { type DropReason, PushError } from "./errors.ts";
import type { EngineEvents } from "./events.ts";
import { readHistory } from "./history.ts";
import { logEvents } from "./operate/logging.ts";
import { ALL, privateLog, subscriptionFault } from "./name.ts";
import { watchForNeighbours } from "./neighbour.ts";
import { Node } from "./node.ts";
import { boundsOf, type EngineOptions, settingsOf } from "./options.ts";
import type { Policy } from "./policy.ts";
import { announcePresence, presentIn } from "./presence.ts";
import { checkChannel, Publisher, refuse, sendToEach } from "./publisher.ts";
import { Roster } from "./cluster/roster.ts";
import { checkRuntime } from "./runtime.ts";
import { Sweep } from "./sweep.ts";

/** How often old messages and absent connections are looked for, in ms. */
const SWEEP = 1_000;

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
  readonly #alarm: Alarm;
  readonly #sweep: Sweep;
  readonly #publisher: Publisher;
  /** The other nodes; none where the backplane reaches this process only. */
  readonly #roster: Roster | undefined;
  readonly #closing = new AbortController();
  #forgetNeighbours = () => {};
  #closed: Promise<void> | undefined;

  /** Use {@linkcode createEngine}. */
  constructor(options: EngineOptions = {}) {
    this.#backplane = options.backplane ?? memory();
    this.node = new Node(settingsOf(options), this.#backplane);
    this.policy = options.policy ?? {};
    this.#publisher = new Publisher(this.node, this.#backplane);
    this.#sweep = new Sweep(this.node);
    const { events, settings } = this.node;
    if (options.log) logEvents(events, settings.clock, options.log);
    if (this.#backplane.local) {
      announcePresence(this.node, this.#backplane);
      const fail = (error: Error) => this.node.fail(error);
      this.#forgetNeighbours = watchForNeighbours(fail);
    } else this.#roster = new Roster(this.node, this.#backplane);
    this.node.peers = this.#roster;
    this.node.feed.start();
    const { clock, heartbeat } = settings;
    // Often enough that no stream is silent for longer than `heartbeat`.
    const every = Math.min(SWEEP, heartbeat / 4);
    this.#alarm = new Alarm(clock, every, (late) => {
      this.node.counts.loopLag.observe(late / 1_000);
      this.#sweep.begin();
      this.#roster?.sweep(clock.now());
    });
  }

  /** Aborts when the engine is closed; for responses of one's own. */
  get signal(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Resolves when it serves: at once in memory, else when the backplane has told what
   * order there is. Rejects as `shutdown` once it is closed.
   */
  async ready(): Promise<void> {
    await this.node.feed.reached;
    this.node.ready();
  }

  /** The connections of this node by id, parked or away. */
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

  /**
   * One channel. `history` says what its log may hold from now on, `schema` what
   * its data must look like; both may be set for a pattern, but one publishes to
   * channels only.
   */
  channel<T = unknown>(
    name: string,
    options: ChannelOptions<T> = {},
  ): Channel<T> {
    const { node } = this;
    refuse(name, subscriptionFault(name));
    if (options.history) {
      const bounds = boundsOf(options.history, node.settings.history);
      node.logs.configure(name, bounds);
    }
    if (options.schema) this.#publisher.schemas.set(name, options.schema);
    return {
      name,
      publish: (data, options) => this.publish(name, data, options),
      history: (options) => this.history(name, options),
      presence: () => this.presence(name),
      on: (event, listener) => onChannel(node.events, name, event, listener),
    };
  }

  /** Who follows a channel: by name or by a pattern, parked or away, at any node. */
  presence(channel: string): Present[] {
    checkChannel(channel);
    return presentIn(this.node, channel, this.#roster?.following(channel));
  }

  /**
   * Publishes to a channel; resolves to the message's id once its place in the order
   * is certain. Rejects with a `PushError`: `invalid_channel`, `invalid_data`,
   * `invalid_json`, `too_large`, `key_reused`; `unavailable` means that nobody knows
   * whether it was published.
   */
  async publish(
    channel: string,
    data: unknown,
    options: PublishOptions = {},
  ): Promise<string> {
    return await this.#publisher.publish(channel, channel, data, options);
  }

  /**
   * Sends to one connection, at whatever node; `channel` says what it is about. Rejects
   * with `not_found` if it is nobody's, with `unavailable` if some node does not say.
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
  async sendTo(
    to: string | readonly string[],
    channel: string,
    data: unknown,
    options: PublishOptions = {},
  ): Promise<string | (string | undefined)[]> {
    if (typeof to !== "string") {
      const send = (id: string) => this.sendTo(id, channel, data, options);
      return await sendToEach(to, send);
    }
    this.node.ready();
    if (!this.connections.has(to) && !await this.#roster?.reaches(to)) {
      throw new PushError("not_found", "There is no such connection.");
    }
    const log = privateLog(to);
    return await this.#publisher.publish(log, channel, data, options);
  }

  /** Sends to every connection that has been subscribed to anything, whatever that is. */
  async sendToAll(
    channel: string,
    data: unknown,
    options: PublishOptions = {},
  ): Promise<string> {
    return await this.#publisher.publish(ALL, channel, data, options);
  }

  /** Reads what a channel still holds, here or on the backplane. */
  async history(
    channel: string,
    options: HistoryOptions = {},
  ): Promise<History> {
    checkChannel(channel);
    this.node.ready();
    return await readHistory(this.node, this.#backplane, channel, options);
  }

  /** Gives a client its connection, for transports and protocols to park. */
  async connect<T = Connection>(
    options: ConnectOptions,
    park: (connection: Connection) => T = (connection) => connection as T,
  ): Promise<Awaited<T>> {
    this.node.ready();
    return await connect(this.node, this.#backplane, options, park);
  }

  /**
   * Ends a connection and its response, at whatever node; false if none is known to
   * have it, or a `beforeDrop` listener here keeps it (one at another node does so
   * without a word). `after`: when its client may come back, in ms.
   */
  drop(id: string, reason: DropReason = "kicked", after?: number): boolean {
    const connection = this.connections.get(id);
    if (connection && !drop(this.node, connection, reason, after)) return false;
    if (!connection && !this.#roster?.find(id)) return false;
    // Its client may have moved on a moment ago, which is not known here yet.
    this.#roster?.drop(id, reason, after);
    return true;
  }

  /** As `drop`, for all connections of a subject; returns how many were known. */
  dropSubject(
    subject: string,
    reason: DropReason = "kicked",
    after?: number,
  ): number {
    const elsewhere = this.#roster?.dropSubject(subject, reason, after) ?? 0;
    return elsewhere + dropSubject(this.node, subject, reason, after);
  }

  /**
   * Does what is due at `now`, in ms since 1970: heartbeats, answers to polls, ends of
   * all kinds. Its own timer calls it; tests call it with the time they like.
   */
  sweep(now: number = this.node.settings.clock.now()): void {
    this.#sweep.now(now);
    this.#roster?.sweep(now);
  }

  /** Makes sure that `sweep` runs by `time`, in ms since 1970. */
  wake(time: number): void {
    this.#alarm.set(Math.ceil(time / 50) * 50);
  }

  /**
   * Ends every connection of this node, in waves if `over` says so: each client is told
   * when to come back, so that no second brings more of them than `reconnectRate`. From
   * its first moment newcomers are refused, and `readyz` says no; once all have been
   * told, everything is refused. Called again, it ends within the shorter time.
   */
  async close(options: CloseOptions = {}): Promise<void> {
    const { node } = this;
    if (node.drain) node.drain.hurry(options.over);
    else {
      node.drain = new Drain(endsHere(node), node.settings, options);
      node.events.emit("drain", node.connections.size);
    }
    return await (this.#closed ??= this.#end(node.drain));
  }

  async #end(drain: Drain): Promise<void> {
    const { node } = this;
    drain.wave();
    // Where all go at once, nothing comes in between.
    if (this.connections.size > 0) await drain.done;
    this.#closing.abort();
    node.closed = true;
    this.#alarm.stop();
    this.#forgetNeighbours();
    await node.health.within(this.#roster?.close());
    node.feed.stop();
    await node.health.within(this.#backplane.close());
    node.events.emit("close");
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
