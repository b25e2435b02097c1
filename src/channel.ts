/**
 * One channel, as a program sees it: publish to it, read what it holds.
 * @module
 */
import type { Frame } from "./frame.ts";

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
  /** Where the node stands: resuming from it misses nothing in between. */
  readonly id: string;
  /** Whether messages after `since` are missing. */
  readonly reset: boolean;
}

/** One channel of an engine. */
export interface Channel {
  /** Its name. */
  readonly name: string;
  /** Publishes to it; resolves to the message's id. */
  publish(data: unknown, options?: PublishOptions): Promise<string>;
  /** Reads what it still holds. */
  history(options?: HistoryOptions): Promise<History>;
}
