/**
 * What the `denoKv()` backplane keeps, and reading it. Every change checks the head
 * and sets it, so all changes are in one order, whichever node makes them.
 * @module
 */
import { type Draft, pageEnd, type Reading, type Tops } from "../backplane.ts";
import type { Frame } from "../frame.ts";
import { newEpoch } from "../key.ts";
import type { Keep } from "./keep.ts";
import { Append, getAll, type Tried } from "./kv_append.ts";
import {
  frameOf,
  type Head,
  Keys,
  type LogRow,
  type Stored,
  type Version,
} from "./kv_layout.ts";
import type { KvEntry, KvKey, KvLike } from "./kv_shape.ts";
import { Writes } from "./kv_writes.ts";

/** How many drafts are looked at for one commit. */
const BATCH = 200;
/** How many messages one read of the feed brings, about. */
const PAGE = 256;

/** The keys and values under one prefix of a database. */
export class KvStore {
  /** Where things lie. */
  readonly keys: Keys;
  readonly #kv: KvLike;
  readonly #keep: Keep;
  readonly #patience: number;

  /** `patience`: how long a commit is tried that others are faster than, in ms. */
  constructor(kv: KvLike, prefix: KvKey, keep: Keep, patience: number) {
    this.#kv = kv;
    this.#keep = keep;
    this.#patience = patience;
    this.keys = new Keys(prefix);
  }

  /** The head; a new order begins where there is none. */
  async head(found?: KvEntry): Promise<Version> {
    for (let entry = found;; entry = undefined) {
      entry ??= (await this.#kv.getMany([this.keys.head]))[0]!;
      if (entry.versionstamp !== null) return entry as Version;
      const floor = 0;
      const rest = { seq: 0, time: 0, floor, bytes: 0, oldest: 0 };
      const head: Head = { epoch: newEpoch(), ...rest };
      const writes = new Writes();
      writes.set(this.keys.head, head, 150);
      await writes.commit(this.#kv, this.keys.head, entry);
    }
  }

  /** Puts the first of these drafts into the order, all in one commit. */
  async append(
    drafts: readonly Draft[],
    newest: Version | undefined,
  ): Promise<Tried> {
    const end = performance.now() + this.#patience;
    for (let before = newest, pause = 2;; before = undefined, pause *= 2) {
      before ??= await this.head();
      const append = new Append(this.#kv, this.keys, this.#keep, before);
      const done = await append.run(drafts.slice(0, BATCH));
      if (done) return done;
      if (performance.now() > end) {
        throw new Error(`Other nodes were faster for ${this.#patience} ms.`);
      }
      // Wait a little, and not all for as long.
      const rest = Math.random() * Math.min(pause, 100);
      await new Promise((resolve) => setTimeout(resolve, rest));
    }
  }

  /** Messages of all logs above `after`, in order; trimmed logs leave holes. */
  async since(epoch: string, after: number, upTo: number): Promise<Frame[]> {
    const frames: Frame[] = [];
    const depth = this.keys.message(epoch).length;
    let stored: Stored | undefined;
    let parts: Uint8Array[] = [];
    const start = this.keys.message(epoch, after + 1);
    const end = this.keys.message(epoch, upTo + 1);
    for await (const { key, value } of this.#kv.list({ start, end })) {
      const [seq, part] = key.slice(depth).map(Number);
      if (part === undefined) {
        stored = value as Stored;
        parts = [];
      } else parts.push(value as Uint8Array);
      if (!stored || parts.length < stored.parts) continue;
      frames.push(frameOf({ epoch, seq: seq! }, stored, parts));
      if (frames.length === PAGE) break;
    }
    return frames;
  }

  async read(log: string, after: number, limit: number): Promise<Reading> {
    const { value: { epoch } } = await this.head();
    const prefix = this.keys.index(epoch, log);
    const selector = { prefix, start: this.keys.index(epoch, log, after + 1) };
    const seqs: number[] = [];
    for await (const { key } of this.#kv.list(selector, { limit })) {
      seqs.push(Number(key.at(-1)));
    }
    const values = await getAll(
      this.#kv,
      seqs.map((seq) => this.keys.message(epoch, seq)),
    );
    const frames = await Promise.all(seqs.map(async (seq, i) => {
      const stored = values[i] as Stored | null;
      if (stored?.parts === 0) return frameOf({ epoch, seq }, stored, []);
      return (await this.since(epoch, seq - 1, seq))[0];
    }));
    // Only now: what was dropped meanwhile lies below it.
    const key = this.keys.log(epoch, log);
    const [head, row] = await this.#kv.getMany([this.keys.head, key]);
    const { epoch: present, floor: all } = (await this.head(head)).value;
    if (present !== epoch) return await this.read(log, after, limit);
    const floor = (row!.value as LogRow | null)?.floor ?? all;
    const kept = frames.flatMap((frame) =>
      frame && frame.seq > floor ? [frame] : []
    );
    const found = seqs.map((seq) => ({ seq }));
    return { epoch, frames: kept, next: pageEnd(found, limit), floor };
  }

  async tops(): Promise<Tops> {
    const { value: { epoch } } = await this.head();
    const tops: [string, number][] = [];
    const prefix = this.keys.log(epoch);
    for await (const { key, value } of this.#kv.list({ prefix })) {
      tops.push([String(key.at(-1)), (value as LogRow).top]);
    }
    const { value: { epoch: present, floor } } = await this.head();
    return present === epoch ? { epoch, tops, floor } : await this.tops();
  }
}
