/**
 * One channel, as a program sees it: publish to it, read what it holds, see who
 * is there.
 * @module
 */
import type { Connection } from "./connection.ts";
import type { Events } from "./events.ts";
import type { Frame } from "./frame.ts";
import type { Bounds } from "./log.ts";
import { matches } from "./name.ts";
import type { StandardSchema } from "./schema.ts";

/** What goes with a published message. */
export interface PublishOptions {
  /** A repeat with the same key in the same channel publishes nothing. */
  readonly key?: string | undefined;
  /** The id of the publishing connection. */
  readonly from?: string | undefined;
  /** JSON text that a protocol needs back. */
  readonly meta?: string | undefined;
}

/** Which messages to read. */
export interface HistoryOptions {
  /** Those after this id (default: all that are held). */
  readonly since?: string;
  /** At most so many: the oldest of them with `since`, else the newest. */
  readonly limit?: number;
}

/** What a channel still holds. */
export interface History {
  /** The messages, oldest first. */
  readonly frames: Frame[];
  /**
   * Resuming from it misses nothing: the present, or the last that fits `limit`;
   * `since` itself where this node has not come so far.
   */
  readonly id: string;
  /** Whether messages after `since` are missing. */
  readonly reset: boolean;
}

/** Somebody who follows a channel. */
export interface Present {
  /** The public id of the connection. */
  readonly connection: string;
  /** Who it is, if the policy knows. */
  readonly subject?: string;
}

/** How a channel is set up. */
export interface ChannelOptions<T> {
  /** What its log may hold from now on. */
  readonly history?: Partial<Bounds>;
  /** What its data must look like. */
  readonly schema?: StandardSchema<T, unknown>;
}

/** What one can listen to on a channel. */
export interface ChannelEvents {
  /** A message has taken its place in the order. */
  message(frame: Frame): void;
  /** A connection follows the channel. */
  subscribe(connection: Connection): void;
  /** A connection follows it no more. */
  unsubscribe(connection: Connection): void;
}

/** One channel of an engine, with the type of its data. */
export interface Channel<T = unknown> {
  /** Its name. */
  readonly name: string;
  /** Publishes to it; resolves to the message's id. */
  publish(data: T, options?: PublishOptions): Promise<string>;
  /** Reads what it still holds. */
  history(options?: HistoryOptions): Promise<History>;
  /** Who follows it: by name or by a pattern, parked or away for a moment. */
  presence(): Present[];
  /** Listens to what happens on it; returns what stops listening. */
  on<E extends keyof ChannelEvents>(
    event: E,
    listener: ChannelEvents[E],
  ): () => void;
}

/** Listens to what happens on one channel. */
export function onChannel<E extends keyof ChannelEvents>(
  events: Events,
  name: string,
  event: E,
  listener: ChannelEvents[E],
): () => void {
  const covers = (other: string) => other === name || matches(name, other);
  if (event === "message") {
    const heard = listener as ChannelEvents["message"];
    return events.on("message", (frame) => {
      if (frame.log === frame.channel && covers(frame.channel)) heard(frame);
    });
  }
  const seen = listener as ChannelEvents["subscribe"];
  return events.on(
    event as "subscribe" | "unsubscribe",
    (connection, other) => {
      const concerns = (it: string) => covers(it) || matches(it, name);
      // By another name it followed before, or does still.
      const follows = connection.channels.some((it) =>
        it !== other && concerns(it)
      );
      if (concerns(other) && !follows) seen(connection);
    },
  );
}
