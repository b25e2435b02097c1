/**
 * The logs of one node, kept in order by its feed, and the connections that
 * follow them: where publish, flush and resume meet. All of it is synchronous.
 * @module
 */
import type { Backplane } from "./backplane.ts";
import { Barred } from "./auth/barred.ts";
import type { Connection, Host } from "./connection.ts";
import { Counts } from "./operate/counts.ts";
import type { Drain } from "./drain.ts";
import { type DropReason, PushError } from "./errors.ts";
import { Events } from "./events.ts";
import { Feed, type FeedHost } from "./feed.ts";
import { Health } from "./operate/health.ts";
import { Flush, type FlushHost } from "./flush.ts";
import { type Chunk, Control, type Frame } from "./frame.ts";
import type { Log } from "./log.ts";
import { Logs } from "./logs.ts";
import { Meters } from "./auth/meter.ts";
import { ALL, NODES, privateLog, watchedChannel } from "./name.ts";
import type { Settings } from "./options.ts";
import { formatId } from "./position.ts";
import { Recovery, type RecoveryHost } from "./recovery.ts";

/** The other nodes on the same backplane, as far as this one has heard of them. */
export interface Peers {
  /** Something may have been missed: it begins, an order is lost, or a part of it. */
  lost(): void;
  /** A message of a log that begins with `$`. */
  hear(frame: Frame): void;
  /** Whose connection `id` is, if another node has it. */
  find(id: string): { readonly subject: string | undefined } | undefined;
  /** Resolves once all nodes tell who joins and leaves `channels`. */
  watch(channels: readonly string[]): Promise<void>;
}

/** The inside of an engine. */
export class Node implements Host, FeedHost, FlushHost, RecoveryHost {
  readonly settings: Settings;
  readonly logs: Logs;
  readonly events: Events = new Events();
  readonly counts: Counts = new Counts();
  readonly connections: Map<string, Connection> = new Map();
  readonly merged: Map<string, Chunk> = new Map();
  readonly barred: Barred = new Barred();
  readonly meters: Meters;
  readonly feed: Feed;
  readonly recovery: Recovery;
  readonly health: Health;
  /** Nobody, where the backplane reaches this process only. */
  peers: Peers | undefined;
  /** The time of this turn, in ms since 1970. */
  now: number;
  /** How it goes away, once it does: newcomers are refused. */
  drain: Drain | undefined;
  /** Whether everything is refused for good. */
  closed = false;
  /** Ended responses that are not read, and whose sockets are still there. */
  stalled = 0;
  readonly #flush: Flush;
  #newest: Frame | undefined;
  /** The logs that the newest message went into. */
  #touched: Log[] = [];
  #renewal: Control | undefined;
  #heartbeat: Control | undefined;
  readonly #silent = new Control({ type: "heartbeat" });

  constructor(settings: Settings, backplane: Backplane) {
    this.settings = settings;
    this.now = settings.clock.now();
    this.logs = new Logs(settings.history, settings.limits);
    this.meters = new Meters(settings.limits, () => settings.clock.now());
    this.recovery = new Recovery(this, backplane);
    this.health = new Health(this, backplane);
    this.#flush = new Flush(this);
    this.feed = new Feed(backplane, this, settings.preload);
  }

  get epoch(): string {
    return this.feed.epoch;
  }

  get applied(): number {
    return this.feed.applied;
  }

  /** The id of the present. */
  get id(): string {
    return formatId(this.epoch, this.applied);
  }

  /** Throws a retryable `PushError` unless this node serves now. */
  ready(): void {
    if (this.closed) {
      throw new PushError("shutdown", undefined, this.drain?.back());
    }
    if (this.epoch === "") {
      throw new PushError("unavailable", "The server is starting.", 500);
    }
  }

  /** The connection that a private log belongs to, if it is here. */
  ownerOf(log: string): Connection | undefined {
    return this.connections.get(log.slice(1));
  }

  // The feed brings a message.

  append(frame: Frame): void {
    this.#newest = frame;
    this.counts.messages++;
    this.#touched = this.#logsOf(frame);
    for (const log of this.#touched) this.logs.append(log, frame);
  }

  appended(): void {
    for (const log of this.#touched) {
      if (log.followers.size > 0) this.#flush.mark(log, this.#newest!.time);
      if (!this.logs.overflows(log)) continue;
      this.logs.trim(log, this.now);
      // Flushed within the turn only where something unseen had to be trimmed.
      if (log.followers.size > 0 && this.logs.overflows(log)) {
        this.#flush.now(log);
      }
    }
    const frame = this.#newest!;
    // What came before this node was there is nobody's news; but who was there is.
    if (this.epoch === "" && frame.log !== NODES) return;
    if (frame.log.startsWith("$")) this.peers?.hear(frame);
    if (frame.log !== NODES) this.events.emit("message", frame);
  }

  #logsOf(frame: Frame): Log[] {
    if (frame.log === ALL) return [this.logs.all];
    if (!frame.log.startsWith("$")) return this.logs.covering(frame.log);
    const held = this.logs.get(frame.log);
    if (held) return [held];
    if (frame.log === NODES || watchedChannel(frame.log) !== undefined) {
      return [];
    }
    const owner = this.ownerOf(frame.log);
    if (owner) return [this.#privateLogOf(owner)];
    // Those who were here before a restart come back for what they were sent.
    if (this.epoch === "") {
      return [this.logs.open(frame.log, this.logs.privateFloor)];
    }
    this.logs.privateFloor = frame.seq;
    return [];
  }

  /** The private log of a connection: made with its first message. */
  #privateLogOf(connection: Connection, floor = connection.born): Log {
    const name = privateLog(connection.id);
    const held = this.logs.get(name);
    if (held) return held;
    const log = this.logs.open(name, floor);
    this.follow(connection, log, true);
    // A new connection that resumes from an old place had no messages there.
    connection.beginAt(log, connection.born);
    return log;
  }

