/**
 * The backplane of Deno Deploy, where it needs no other service: every node has the
 * same Deno KV, and watches its head to know that there is something to read.
 * @module
 */
import type { Backplane } from "../backplane.ts";
import type { Frame } from "../frame.ts";
import { count } from "../options.ts";
import { Commits } from "./commits.ts";
import { keepOf, type KeepOptions } from "./keep.ts";
import { bounded } from "./kv_bound.ts";
import type { Version } from "./kv_layout.ts";
import type { KvEntry, KvKey, KvLike } from "./kv_shape.ts";
import { KvStore } from "./kv_store.ts";
import { Reader } from "./reader.ts";
import { rest } from "./retry.ts";

/** Which Deno KV `denoKv()` uses, and how much it keeps there. */
export interface DenoKvOptions extends KeepOptions {
  /** The database, opened by `Deno.openKv()`; whoever opened it closes it. */
  readonly kv: KvLike;
  /** What its keys begin with: one order for each (default `["halley"]`). */
  readonly prefix?: KvKey;
  /**
   * How long an answer of the database is waited for, and how long a publish is tried
   * again while other nodes are faster, in ms (default 2,000); after that it is
   * refused as `unavailable`.
   */
  readonly patience?: number;
  /**
   * How often the database is asked whether there is something new, in ms (default
   * 5,000), beside being watched: a file that several processes have open tells
   * each of them its own changes only.
   */
  readonly poll?: number;
}

/** How long nothing is asked of a database out of reach, in ms: at first, at most. */
const PAUSE = 100;
const LONGEST = 5_000;

/** A feed, and what goes on with it. */
interface Following {
  readonly reader: Reader;
  /** Whether it has been placed in the order. */
  placed: boolean;
  /** Whether what it lacks is being read. */
  busy: boolean;
}

/**
 * A backplane in Deno KV, for any number of nodes that open the same database: all
 * of Deno Deploy's instances, or (with `--unstable-kv`) the engines of one machine.
 * What is published in a turn is one atomic commit, tried again when another node
 * was faster. Messages are dropped as `history` and `size` say; one of more than
 * 600,000 bytes is refused as `too_large`. Never put an older copy of the database
 * back: ids would be given out twice; remove what lies under `prefix` instead.
 *
 * Throws a `RangeError` that names a wrong option.
 *
 * @example Any number of nodes do the same
 * ```ts
 * import { createEngine, denoKv } from "../../mod.ts";
 *
 * const kv = await Deno.openKv(":memory:"); // on Deno Deploy: Deno.openKv()
 * const engine = createEngine({ backplane: denoKv({ kv }) });
 * await engine.ready(); // until then, all is refused as `unavailable`
 * await engine.publish("news", "hello");
 * await engine.close();
 * kv.close();
 * ```
 */
export function denoKv(options: DenoKvOptions): Backplane {
  const { prefix = ["halley"] } = options;
  const patience = count("patience", options.patience, 2_000);
  const poll = count("poll", options.poll, 5_000, 1);
  const kv = bounded(options.kv, patience);
  const store = new KvStore(kv, prefix, keepOf(options), patience);
  const feeds = new Set<Following>();
  const closing = new AbortController();
  let newest: Version | undefined;
  /** What ends soon after `closing`: watching, and reading for feeds. */
  const tasks = new Set<Promise<void>>();
  let watching = false;
  let closed: Promise<void> | undefined;

  const commits = new Commits(async (drafts) => {
    const { version, frames, answers } = await store.append(drafts, newest);
    see(version, frames);
    return answers;
  });

  /** There is another head: every feed is brought up to it. */
  function see(version: Version, frames: readonly Frame[] = []): void {
    if (newest && version.versionstamp <= newest.versionstamp) return;
    newest = version;
    for (const feed of feeds) {
      const { reader, busy } = feed;
      // What this node has published itself, it need not read.
      const next = reader.epoch === version.value.epoch &&
        reader.seq + 1 === frames[0]?.seq;
      if (next && !busy) reader.take(frames);
      else if (!busy) start(bring(feed));
    }
  }

  function start(task: Promise<void>): void {
    tasks.add(task);
    task.finally(() => tasks.delete(task));
  }

  /** Brings a feed all that it lacks. */
  async function bring(feed: Following): Promise<void> {
    const { reader } = feed;
    feed.busy = true;
    for (let pause = PAUSE; reader.open && newest;) {
      const { epoch, seq } = newest.value;
      if (reader.epoch !== epoch) {
        // Whoever followed another order takes this one from its first message.
        reader.begin({ epoch, seq: feed.placed ? 0 : seq });
      }
      feed.placed = true;
      if (reader.seq >= seq) break;
      try {
        const frames = await store.since(epoch, reader.seq, seq);
        if (frames.length > 0) reader.take(frames);
        else reader.lose(seq);
        pause = PAUSE;
      } catch {
        await rest(pause, closing.signal);
        pause = Math.min(2 * pause, LONGEST);
      }
    }
    feed.busy = false;
  }

  /** Watches the head until the end, whatever becomes of the database. */
  async function watch(): Promise<void> {
    for (let pause = PAUSE; !closing.signal.aborted;) {
      let stream: ReadableStreamDefaultReader<KvEntry[]> | undefined;
      const cancel = () => void stream?.cancel().catch(() => {});
      try {
        see(await store.head());
        stream = kv.watch([store.keys.head]).getReader();
        closing.signal.addEventListener("abort", cancel);
        if (closing.signal.aborted) cancel();
        for (;;) {
          const { value } = await stream.read();
          if (!value) break;
          see(await store.head(value[0]));
          pause = PAUSE;
        }
      } catch { /* It is out of reach: after a while it is asked again. */ }
      closing.signal.removeEventListener("abort", cancel);
      await rest(pause, closing.signal);
      pause = Math.min(2 * pause, LONGEST);
    }
  }

  /** Asks for the head, in case that watching has not told of it. */
  async function ask(): Promise<void> {
    while (!closing.signal.aborted) {
      await rest(poll, closing.signal);
      if (!closing.signal.aborted) {
        await store.head().then((head) => see(head), () => {});
      }
    }
  }

  async function close(): Promise<void> {
    await commits.close();
    for (const { reader } of feeds) reader.open = false;
    closing.abort();
    await Promise.all(tasks);
    feeds.clear();
  }

  return {
    publish: (draft) => commits.publish(draft),
    feed(after, listener) {
      const reader = new Reader(listener, after?.epoch, after?.seq);
      const feed: Following = { reader, placed: false, busy: false };
      feeds.add(feed);
      if (!watching) {
        watching = true;
        start(watch());
        start(ask());
      }
      if (newest) start(bring(feed));
      return () => {
        reader.open = false;
        feeds.delete(feed);
      };
    },
    read: (log, after, limit) => store.read(log, after, limit),
    tops: () => store.tops(),
    async top() {
      const version = await store.head();
      see(version);
      const { epoch, seq } = version.value;
      return { epoch, seq };
    },
    close: () => closed ??= close(),
  };
}
