/**
 * What one node tells the others about itself: a message in the log `$nodes`, no
 * larger than any backplane takes.
 * @module
 */
import { Buffer } from "../deps.ts";
import type { DropReason } from "../errors.ts";

/** What a message takes at most, in bytes, unless one connection takes more. */
const MAX_BYTES = 60_000;

/** Whether, and on what, a connection is parked. */
export type Parked = 0 | "poll" | "stream";

/** A connection: its id, which of the lists it follows, and the state it is in. */
export type Joined = readonly [
  id: string,
  list: number,
  parked: Parked,
  /** How long it had been parked, or away, in ms. */
  ago: number,
  subject?: string,
];

/** An order to end a connection, or all of a subject, wherever they are. */
export interface DropOrder {
  readonly id?: string;
  readonly subject?: string;
  readonly reason: DropReason;
  /** When the client may come back, in ms. */
  readonly after?: number | undefined;
  /** When it was given, in ms since 1970, if it is repeated for those who missed it. */
  readonly given?: number;
}

/** What a message says; all but the first three only where there is something. */
export interface Said {
  /** Who speaks. */
  readonly node: string;
  /** The number of the message, from 1: a repeat has the same. */
  readonly number: number;
  /** When it was written, by the speaker's clock, in ms since 1970. */
  readonly time: number;
  /** Five seconds have gone by. */
  beat?: true;
  /** It does not know all: everybody is to tell all. */
  hello?: true;
  /** It goes; its clients are on their way to others. */
  bye?: true;
  /** From here on it tells all: what it does not name is not there. */
  first?: true;
  /** With `first`: the nodes that it knows to be there, silent or not. */
  nodes?: string[];
  /** That was all. */
  last?: true;
  /** What `joined` refers to: names and patterns. */
  lists?: (readonly string[])[];
  /** Connections that are new, or follow other names. */
  joined?: Joined[];
  /** Connections that it has no more. */
  left?: string[];
  /** Channels of which somebody here wants to see joins and leaves. */
  watch?: string[];
  /** Channels of which nobody here wants to any more. */
  unwatch?: string[];
  /** Nodes that have not been heard for too long. */
  gone?: string[];
  /** Everybody is to say what has not been said yet, and answer. */
  ask?: true;
  /** To whom all has been said as asked in the message of this number. */
  answers?: [node: string, number: number][];
  /** What is to be ended. */
  drop?: DropOrder[];
}

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