  /** A returning client may have missed private messages that came elsewhere. */
  claim(connection: Connection): void {
    const { id, epoch, sent, born } = connection;
    if (epoch !== this.epoch || sent >= born) return;
    const name = privateLog(id);
    if (this.logs.get(name)) return;
    this.follow(connection, this.logs.open(name, born), true);
  }

  renewed(): void {
    this.logs.clear(this.applied);
    this.merged.clear();
    this.#flush.renew();
    this.#renewal = undefined;
    for (const connection of this.connections.values()) {
      connection.early = false;
      connection.born = this.applied;
      this.claim(connection);
    }
    this.#flush.mark(this.logs.all);
    this.#missed();
    this.events.emit("order", this.id);
  }

  begun(): void {
    this.#missed();
  }

  #missed(): void {
    if (this.epoch !== "") this.peers?.lost();
  }

  lost(seq: number): void {
    this.logs.clear(seq);
    this.merged.clear();
    // What was sent to one connection may be among it: its log has to be read.
    for (const connection of this.connections.values()) {
      this.#privateLogOf(connection, seq);
    }
    this.#flush.mark(this.logs.all);
    this.#missed();
    // What came before this node was there is nobody's loss.
    if (this.epoch !== "") this.events.emit("gap", this.id);
  }

  // The flush serves connections.

  turn(): void {
    this.now = this.settings.clock.now();
    this.merged.clear();
  }

  schedule(callback: () => void, delay: number): void {
    this.settings.clock.schedule(callback, delay);
  }

  passed(log: Log, since?: number): void {
    this.logs.trim(log, this.now);
    if (since === undefined) return;
    const took = this.settings.clock.now() - since;
    this.counts.latency.observe(Math.max(0, took) / 1_000);
  }

  recover(connection: Connection, log: Log, after: number): boolean {
    return this.recovery.recover(connection, log, after);
  }

  /** A `reset`. The one for all follows a new epoch: clients go on at the present. */
  reset(channel?: string): Control {
    this.counts.resets++;
    if (channel !== undefined) return new Control({ type: "reset", channel });
    const { id } = this;
    if (this.#renewal?.data.type !== "reset" || this.#renewal.data.id !== id) {
      this.#renewal = new Control({ type: "reset", id });
    }
    return this.#renewal;
  }

  /** A sign of life; it names the present to those who stand there. */
  heartbeat(settled: boolean): Control {
    if (!settled) return this.#silent;
    const { id } = this;
    const data = this.#heartbeat?.data;
    if (!this.#heartbeat || (data?.type === "heartbeat" && data.id !== id)) {
      this.#heartbeat = new Control({ type: "heartbeat", id });
    }
    return this.#heartbeat;
  }

  // Connections come and go.

  /** Makes `connection` follow `log`. */
  follow(connection: Connection, log: Log, fromSent = false): void {
    connection.join(log, fromSent);
    // It has been brought what came before, and may have ended by that.
    if (connection.ended) return connection.leave(log);
    this.logs.follow(log, connection, this.applied);
    if (!log.name.startsWith("$")) this.meters.follow(connection, 1);
  }

  /** Makes `connection` follow `log` no more. */
  unfollow(connection: Connection, log: Log): void {
    connection.leave(log);
    this.logs.unfollow(log, connection);
    if (log.name === privateLog(connection.id)) this.logs.drop(log);
    if (log.name.startsWith("$")) return;
    this.meters.follow(connection, -1);
    this.events.emit("unsubscribe", connection, log.name);
  }

  /** Ends a connection: nothing of it stays but what its private log lost. */
  remove(connection: Connection, reason: DropReason): void {
    connection.ended = reason;
    this.counts.drops.add(reason);
    this.connections.delete(connection.id);
    for (const log of [...connection.logs]) this.unfollow(connection, log);
    this.meters.leave(connection);
  }

  away(connection: Connection): void {
    // To the millisecond: another node may have it by now.
    connection.awaySince = this.now = this.settings.clock.now();
    this.events.emit("away", connection);
  }

  /** A request was refused. */
  refused(error: PushError): void {
    this.counts.refusals.add(error.code);
    this.events.emit("refuse", error);
  }

  fail(error: unknown): void {
    this.events.emit("error", error);
  }
}
