/**
 * The backplane of a single server that must not forget: one file, no other
 * service. What is published in a turn of the event loop is one transaction.
 * @module
 */
import type { Backplane } from "../backplane.ts";
import type { Frame } from "../frame.ts";
import { count } from "../options.ts";
import { Commits } from "./commits.ts";
import { keepOf, type KeepOptions } from "./keep.ts";
import { Reader } from "./reader.ts";
import { openFile } from "./sqlite_file.ts";
import { Store } from "./sqlite_store.ts";

/** Where `sqlite()` keeps its messages, and how many. */
export interface SqliteOptions extends KeepOptions {
  /** The file; it and its folder are made if they are missing. */
  readonly path: string;
  /** How many idempotency keys are remembered (default 10,000). */
  readonly keys?: number;
}

/** How many messages a feed that has fallen behind is brought at once. */
const PAGE = 1_024;

/**
 * A backplane in a file, for one process: what was answered is there after a
 * restart, a crash or a `kill -9`, with the same ids, so clients that come back
 * lose nothing and get no `reset`. It needs `node:sqlite` (Deno 2.9, Bun 1.4), and
 * under Deno the right to read and write the file.
 *
 * Throws an `Error` that says what to do if the file cannot be opened, is in use by
 * another process, or is damaged, and a `RangeError` that names a wrong option. A
 * message that cannot be written is refused as `unavailable`, with the reason as
 * `cause`. Never put an older copy of the file back: ids would be given out twice.
 * Without the file a new order begins, and clients are told by a `reset`.
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
  const { path } = options;
  const keys = count("keys", options.keys, 10_000);
  const keep = { ...keepOf(options), keys };
  const store = new Store(openFile(path), keep);
  const readers = new Set<Reader>();
  let closing: Promise<void> | undefined;
  const commits = new Commits((drafts) => {
    const { frames, answers } = store.append(drafts);
    for (const reader of readers) bring(reader, frames);
    return answers;
  });

  async function close(): Promise<void> {
    await commits.close();
    for (const reader of readers) reader.open = false;
    readers.clear();
    store.close();
  }

  /** Brings a feed what is new, or all that it lacks. */
  function bring(reader: Reader, frames: readonly Frame[]): void {
    if (reader.seq + 1 === frames[0]?.seq) return reader.take(frames);
    const { seq: top } = store.top;
    try {
      while (reader.open && reader.seq < top) {
        const older = store.since(reader.seq, PAGE);
        if (older.length === 0) reader.lose(top);
        else reader.take(older);
      }
    } catch { /* It cannot be read now; the next commit tries again. */ }
  }

  return {
    local: true,
    publish: (draft) => commits.publish(draft),
    feed(after, listener) {
      const { epoch, seq } = store.top;
      const known = after?.epoch === epoch && after.seq <= seq;
      const reader = new Reader(listener, epoch, known ? after.seq : seq);
      readers.add(reader);
      if (known) bring(reader, []);
      else reader.begin({ epoch, seq });
      return () => {
        reader.open = false;
        readers.delete(reader);
      };
    },
    // deno-lint-ignore require-await
    read: async (log, after, limit) => store.read(log, after, limit),
    // deno-lint-ignore require-await
    tops: async () => store.tops(),
    top: () => store.top,
    close: () => closing ??= close(),
  };
}
