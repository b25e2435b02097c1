/**
 * One try of `denoKv()` to put messages into the order: everything that changes is
 * one commit, which fails if another node has changed the head meanwhile.
 * @module
 */
import { digestOf, type Draft, keyReused } from "../backplane.ts";
import { PushError } from "../errors.ts";
import { Frame } from "../frame.ts";
import type { Position } from "../position.ts";
import type { Appended } from "./commits.ts";
import { exceeds, type Keep, overflows } from "./keep.ts";
import {
  cut,
  type Head,
  type Index,
  type Keys,
  type Known,
  LARGEST,
  type LogRow,
  type Stored,
  type Version,
} from "./kv_layout.ts";
import type { KvEntry, KvKey, KvLike } from "./kv_shape.ts";
import { Writes } from "./kv_writes.ts";

/** How many keys one read takes. */
const READ = 10;
/** How many old messages are looked at, beside twice as many as are added. */
const SWEEP = 64;

type Changing<T> = { -readonly [K in keyof T]: T[K] };

/** What a try has done. */
export interface Tried extends Appended {
  /** The head it has left behind. */
  readonly version: Version;
}

/** One try, from the head it has read. */
export class Append {
  readonly #kv: KvLike;
  readonly #keys: Keys;
  readonly #keep: Keep;
  readonly #before: Version;
  readonly #head: Changing<Head>;
  /** What was there of the logs before. */
  readonly #found = new Map<string, LogRow>();
  /** The logs that change. */
  readonly #logs = new Map<string, LogRow>();
  readonly #known = new Map<string, Known>();
  readonly #gone = new Set<number>();
  readonly #writes = new Writes();

  constructor(kv: KvLike, keys: Keys, keep: Keep, before: Version) {
    this.#kv = kv;
    this.#keys = keys;
    this.#keep = keep;
    this.#before = before;
    this.#head = { ...before.value };
  }

