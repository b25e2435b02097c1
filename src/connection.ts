/**
 * A client for as long as it keeps coming back: its channels, two numbers, and
 * the response it is parked on. It owns no queue.
 * @module
 */
import type { Counts } from "./operate/counts.ts";
import type { DropReason } from "./errors.ts";
import { Chunk, type Control } from "./frame.ts";
import { type Log, mergedOnce, type Reading, stillAbove } from "./log.ts";
import { watchedChannel } from "./name.ts";
import type { Identity } from "./policy.ts";
import { formatId } from "./position.ts";
import type { Sink } from "./sink.ts";

/** What a connection needs to know of its engine. */
export interface Host {
  /** The present order. */
  readonly epoch: string;
  /** The last `seq` taken from the feed: nothing above it is written or named. */
  readonly applied: number;
  /** The time of the present turn, in ms since 1970. */
  readonly now: number;
  /** What has happened so far. */
  readonly counts: Counts;
  /** Merged chunks of this turn, by the logs and places they came from. */
  readonly merged: Map<string, Chunk>;
  /** Reads what `log` no longer has above `after`; false if that takes time. */
  recover(connection: Connection, log: Log, after: number): boolean;
  /** The `reset` to be told: of one channel, or of all after a new epoch. */
  reset(channel?: string): Control;
  /** A response has ended and no other has come. */
  away(connection: Connection): void;
}

/** A client for as long as it keeps coming back. */
export class Connection {
  /** The public id: a hash of the key, so that any node can verify it. */
  readonly id: string;
  /** The secret that reclaims or ends this connection. */
  readonly key: string;
  /** Who it is, if the policy knows; whoever comes back may bring a new token. */
  identity: Identity | undefined;
  /** The order that `sent` and `cursor` are places in. */
  epoch: string;
  /** Everything of its logs up to here has been handed out. */
  sent: number;
  /** Everything up to here is known to have arrived. */
  cursor: number;
  /** Where it began in the present order: its own log holds all above. */
  born: number;
  /**
   * The logs it follows: its channels, `$all`, and perhaps its own.
   * @internal
   */
  readonly logs: Log[] = [];
  /** The open response, or `undefined` while it is away. */
  sink: Sink | undefined;
  /** Since when it has been away, in ms since 1970. */
  awaySince: number;
  /** Whether it went away for being slow: its end is called so. */
  slow = false;
  /** How long it may be away, in ms, if not as long as the engine says. */
  linger: number | undefined;
  /** Why it was dropped, if it was: nothing can be parked on it any more. */
  ended: DropReason | undefined;
  /** How many of its logs are being read from the backplane. */
  reading = 0;
  /** Whether its epoch is one that this node has not reached yet (O3). */
  early = false;
  readonly #host: Host;
  /** Logs that begin later than `cursor`: joined while lagging (O10). */
  #begins: Map<Log, number> | undefined;
  /** Logs that begin later than `sent`, since a `reset` has told so (O7). */
  #cuts: Map<Log, number> | undefined;

  /** @internal */
  constructor(
    host: Host,
    id: string,
    key: string,
    identity: Identity | undefined,
  ) {
    this.#host = host;
    this.id = id;
    this.key = key;
    this.identity = identity;
    this.epoch = host.epoch;
    this.sent = this.cursor = this.born = host.applied;
    this.awaySince = host.now;
  }

  /** The names and patterns it is subscribed to. */
  get channels(): string[] {
    return this.logs.map((log) => log.name).filter((name) => name[0] !== "$");
  }

  /** Whether it is told who joins and leaves. */
  get watches(): boolean {
    return this.logs.some((log) => watchedChannel(log.name) !== undefined);
  }

  /** How its open response is parked; `undefined` while it is away. */
  get transport(): string | undefined {
    return this.sink?.transport;
  }

  /** Parks it on `sink`, in place of a former one. */
  park(sink: Sink): void {
    this.detach();
    if (this.ended) return sink.close(this.ended);
    this.sink = sink;
    this.slow = false;
    this.#host.counts.opens.add(sink.transport);
  }

  /**
   * Takes it off its response, which is closed as `replaced`: another request has
   * the key. It is not away; what the old response still does changes nothing.
   * @internal
   */
  detach(): void {
    const former = this.sink;
    this.sink = undefined;
    this.awaySince = this.#host.now;
    former?.close("replaced");
  }

  /** `sink` has ended. If another has taken its place, that changes nothing. */
  unpark(sink: Sink): void {
    if (this.sink !== sink) return;
    this.sink = undefined;
    this.awaySince = this.#host.now;
    this.#host.away(this);
  }

  /** Hands what is new to the open response, if there is one. */
  flush(): void {
    this.sink?.flush();
  }

