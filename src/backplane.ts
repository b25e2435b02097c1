/**
 * The contract of a backplane: it puts all messages into one order and brings
 * them to every node. And the one that lives in memory, for a single node.
 * @module
 */
import { createHash } from "./deps.ts";
import { newEpoch } from "./key.ts";
import { PushError } from "./errors.ts";
import { Frame } from "./frame.ts";
import type { Position } from "./position.ts";
import { Round } from "./round.ts";

/** A value, or a promise of it: synchronous where nothing has to be waited for. */
export type MaybePromise<T> = T | Promise<T>;

/** A message that has no place in the order yet. */
export interface Draft {
  /** Where it shall lie. */
  readonly log: string;
  /** What it is about. */
  readonly channel: string;
  /** The data as JSON text without line breaks. */
  readonly data: string;
  /** When it was published, in ms since 1970, by the publisher's clock. */
  readonly time: number;
  /** The id of the publishing connection. */
  readonly from?: string | undefined;
  /** JSON text that a protocol needs back. */
  readonly meta?: string | undefined;
  /** A repeat with the same key in the same log publishes nothing (O9). */
  readonly key?: string | undefined;
}

/** What a feed calls, one call after the other, never two at once. */
export interface FeedListener {
  /** The next message. */
  frame(frame: Frame): void;
  /** An order (another, or the first): its next message is `position.seq + 1`. */
  epoch(position: Position): void;
  /** What lies up to `seq` can no longer be delivered; the next is `seq + 1`. */
  lost(seq: number): void;
}

/** Some frames of one log, oldest first. */
export interface Reading {
  /** The order they belong to. */
  readonly epoch: string;
  /** The oldest of those above `after`; at most `limit`, and none at or below `floor`. */
  readonly frames: readonly Frame[];
  /**
   * Where to go on: `frames` holds all up to here, the rest is read from here, however
   * few these are. `undefined` if this was all.
   */
  readonly next: number | undefined;
  /** The `seq` of the newest frame of this log that is no longer held. */
  readonly floor: number;
}

/** The `next` of a page, from all that was `found` for it, up to `limit`. */
export function pageEnd(
  found: readonly { readonly seq: number }[],
  limit: number,
): number | undefined {
  return found.length < limit ? undefined : found.at(-1)?.seq;
}

/** The names that are held, with the `seq` of the newest frame of each. */
export interface Tops {
  /** The order they belong to. */
  readonly epoch: string;
  /** Each name, and the `seq` of its newest frame. */
  readonly tops: Iterable<readonly [log: string, seq: number]>;
  /** The floor of names that are not among them. */
  readonly floor: number;
}

/**
 * Orders messages and brings them to every node. Whatever is published comes
 * back through the feed; there is no other way into a log.
 *
 * A backplane MUST
 * - give every message the next `seq` of its epoch, from 1, without holes, and a
 *   `time` above that of every message its node has published or been fed (of those
 *   that nodes publish at once the engine makes the times rise);
 * - feed every node every message of every log (`$` names included), in order;
 * - begin another epoch whenever `seq` could go back (a restart that forgot, a
 *   failover to a replica that lags): ids of a lost order must not come again;
 * - answer a repeated key in the same log, for some time, with the first id, and
 *   refuse it with `key_reused` if the data differ;
 * - reject with `unavailable`, in bounded time, what it cannot say: the message may
 *   be published or not, and the client repeats it with its key;
 * - let a bounded number wait: what comes while so many do is `unavailable`, too.
 *
 * It MAY repeat messages in the feed, or skip some; the engine asks again with
 * `feed(applied)`. It MAY give in `read` what the feed has not brought yet.
 * It MUST NOT call a listener after its `stop` has returned.
 */
