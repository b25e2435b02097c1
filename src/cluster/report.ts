/**
 * What one node tells the others about itself: a message in the log `$nodes`, no
 * larger than any backplane takes.
 * @module
 */
import { Buffer } from "../deps.ts";
import type { Joined, Parked, Said } from "./said.ts";

/** What a message takes at most, in bytes, unless one connection takes more. */
const MAX_BYTES = 60_000;

/** Of what a message may say many. */
type Items =
  | "nodes"
  | "left"
  | "watch"
  | "unwatch"
  | "gone"
  | "answers"
  | "drop";

/** A message in the making. */
export class Report {
  readonly said: Said;
  readonly #lists = new Map<string, number>();
  #bytes = 0;
  #empty = true;

  constructor(node: string, number: number, time: number) {
    this.said = { node, number, time };
  }

  /** Whether it says nothing. */
  get empty(): boolean {
    return this.#empty;
  }

  /** Whether the rest has to wait for the next. */
  get full(): boolean {
    return this.#bytes >= MAX_BYTES;
  }

  /** Says one thing of which there is one. */
  flag(name: "beat" | "hello" | "bye" | "first" | "last" | "ask"): void {
    this.said[name] = true;
    this.#empty = false;
  }

  /** Says one thing of which there may be many. */
  add<K extends Items>(
    kind: K,
    item: NonNullable<Said[K]>[number],
  ): void {
    ((this.said[kind] ??= []) as unknown[]).push(item);
    this.#count(item);
  }

  /** Says that a connection is here, and what it follows. */
  join(
    id: string,
    names: readonly string[],
    parked: Parked,
    since: number,
    subject: string | undefined,
  ): void {
    const key = names.join("\n");
    let list = this.#lists.get(key);
    if (list === undefined) {
      list = this.#lists.size;
      this.#lists.set(key, list);
      (this.said.lists ??= []).push(names);
      this.#count(names);
    }
    const ago = Math.max(0, Math.round(this.said.time - since));
    const joined: Joined = subject === undefined
      ? [id, list, parked, ago]
      : [id, list, parked, ago, subject];
    (this.said.joined ??= []).push(joined);
    this.#count(joined);
  }

  #count(item: unknown): void {
    this.#empty = false;
    this.#bytes += Buffer.byteLength(JSON.stringify(item)) + 1;
  }
}
