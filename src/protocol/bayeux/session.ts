/**
 * What a session has beyond its connection: what its client has acknowledged, and
 * what the next connect decides.
 * @module
 */
import type { Connection } from "../../connection.ts";
import { Repeats } from "./repeats.ts";

/** How many replies are remembered until they are acknowledged. */
const UNACKNOWLEDGED = 64;

/** A Bayeux session: a connection of the engine, whose key is the clientId. */
export class Session {
  readonly connection: Connection;
  /** The browser's cookie, which others cannot know. */
  readonly browser: string;
  /** Whether the handshake itself said who it is: later requests need not. */
  readonly bound: boolean;
  /** Its batches, if the handshake asked for the ack extension. */
  readonly acks: Acks | undefined;
  /** What it published lately. */
  readonly repeats: Repeats = new Repeats();
  /** Whether a connect has come. */
  connected = false;
  /** The id of the last connect. */
  lastConnect: unknown;
  /** Where the reply to a repeated connect ends: where the first one did. */
  upTo = Infinity;
  /** Whether a reply with events has gone out that no connect has proved. */
  unproved = false;
  /** Whether such a reply was one to something else than a connect. */
  piggybacked = false;
  /** The advice it had last, as JSON text. */
  advised = "";
  /** When it did something other than to connect, in ms since 1970. */
  active: number;

  /** Begins with its handshake. */
  constructor(
    connection: Connection,
    fields: { browser: string; bound: boolean; ack: boolean; now: number },
  ) {
    this.connection = connection;
    this.browser = fields.browser;
    this.bound = fields.bound;
    this.acks = fields.ack ? new Acks() : undefined;
    this.active = fields.now;
  }

  /** It is there at `now`: that pushes the end of an absent one back. */
  touch(now: number, active: boolean): void {
    if (active) this.active = now;
    this.connection.awaySince = Math.max(this.connection.awaySince, now);
  }
}

/**
 * The ack extension: every connect reply has a number, and the next connect tells
 * the last one that arrived. A number stands for a place in the order.
 */
export class Acks {
  #last = 0;
  /** The replies that nobody has acknowledged, oldest first. */
  readonly #replies: { readonly batch: number; readonly seq: number }[] = [];

  /** The number of the next reply, which has everything up to `seq`. */
  next(seq: number): number {
    this.#replies.push({ batch: ++this.#last, seq });
    // Of one that acknowledges nothing. What it has had comes again, at worst.
    if (this.#replies.length > UNACKNOWLEDGED) this.#replies.shift();
    return this.#last;
  }

  /** Up to where a client has everything that says it has `batch`, if that is news. */
  received(batch: unknown): number | undefined {
    let seq: number | undefined;
    if (typeof batch !== "number" || batch > this.#last) return undefined;
    while (this.#replies.length > 0 && this.#replies[0]!.batch <= batch) {
      seq = this.#replies.shift()!.seq;
    }
    return seq;
  }
}