  /**
   * Goes on from `seq`, as a returning client asks; `early` as in O3.
   * @internal
   */
  resume(epoch: string, seq: number, early = false): void {
    this.epoch = epoch;
    this.sent = this.cursor = seq;
    this.early = early;
    this.#begins = this.#cuts = undefined;
  }

  /**
   * Goes on from what is known to have arrived.
   * @internal
   */
  rewind(): void {
    this.sent = Math.min(this.sent, this.cursor);
    // What was told of a loss may not have arrived, so it is told again.
    this.#cuts = undefined;
  }

  /**
   * Everything handed out is known to have arrived, or the transport proves nothing.
   * @internal
   */
  confirm(): void {
    this.cursor = this.sent;
    // A loss that its client knows of is not told again.
    this.#cuts?.forEach((floor, log) => this.beginAt(log, floor));
    this.#cuts = undefined;
    this.#begins = stillAbove(this.#begins, this.cursor);
  }

  /**
   * Makes `log` begin at `seq` for this connection.
   * @internal
   */
  beginAt(log: Log, seq: number): void {
    // Above `cursor`, not only above `sent`: a `rewind` would go back past it.
    if (seq > this.cursor) (this.#begins ??= new Map()).set(log, seq);
  }

  /**
   * Follows `log` from the present on (O10), unless it shall go on from `sent`.
   * @internal
   */
  join(log: Log, fromSent = false): void {
    if (!fromSent) {
      this.flush();
      this.settle();
      this.beginAt(log, this.#host.applied);
    }
    this.logs.push(log);
  }

  /**
   * Follows `log` no more.
   * @internal
   */
  leave(log: Log): void {
    const index = this.logs.indexOf(log);
    if (index >= 0) this.logs.splice(index, 1);
    this.#begins?.delete(log);
    this.#cuts?.delete(log);
  }

  /** Whether a log begins later than `sent`: `sent` alone would not say so. */
  get cut(): boolean {
    return this.#cuts !== undefined ||
      stillAbove(this.#begins, this.sent) !== undefined;
  }

  /**
   * What to write next: a `reset`, or the frames above `sent` as one chunk, or
   * nothing. Resets come first, before any frame above the cursor (O7). `limit`:
   * how many frames the response may carry.
   */
  next(limit = Infinity): Chunk | Control | undefined {
    const host = this.#host;
    if (this.early || this.reading > 0) return undefined;
    if (this.epoch !== host.epoch) {
      this.resume(host.epoch, host.applied);
      return host.reset();
    }
    // As after most writes: no log goes further than that.
    if (this.sent === host.applied) return undefined;
    let cut: Log | undefined;
    let first: Log | undefined;
    let several: Reading[] | undefined;
    for (const log of this.logs) {
      const after = this.#after(log);
      if (log.floor > after && host.recover(this, log, after)) {
        if (log.floor > after) cut ??= log;
      }
      if (log.top <= after) continue;
      if (!first) first = log;
      else {
        several ??= [{ log: first, after: this.#after(first) }];
        several.push({ log, after });
      }
    }
    if (this.reading > 0) return undefined;
    if (cut) {
      (this.#cuts ??= new Map()).set(cut, cut.floor);
      return host.reset(cut.name);
    }
    if (!first) {
      this.#advance(host.applied);
      return undefined;
    }
    let chunk = several
      ? mergedOnce(several, host.merged)
      : first.chunk(this.#after(first));
    if (chunk.frames.length > limit) {
      chunk = new Chunk(chunk.frames.slice(0, limit));
    }
    host.counts.deliveries += chunk.frames.length;
    this.#advance(chunk.last);
    return chunk;
  }

  /**
   * Moves `sent` up to the present if nothing of its logs lies between, and says
   * whether it stands there: only then may `applied` be named to it (O8).
   * @internal
   */
  settle(): boolean {
    const host = this.#host;
    if (this.early || this.reading > 0 || this.epoch !== host.epoch) {
      return false;
    }
    for (const log of this.logs) {
      const after = this.#after(log);
      if (log.top > after || log.floor > after) return false;
    }
    this.#advance(host.applied);
    return this.sent === host.applied;
  }

  /** The id of what it has had, if this node may name it (O2, O8). */
  get position(): string | undefined {
    const { epoch, applied } = this.#host;
    if (this.early || this.epoch !== epoch) return undefined;
    if (this.sent > applied || this.cut) return undefined;
    return formatId(epoch, this.sent);
  }

  #after(log: Log): number {
    if (!this.#begins && !this.#cuts) return this.sent;
    const begins = this.#begins?.get(log) ?? 0;
    return Math.max(this.sent, begins, this.#cuts?.get(log) ?? 0);
  }

  #advance(seq: number): void {
    if (seq > this.sent) this.sent = seq;
    this.#cuts = stillAbove(this.#cuts, this.sent);
  }
}
