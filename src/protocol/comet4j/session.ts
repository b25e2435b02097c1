/**
 * What a Comet4J client is besides a connection: how it is served, who may ask for it
 * again, and the time of its last frame.
 * @module
 */
import type { Connection } from "../../connection.ts";
import type { Engine } from "../../engine.ts";
import { Chunk } from "../../frame.ts";
import { comet4jFormat, frameText, SYSTEM, type WorkStyle } from "./wire.ts";

/** A frame that comes in several parts kills a `stream` client; see `$toolong`. */
export const LARGEST = 65_536;

/** Times of messages lie 1 µs apart: several such steps fit in between. */
const STEP = 2 ** -12;

const encoder = new TextEncoder();

/** A Comet4J client. */
export class Session {
  readonly engine: Engine;
  readonly connection: Connection;
  readonly style: WorkStyle;
  /** What its browser has in a cookie; `undefined` if none is asked for. */
  readonly secret: string | undefined;
  readonly #cacheExpires: number;
  /** The time of its last frame: the next one has a later one. */
  #time: number;
  #before = 0;

  constructor(
    engine: Engine,
    connection: Connection,
    style: WorkStyle,
    secret: string | undefined,
    cacheExpires: number,
  ) {
    this.engine = engine;
    this.connection = connection;
    this.style = style;
    this.secret = secret;
    this.#cacheExpires = cacheExpires;
    this.#time = this.#now() - 2;
  }

  /**
   * The next message as a frame, or what has to be said in its place. Messages that
   * have waited too long are passed over, and told of by one frame.
   */
  next(): Uint8Array<ArrayBuffer> | undefined {
    const { connection } = this;
    const oldest = this.#now() - this.#cacheExpires;
    this.#before = this.#time;
    const lost = new Set<string>();
    for (;;) {
      const next = connection.next(1);
      if (next instanceof Chunk) {
        const frame = next.frames[0]!;
        if (frame.time < oldest) {
          lost.add(frame.channel);
          connection.confirm();
          continue;
        }
        if (lost.size === 0) {
          const bytes = frame.bytes(comet4jFormat);
          if (this.style === "stream" && bytes.length > LARGEST) {
            return this.say("$toolong", frame.channel);
          }
          this.#time = frame.time;
          return bytes as Uint8Array<ArrayBuffer>;
        }
        // It comes after what is told now.
        connection.rewind();
      } else if (next?.data.type === "reset") {
        const { channel } = next.data;
        if (channel === undefined) return this.say("$reset", null);
        lost.add(channel);
      }
      return lost.size > 0 ? this.say("$reset", [...lost]) : undefined;
    }
  }

  /** The last frame of a response: its client comes again. */
  dying(): Uint8Array<ArrayBuffer> {
    return this.say(SYSTEM, "dying");
  }

  /** Puts back what `next` gave last: it is not written on this response. */
  back(): void {
    this.connection.rewind();
    this.#time = this.#before;
  }

  /** A frame that the server itself has to say. */
  say(channel: string, data: unknown): Uint8Array<ArrayBuffer> {
    const step = this.#time + STEP;
    // Later than what was written, but earlier than what is waiting, or comes now.
    const settled = this.connection.settle();
    this.#time = settled ? Math.max(step, this.#now() - 1) : step;
    return encoder.encode(frameText(channel, JSON.stringify(data), this.#time));
  }

  #now(): number {
    return this.engine.node.settings.clock.now();
  }
}
