/**
 * The backplane of a single server that must not forget: one file, no other
 * service. What is published in a turn of the event loop is one transaction.
 * @module
 */
import type { Backplane, Draft, FeedListener } from "../backplane.ts";
import { setImmediate } from "../deps.ts";
import { PushError } from "../errors.ts";
import type { Frame } from "../frame.ts";
import type { Bounds } from "../log.ts";
import { boundsOf } from "../options.ts";
import type { Position } from "../position.ts";
import { openFile } from "./sqlite_file.ts";
import { type Appended, Store } from "./sqlite_store.ts";

/** Where `sqlite()` keeps its messages, and how many. */
export interface SqliteOptions {
  /** The file; it and its folder are made if they are missing. */
  readonly path: string;
  /**
   * What each log keeps in it (default 1,024 messages, 1 MiB, 86,400,000 ms). An
   * eighth more may lie there; what is too old goes as other messages come.
   */
  readonly history?: Partial<Bounds>;
  /** What all messages together may take, in bytes (default 268,435,456). */
  readonly size?: number;
  /** How long an idempotency key is remembered, in ms (default 300,000). */
  readonly keyAge?: number;
  /** How many idempotency keys are remembered (default 10,000). */
  readonly keys?: number;
}

const HISTORY: Bounds = { frames: 1_024, bytes: 1_048_576, age: 86_400_000 };

/** How many messages a feed that has fallen behind is brought at once. */
const PAGE = 1_024;

/** Somebody who waits for the next commit. */
interface Waiting {
  readonly draft: Draft;
  resolve(position: Position): void;
  reject(error: PushError): void;
}

/** A feed, and how far it has been brought. */
interface Reader {
  readonly listener: FeedListener;
  seq: number;
}

/**
 * A backplane in a file, for one process: what was answered is there after a
 * restart, a crash or a `kill -9`, with the same ids, so clients that come back
 * lose nothing and get no `reset`. It needs `node:sqlite` (Deno 2.9, Bun 1.4), and
 * under Deno the right to read and write the file.
 *
 * Throws an `Error` that says what to do if the file cannot be opened, is in use by
 * another process, or is damaged. A message that cannot be written is refused as
 * `unavailable`, with the reason as `cause`. Never put an older copy of the file
 * back: ids would be given out twice. Without the file a new order begins, and
 * clients are told by a `reset`.
 *
 * @example A message outlives the engine
 * ```ts
 * import { createEngine, sqlite } from "../../mod.ts";
 *
 * const path = `${Deno.makeTempDirSync()}/halley.db`;
 * const before = createEngine({ backplane: sqlite({ path }) });
 * const id = await before.publish("news", "still here");
 * await before.close();
 *
 * const after = createEngine({ backplane: sqlite({ path }) });
 * const { frames } = await after.history("news");
 * if (frames[0]?.id !== id) throw new Error("forgotten");
 * await after.close();
 * ```
 */
export function sqlite(options: SqliteOptions): Backplane {
  const { path, size = 268_435_456, keyAge = 300_000, keys = 10_000 } = options;
  const history = boundsOf(options.history, HISTORY);
  const keep = { history, size, keyAge, keys };
  const store = new Store(openFile(path), keep);
  const readers = new Set<Reader>();
  let waiting: Waiting[] = [];
  let closed = false;

  /** All that was published meanwhile, in one transaction; then it is delivered. */
  function commit(): void {
    const batch = waiting;
    if (batch.length === 0) return;
    waiting = [];
    let appended: Appended;
    try {
      appended = store.append(batch.map(({ draft }) => draft));
    } catch (cause) {
      const text = "The message could not be written; it may be repeated.";
      const error = Object.assign(new PushError("unavailable", text), {
        cause,
      });
      for (const { reject } of batch) reject(error);
      return;
    }
    for (const [i, answer] of appended.answers.entries()) {
      if (answer instanceof PushError) batch[i]!.reject(answer);
      else batch[i]!.resolve(answer);
    }
    const failed = [...readers].flatMap((reader) =>
      bring(reader, appended.frames)
    );
    if (failed.length > 0) throw failed[0];
  }

  /** Brings a feed what is new, or all that it lacks; what its listener threw. */
  function bring(reader: Reader, frames: readonly Frame[]): unknown[] {
    const failed: unknown[] = [];
    const tell = (what: (listener: FeedListener) => void) => {
      try {
        if (readers.has(reader)) what(reader.listener);
      } catch (error) {
        failed.push(error);
      }
    };
    const { seq: top } = store.top;
    while (readers.has(reader) && reader.seq < top) {
      const next = frames[0]?.seq === reader.seq + 1
        ? frames
        : store.since(reader.seq, PAGE);
      for (const frame of next) {
        const hole = frame.seq > reader.seq + 1;
        if (hole) tell((listener) => listener.lost(frame.seq - 1));
        reader.seq = frame.seq;
        tell((listener) => listener.frame(frame));
      }
      if (next.length > 0) continue;
      reader.seq = top;
      tell((listener) => listener.lost(top));
    }
    return failed;
  }

  return {
    local: true,
    publish(draft) {
      if (closed) {
        throw new PushError("unavailable", "The backplane is closed.");
      }
      if (waiting.length === 0) setImmediate(commit);
      return new Promise((resolve, reject) => {
        waiting.push({ draft, resolve, reject });
      });
    },
    feed(after, listener) {
      const { epoch, seq } = store.top;
      const known = after?.epoch === epoch && after.seq <= seq;
      const reader = { listener, seq: known ? after.seq : seq };
      readers.add(reader);
      if (!known) listener.epoch({ epoch, seq });
      const [failed] = bring(reader, []);
      if (failed !== undefined) throw failed;
      return () => readers.delete(reader);
    },
    // deno-lint-ignore require-await
    read: async (log, after, limit) => store.read(log, after, limit),
    // deno-lint-ignore require-await
    tops: async () => store.tops(),
    top: () => store.top,
    close() {
      if (closed) return;
      closed = true;
      commit();
      readers.clear();
      store.close();
    },
  };
}
