/**
 * The order as it lies in Redis: its keys, and the scripts that touch them.
 * @module
 */
import {
  digestOf,
  type Draft,
  pageEnd,
  type Reading,
  type Tops,
} from "../backplane.ts";
import { createHash } from "../deps.ts";
import { Frame } from "../frame.ts";
import { newEpoch } from "../key.ts";
import type { Bounds } from "../log.ts";
import type { Position } from "../position.ts";
import type { RedisConnection } from "./redis_connection.ts";
import {
  publishScript,
  readScript,
  type Script,
  topsScript,
} from "./redis_script.ts";

/** Where the order is. */
export interface Top extends Position {
  /** The first part of the ids in its streams. */
  readonly gen: string;
}

/** What each log, the feed and the keys may take. */
export interface Keep {
  readonly history: Bounds;
  readonly feed: Bounds;
  readonly logs: number;
  readonly keys: number;
  readonly keyAge: number;
}

/** A message of the feed, and the generation of the order it belongs to. */
export interface Entry {
  readonly gen: string;
  readonly seq: number;
  readonly fields: readonly string[];
}

type RawEntry = [id: string, fields: string[]];

/** What one prefix names in Redis. */
export class RedisOrder {
  /** How long an answer may take, in ms. */
  readonly patience: number;
  readonly #base: string;
  readonly #keep: string[];
  readonly #keys: readonly string[];

  constructor(prefix: string, keep: Keep, patience: number) {
    this.patience = patience;
    this.#base = `{${prefix}}:`;
    const { history, feed, logs, keys, keyAge } = keep;
    const bounds = ({ frames, bytes, age }: Bounds) => [frames, bytes, us(age)];
    this.#keep = [...bounds(history), logs, ...bounds(feed), us(keyAge), keys]
      .map((value) => value === Infinity ? "inf" : String(value));
    this.#keys = ["order", "feed", "logs", "tops", "privates", "keys", "keyed"]
      .map((name) => this.#key(name));
  }

  /**
   * Publishes, or only looks where `drafts` is empty; a caller that has seen more
   * than there is makes another order begin. Each answer is a `seq`, or `REUSED`.
   */
  async publish(
    connection: RedisConnection,
    seen: Position,
    drafts: readonly Draft[] = [],
  ): Promise<{ top: Top; answers: string[] }> {
    const keys = [...this.#keys];
    const args = [this.#base, newEpoch(), seen.epoch, `${seen.seq}`];
    args.push(...this.#keep);
    for (const draft of drafts) {
      const { log, channel, data, time, from = "", meta = "", key } = draft;
      keys.push(this.#key(`log:${log}`));
      args.push(log, channel, data, us(time), from, meta);
      if (key === undefined) args.push("", "");
      else args.push(hash(`${log}\n${key}`), digestOf(draft));
    }
    const [epoch, gen, seq, ...answers] = await this.#run(
      connection,
      publishScript,
      keys,
      args,
    ) as string[];
    return {
      top: { epoch: epoch!, gen: gen!, seq: Number(seq) },
      answers,
    };
  }

  /** See `Backplane.read`. */
  async read(
    connection: RedisConnection,
    log: string,
    after: number,
    limit: number,
  ): Promise<Reading> {
    const [order, , logs, tops, privates] = this.#keys as string[];
    const [epoch, floor, entries] = await this.#run(
      connection,
      readScript,
      [order!, logs!, tops!, privates!, this.#key(`log:${log}`)],
      [log, String(after), String(limit)],
    ) as [string, string, RawEntry[]];
    const frames = entries.map((raw) => frameOf(entryOf(raw), epoch, log));
    const next = pageEnd(frames, limit);
    return { epoch, frames, next, floor: Number(floor) };
  }

  /** See `Backplane.tops`. */
  async tops(connection: RedisConnection): Promise<Tops> {
    const [order, , , tops, privates] = this.#keys as string[];
    const [epoch, floor, ...sets] = await this.#run(
      connection,
      topsScript,
      [order!, tops!, privates!],
      [],
    ) as [string, string, string[], string[]];
    const all: [string, number][] = [];
    for (const set of sets) {
      for (let i = 0; i < set.length; i += 2) {
        all.push([set[i]!, Number(set[i + 1])]);
      }
    }
    return { epoch, tops: all, floor: Number(floor) };
  }

  /** What the feed holds above a place of the generation `gen`. */
  async past(
    connection: RedisConnection,
    gen: string,
    after: number,
    limit: number,
  ): Promise<Entry[]> {
    const args = ["XRANGE", this.#keys[1]!, `${gen}-${after + 1}`, "+"];
    args.push("COUNT", String(limit));
    const reply = await connection.command(args, this.patience);
    return (reply as RawEntry[]).map(entryOf)
      .filter((entry) => entry.gen === gen);
  }

  /** Waits up to `ms` for what the feed brings above a place; nothing, or that. */
  async next(
    connection: RedisConnection,
    gen: string,
    after: number,
    limit: number,
    ms: number,
  ): Promise<Entry[]> {
    const args = ["XREAD", "COUNT", String(limit), "BLOCK", String(ms)];
    args.push("STREAMS", this.#keys[1]!, `${gen}-${after}`);
    const reply = await connection.command(args, ms + this.patience);
    return entriesOf(reply).map(entryOf);
  }

  #key(name: string): string {
    return this.#base + name;
  }

  async #run(
    connection: RedisConnection,
    script: Script,
    keys: readonly string[],
    args: readonly string[],
  ): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    try {
      const command = ["EVALSHA", script.sha, ...rest];
      return await connection.command(command, this.patience);
    } catch (error) {
      if (!(error as Error).message.startsWith("NOSCRIPT")) throw error;
      const command = ["EVAL", script.text, ...rest];
      return await connection.command(command, this.patience);
    }
  }
}

/** A message, from what a stream says of it. */
export function frameOf(entry: Entry, epoch: string, name?: string): Frame {
  const { seq, fields } = entry;
  const init = { t: "0", d: "", l: name ?? "" } as Record<string, string>;
  for (let i = 0; i < fields.length; i += 2) init[fields[i]!] = fields[i + 1]!;
  return new Frame({
    log: init.l!,
    channel: init.c ?? init.l!,
    epoch,
    seq,
    time: Number(init.t) / 1_000,
    data: init.d!,
    from: init.f,
    meta: init.m,
  });
}

function entryOf([id, fields]: RawEntry): Entry {
  const [gen = "", seq] = id.split("-");
  return { gen, seq: Number(seq), fields };
}

/** The entries of the one stream in an answer to XREAD, in RESP 2 or 3. */
function entriesOf(reply: unknown): RawEntry[] {
  if (reply === null || reply === undefined) return [];
  if (reply instanceof Map) return [...reply.values()][0];
  if (!Array.isArray(reply)) return Object.values(reply)[0] as RawEntry[];
  // A list of pairs; or, from a map that was made a list, one pair as it is.
  return Array.isArray(reply[0]) ? reply[0][1] : reply[1];
}

function us(ms: number): string {
  return ms === Infinity ? "inf" : String(Math.round(ms * 1_000));
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}