  /** Puts the first of the drafts into the order; nothing if another was faster. */
  async run(drafts: readonly Draft[]): Promise<Tried | undefined> {
    await this.#look(drafts);
    const frames: Frame[] = [];
    const answers: (Position | PushError)[] = [];
    for (const draft of drafts) {
      const { parts, size } = cut(draft);
      const answer = this.#repeated(draft) ?? refused(size);
      if (answer) {
        answers.push(answer);
        continue;
      }
      if (frames.length > 0 && !this.#writes.takes(size, parts.length)) break;
      const frame = this.#insert(draft, parts, size);
      frames.push(frame);
      answers.push({ epoch: frame.epoch, seq: frame.seq });
    }
    if (frames.length === 0) return { frames, answers, version: this.#before };
    for (const [name, log] of this.#logs) {
      if (overflows(log, this.#keep.history)) await this.#trim(name, log);
    }
    await this.#sweep(frames.length);
    const version = await this.#commit();
    return version && { frames, answers, version };
  }

  /** Reads what is there of the drafts' logs and keys. */
  async #look(drafts: readonly Draft[]): Promise<void> {
    const { epoch } = this.#head;
    const logs = [...new Set(drafts.map(({ log }) => log))];
    const keyed = drafts.filter(({ key }) => key !== undefined);
    const keys = [
      ...logs.map((log) => this.#keys.log(epoch, log)),
      ...keyed.map((draft) => this.#keys.known(epoch, draft)),
    ];
    const values = await getAll(this.#kv, keys);
    for (const [i, log] of logs.entries()) {
      if (values[i]) this.#found.set(log, values[i] as LogRow);
    }
    for (const [i, draft] of keyed.entries()) {
      const known = values[logs.length + i];
      if (known) this.#known.set(nameOf(draft), known as Known);
    }
  }

  /** The row of a log, which changes; one without a row has lost what all have. */
  #row(name: string): LogRow {
    const known = this.#logs.get(name);
    if (known) return known;
    const { epoch, seq, floor } = this.#head;
    const nothing = { top: seq, floor, frames: 0, bytes: 0 };
    const row = { ...(this.#found.get(name) ?? nothing) };
    this.#logs.set(name, row);
    this.#writes.reserve(this.#keys.log(epoch, name), 80);
    return row;
  }

  #repeated(draft: Draft): Position | PushError | undefined {
    if (draft.key === undefined) return undefined;
    const known = this.#known.get(nameOf(draft));
    if (!known || known.time <= draft.time - this.#keep.keyAge) {
      return undefined;
    }
    if (known.digest !== digestOf(draft)) return keyReused();
    return { epoch: this.#head.epoch, seq: known.seq };
  }

  #insert(draft: Draft, parts: readonly Uint8Array[], size: number): Frame {
    const head = this.#head;
    const { epoch } = head;
    const { log, channel, from, key } = draft;
    head.time = Math.max(draft.time, head.time + 0.001);
    if (head.bytes === 0) head.oldest = head.time;
    const { time } = head;
    const seq = ++head.seq;
    const frame = new Frame({ ...draft, epoch, seq, time });
    const text = parts.length > 0 ? {} : { data: draft.data, meta: draft.meta };
    const stored: Stored = {
      log,
      channel,
      time,
      from,
      size: frame.size,
      parts: parts.length,
      ...text,
    };
    const whole = parts.length > 0 ? 1_000 : size;
    this.#writes.set(this.#keys.message(epoch, seq), stored, whole);
    for (const [i, part] of parts.entries()) {
      const key = this.#keys.message(epoch, seq, i);
      this.#writes.set(key, part, part.length + 10);
    }
    const index: Index = [frame.size, parts.length];
    this.#writes.set(this.#keys.index(epoch, log, seq), index, 30);
    if (key !== undefined) {
      const known: Known = { seq, time, digest: digestOf(draft) };
      this.#known.set(nameOf(draft), known);
      const expireIn = Math.max(1, this.#keep.keyAge);
      this.#writes.set(this.#keys.known(epoch, draft), known, 150, expireIn);
    }
    const row = this.#row(log);
    row.top = seq;
    row.frames++;
    row.bytes += frame.size;
    head.bytes += frame.size;
    return frame;
  }

  /** Drops what a log holds beyond its bounds, as far as there is room. */
  async #trim(name: string, log: LogRow): Promise<void> {
    const { epoch } = this.#head;
    const prefix = this.#keys.index(epoch, name);
    // The newest is never among them: it has not been written yet.
    for await (const { key, value } of this.#kv.list({ prefix })) {
      if (!exceeds(log, this.#keep.history) || !this.#writes.spacious) return;
      this.#drop(name, log, Number(key.at(-1)), value as Index);
    }
  }

  /** Drops the oldest of all: what is too old, or more than there may be. */
  async #sweep(added: number): Promise<void> {
    const head = this.#head;
    const { history, size } = this.#keep;
    const old = head.time - history.age;
    if (head.oldest >= old && head.bytes <= size) return;
    const prefix = this.#keys.message(head.epoch);
    const limit = SWEEP + 2 * added + this.#gone.size;
    for await (const { key, value } of this.#kv.list({ prefix }, { limit })) {
      const [seq, part] = key.slice(prefix.length).map(Number);
      if (part !== undefined || this.#gone.has(seq!)) continue;
      const { log, time, size: bytes, parts } = value as Stored;
      head.oldest = time;
      if (time >= old && head.bytes <= size) return;
      if (!this.#writes.spacious) return;
      await this.#find(log);
      this.#drop(log, this.#row(log), seq!, [bytes, parts]);
      head.floor = seq!;
    }
  }

  /** Reads what is there of a log that no draft is for. */
  async #find(log: string): Promise<void> {
    if (this.#found.has(log) || this.#logs.has(log)) return;
    const key = this.#keys.log(this.#head.epoch, log);
    const [row] = await getAll(this.#kv, [key]);
    this.#found.set(log, row as LogRow);
  }

  #drop(name: string, log: LogRow, seq: number, [size, parts]: Index): void {
    const { epoch } = this.#head;
    this.#gone.add(seq);
    this.#writes.delete(this.#keys.index(epoch, name, seq));
    this.#writes.delete(this.#keys.message(epoch, seq));
    for (let i = 0; i < parts; i++) {
      this.#writes.delete(this.#keys.message(epoch, seq, i));
    }
    log.floor = Math.max(log.floor, seq);
    log.frames--;
    log.bytes -= size;
    this.#head.bytes -= size;
  }

  async #commit(): Promise<Version | undefined> {
    const value = this.#head;
    for (const [name, log] of this.#logs) {
      const key = this.#keys.log(value.epoch, name);
      this.#writes.fill(key, log.frames === 0 ? undefined : log);
    }
    this.#writes.set(this.#keys.head, value, 150);
    const versionstamp = await this.#writes.commit(
      this.#kv,
      this.#keys.head,
      this.#before,
    );
    return versionstamp === undefined ? undefined : { value, versionstamp };
  }
}

function nameOf({ log, key }: Draft): string {
  return `${log}\n${key}`;
}

function refused(size: number): PushError | undefined {
  if (size <= LARGEST) return undefined;
  return new PushError(
    "too_large",
    `The message has about ${size} bytes; Deno KV takes ${LARGEST}.`,
  );
}

/** The values under any number of keys. */
export async function getAll(
  kv: KvLike,
  keys: readonly KvKey[],
): Promise<unknown[]> {
  const pages: Promise<KvEntry[]>[] = [];
  for (let at = 0; at < keys.length; at += READ) {
    pages.push(kv.getMany(keys.slice(at, at + READ)));
  }
  return (await Promise.all(pages)).flat().map(({ value }) => value);
}
