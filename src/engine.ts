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
import { drop, dropSubject, sweepConnections } from "./drops.ts";
import { type DropReason, PushError } from "./errors.ts";
import type { EngineEvents } from "./events.ts";
import { readHistory } from "./history.ts";
import { ALL, privateLog, subscriptionFault } from "./name.ts";
import { watchForNeighbours } from "./neighbour.ts";
import { Node } from "./node.ts";
import { boundsOf, type EngineOptions, settingsOf } from "./options.ts";
import type { Policy } from "./policy.ts";
import { announcePresence, presentIn } from "./presence.ts";
import { checkChannel, Publisher, refuse } from "./publisher.ts";
import { Roster } from "./roster.ts";
import { checkRuntime } from "./runtime.ts";

/** How often old messages and absent connections are looked for, in ms. */
const SWEEP = 1_000;

/** Coming back after a shutdown is spread over so many steps, in ms each. */
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
  readonly #alarm: Alarm;
  readonly #publisher: Publisher;
  /** The other nodes; none where the backplane reaches this process only. */
  readonly #roster: Roster | undefined;
  readonly #closing = new AbortController();
  #forgetNeighbours = () => {};

  /** Use {@linkcode createEngine}. */
  constructor(options: EngineOptions = {}) {
    this.#backplane = options.backplane ?? memory();
    this.node = new Node(settingsOf(options), this.#backplane);
    this.policy = options.policy ?? {};
    this.#publisher = new Publisher(this.node, this.#backplane);
    if (this.#backplane.local) {
      announcePresence(this.node, this.#backplane);
      const fail = (error: Error) => this.node.fail(error);
      this.#forgetNeighbours = watchForNeighbours(fail);
    } else this.#roster = new Roster(this.node, this.#backplane);
    this.node.peers = this.#roster;
    this.node.feed.start();
    const { clock, heartbeat } = this.node.settings;
    // Often enough that no stream is silent for longer than `heartbeat`.
    const every = Math.min(SWEEP, heartbeat / 4);
    this.#alarm = new Alarm(clock, every, () => this.sweep());
  }

  /** Aborts when the engine is closed; for responses of one's own. */
  get signal(): AbortSignal {
    return this.#closing.signal;
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
   * Publishes to a channel; resolves to the message's id once its place in the
   * order is certain. Rejects with a `PushError`: `invalid_channel`,
   * `invalid_data`, `invalid_json`, `too_large`, `key_reused`; `unavailable` means that nobody
   * knows whether it was published.
   */
  async publish(
    channel: string,
    data: unknown,
    options: PublishOptions = {},
  ): Promise<string> {
    return await this.#publisher.publish(channel, channel, data, options);
  }

  /**
   * Sends to one connection, at whatever node and whatever it is subscribed to;
   * `channel` says what it is about. Rejects with `not_found` if it is nobody's, with
   * `unavailable` if some node does not say whether it is its own.
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
      const send = (id: string) => this.sendTo(id, channel, data, options);
      return await Promise.all(to.map((id) => send(id).catch(ifGone)));
    }
    this.node.ready();
    if (!this.connections.has(to) && !await this.#roster?.reaches(to)) {
      throw new PushError("not_found", "There is no such connection.");
    }
    return await this.#publisher.publish(
      privateLog(to),
      channel,
      data,
      options,
    );
  }

  /** Sends to every connection, whatever it is subscribed to. */
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
    const elsewhere = this.#roster?.drop(id, reason, after) ?? false;
    return connection !== undefined || elsewhere;
  }

  /**
   * Ends all connections of a subject, at all nodes; how many were known. Those that
   * a `beforeDrop` listener keeps stay.
   */
  dropSubject(
    subject: string,
    reason: DropReason = "kicked",
    after?: number,
  ): number {
    const elsewhere = this.#roster?.dropSubject(subject, reason, after) ?? 0;
    return elsewhere + dropSubject(this.node, subject, reason, after);
  }

  /**
   * Whose connection `id` is, if any node is known to have it.
   * @internal
   */
  whose(id: string): { readonly subject: string | undefined } | undefined {
    const connection = this.connections.get(id);
    if (connection) return { subject: connection.identity?.subject };
    return this.#roster?.find(id);
  }

  /**
   * Does what is due at `now`, in ms since 1970: heartbeats, answers to polls, ends
   * of slow and of absent connections, of tokens, of messages that are too old. Its own timer calls
   * it; tests call it with the time they like.
   */
  sweep(now: number = this.node.settings.clock.now()): void {
    const { node } = this;
    node.now = now;
    node.merged.clear();
    sweepConnections(node, now);
    node.logs.age(now);
    this.#roster?.sweep(now);
  }

  /** Makes sure that `sweep` runs by `time`, in ms since 1970. */
  wake(time: number): void {
    this.#alarm.set(Math.ceil(time / 50) * 50);
  }

  /**
   * Ends every connection of this node: each client is told when to come back,
   * spread over four seconds, to whatever node. What is published or connects here
   * from then on is refused.
   */
  async close(): Promise<void> {
    if (this.node.closed) return;
    this.#closing.abort();
    this.node.closed = true;
    this.#alarm.stop();
    this.#forgetNeighbours();
    const goodbye = this.#roster?.close();
    let step = 0;
    for (const connection of [...this.connections.values()]) {
      drop(this.node, connection, "shutdown", STEP * (1 + step++ % STEPS));
    }
    await goodbye;
    this.node.feed.stop();
    await this.#backplane.close();
  }
}

function ifGone(error: unknown): undefined {
  if (error instanceof PushError && error.code === "not_found") return;
  throw error;
}

/**
 * Makes an engine. Throws a `RangeError` that names a wrong option, and an `Error`
 * where the runtime cannot carry it.
 */
export function createEngine(options: EngineOptions = {}): Engine {
  checkRuntime();
  return new Engine(options);
}