export interface Backplane {
  /** Whether it reaches this process only. */
  readonly local?: boolean;
  /** Puts a message into the order; its place, once that is certain. */
  publish(draft: Draft): MaybePromise<Position>;
  /**
   * Delivers everything above `after`, or what comes from now on if it is not
   * given or of another epoch; the listener then hears `epoch` first.
   * Returns a function that stops it.
   */
  feed(after: Position | undefined, listener: FeedListener): () => void;
  /**
   * What a log holds above `after`. Where this is missing the backplane keeps
   * nothing: what a node has dropped is lost.
   */
  read?(log: string, after: number, limit: number): Promise<Reading>;
  /** Which logs there are, for reading what a pattern covers; goes with `read`. */
  tops?(): Promise<Tops>;
  /** The newest place in the order. */
  top(): MaybePromise<Position>;
  /** Ends its connections and timers; what is published then is refused. */
  close(): MaybePromise<void>;
}

/** How long, and how many, idempotency keys are remembered. */
export interface MemoryOptions {
  /** How long a key is remembered, in ms (default 300,000). */
  readonly keyAge?: number;
  /** How many keys are remembered (default 10,000). */
  readonly keys?: number;
}

interface Remembered {
  readonly seq: number;
  readonly time: number;
  readonly digest: string;
}

/**
 * A backplane in memory: one process, nothing kept. A new epoch begins whenever
 * it is made, so clients that come back after a restart are told by a `reset`.
 */
export function memory(options: MemoryOptions = {}): Backplane {
  const { keyAge = 300_000, keys: maxKeys = 10_000 } = options;
  const epoch = newEpoch();
  const listeners = new Set<FeedListener>();
  const keys = new Map<string, Remembered>();
  const round = new Round(keys);
  let oldest: [string, Remembered] | undefined;
  let seq = 0;
  let last = 0;
  let closed = false;
  const queue: Frame[] = [];

  /** Forgets keys as old as `before`, and the oldest of more than `most`. */
  function forget(before: number, most: number): void {
    for (;;) {
      oldest ??= round.oldest();
      if (!oldest) return;
      const [key, { time }] = oldest;
      if (time > before && keys.size <= most) return;
      keys.delete(key);
      oldest = undefined;
    }
  }

  function repeated(draft: Draft, key: string): Position | undefined {
    const digest = digestOf(draft);
    forget(draft.time - keyAge, Infinity);
    const known = keys.get(key);
    if (!known) {
      forget(-Infinity, maxKeys - 1);
      keys.set(key, { seq: seq + 1, time: draft.time, digest });
      return undefined;
    }
    if (known.digest !== digest) {
      throw keyReused();
    }
    return { epoch, seq: known.seq };
  }

  function deliver(): void {
    const failed: unknown[] = [];
    for (let i = 0; i < queue.length; i++) {
      for (const listener of listeners) {
        try {
          listener.frame(queue[i]!);
        } catch (error) {
          failed.push(error);
        }
      }
    }
    queue.length = 0;
    if (failed.length > 0) throw failed[0];
  }

  return {
    local: true,
    publish(draft) {
      if (closed) {
        throw new PushError("unavailable", "The backplane is closed.");
      }
      if (draft.key !== undefined) {
        const first = repeated(draft, `${draft.log}\n${draft.key}`);
        if (first) return first;
      }
      last = Math.max(draft.time, last + 0.001);
      queue.push(new Frame({ ...draft, epoch, seq: ++seq, time: last }));
      const position = { epoch, seq };
      // A listener that publishes finds the queue not empty: its message waits
      // until all others have had the present one.
      if (queue.length === 1) deliver();
      return position;
    },
    feed(after, listener) {
      if (after?.epoch !== epoch) listener.epoch({ epoch, seq });
      else if (after.seq < seq) listener.lost(seq);
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    top: () => ({ epoch, seq }),
    close() {
      closed = true;
      listeners.clear();
    },
  };
}

/** What tells one message from another under the same key. */
export function digestOf(draft: Draft): string {
  return createHash("sha256").update(draft.channel).update("\n")
    .update(draft.data).digest("base64");
}

/** The refusal of a key that came with another message before (O9). */
export function keyReused(): PushError {
  return new PushError(
    "key_reused",
    "This idempotency key was used for another message; choose a new key.",
  );
}
