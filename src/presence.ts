/**
 * Who follows a channel. The list is the channel's followers; joining and leaving
 * are messages in a log of their own, for those who ask (PROTOCOL N11).
 * @module
 */
import type { Backplane, Draft } from "./backplane.ts";
import type { Present } from "./channel.ts";
import type { Connection } from "./connection.ts";
import { isAway } from "./errors.ts";
import type { Frame } from "./frame.ts";
import { isPattern, matches, patternsOf, presenceLog } from "./name.ts";
import type { Node } from "./node.ts";

/** Somebody, wherever connected. */
interface Someone {
  readonly id: string;
  readonly subject: string | undefined;
}

/**
 * Everybody who follows `channel`, by name or by a pattern, each once; `elsewhere`
 * are those who do at other nodes.
 */
export function presentIn(
  node: Node,
  channel: string,
  elsewhere: Iterable<Someone> = [],
): Present[] {
  const present = new Map<string, Present>();
  for (const name of [channel, ...patternsOf(channel)]) {
    // The followers of a channel's log are connections, all of them.
    const followers = node.logs.get(name)?.followers as Iterable<Connection>;
    for (const { id, identity } of followers ?? []) {
      present.set(id, describe({ id, subject: identity?.subject }));
    }
  }
  for (const one of elsewhere) {
    if (!present.has(one.id)) present.set(one.id, describe(one));
  }
  return [...present.values()];
}

function describe({ id, subject }: Someone): Present {
  return subject === undefined
    ? { connection: id }
    : { connection: id, subject };
}

/**
 * The joins and leaves of the channels in `watched` that follow from `who` having
 * followed the names `before` and following those in `after` now.
 */
export function changes(
  who: Someone,
  before: readonly string[],
  after: readonly string[],
  watched: Iterable<string>,
  time: number,
): Draft[] {
  const found: Draft[] = [];
  for (const channel of watched) {
    const covers = (name: string) =>
      name === channel || (isPattern(name) && matches(name, channel));
    const there = after.some(covers);
    if (before.some(covers) === there) continue;
    const data = JSON.stringify(describe(who));
    const meta = there ? "join" : "leave";
    found.push({ log: presenceLog(channel), channel, data, time, meta });
  }
  return found;
}

/** Publishes joins and leaves, where somebody watches, of the one node there is. */
export function announcePresence(node: Node, backplane: Backplane): void {
  const announce =
    (joins: boolean) => async (connection: Connection, name: string) => {
      const { id, identity, channels } = connection;
      const who = { id, subject: identity?.subject };
      // By another name it was there before, or is there still.
      const others = channels.filter((other) => other !== name);
      const names = [...others, name];
      const { watched } = node.logs;
      const told = joins
        ? changes(who, others, names, watched, node.now)
        : changes(who, names, others, watched, node.now);
      // All at once: a moment later the backplane may be closed.
      await Promise.all(told.map((draft) => backplane.publish(draft)));
    };
  node.events.on("subscribe", announce(true));
  node.events.on("unsubscribe", announce(false));
}

/**
 * Publishes joins and leaves of one node among others: none twice, none of them
 * before the former one of the same connection, and all, though the backplane may be
 * out of reach for a while.
 */
export class Announcer {
  readonly #backplane: Backplane;
  readonly #fail: (error: unknown) => void;
  readonly #node: string;
  #number = 0;
  #waiting: Draft[] = [];
  /** What has not come back yet, by log and data. */
  readonly #untold = new Map<string, { count: number; overtaken: boolean }>();
  #busy = false;

  /** `node` makes the keys of what it publishes its own. */
  constructor(
    backplane: Backplane,
    node: string,
    fail: (error: unknown) => void,
  ) {
    this.#backplane = backplane;
    this.#node = node;
    this.#fail = fail;
  }

  /** Takes what is to be published, and goes on with what could not be. */
  async announce(drafts: readonly Draft[] = []): Promise<void> {
    for (const draft of drafts) {
      const key = `${this.#node}\n${++this.#number}`;
      this.#waiting.push({ ...draft, key, from: this.#node });
      const about = `${draft.log}\n${draft.data}`;
      const open = this.#untold.get(about) ?? { count: 0, overtaken: false };
      open.count++;
      this.#untold.set(about, open);
    }
    if (this.#busy) return;
    this.#busy = true;
    while (this.#waiting.length > 0) {
      const round = this.#round();
      const results = await Promise.allSettled(
        round.map(async (draft) => await this.#backplane.publish(draft)),
      );
      const left = round.filter((_, i) => results[i]!.status === "rejected");
      this.#waiting.unshift(...left);
      if (left.length === 0) continue;
      for (const result of results) {
        if (result.status === "fulfilled" || isAway(result.reason)) continue;
        this.#fail(result.reason);
      }
      break;
    }
    this.#busy = false;
  }

  /**
   * Takes a join or leave from the feed; true if it is the last of ours, and another
   * node has told something of the same connection since we wanted to: they may
   * stand in the wrong order.
   */
  overtaken({ log, data, from }: Frame): boolean {
    const about = `${log}\n${data}`;
    const open = this.#untold.get(about);
    if (!open) return false;
    if (from !== this.#node) {
      open.overtaken = true;
      return false;
    }
    if (--open.count > 0) return false;
    this.#untold.delete(about);
    return open.overtaken;
  }

  /** What was told may be lost. */
  lost(): void {
    this.#untold.clear();
  }

  /** What can be published at once: of each connection and channel the oldest. */
  #round(): Draft[] {
    const seen = new Set<string>();
    const later: Draft[] = [];
    const round = this.#waiting.filter((draft) => {
      const about = `${draft.log}\n${draft.data}`;
      if (!seen.has(about)) return seen.add(about);
      later.push(draft);
      return false;
    });
    this.#waiting = later;
    return round;
  }
}
