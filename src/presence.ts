/**
 * Who follows a channel. The list is the channel's followers; joining and leaving
 * are messages in a log of their own, for those who ask (PROTOCOL N11).
 * @module
 */
import type { Backplane, Draft } from "./backplane.ts";
import type { Present } from "./channel.ts";
import type { Connection } from "./connection.ts";
import { covers, patternsOf, presenceLog } from "./name.ts";
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
    const there = after.some((name) => covers(name, channel));
    if (before.some((name) => covers(name, channel)) === there) continue;
    const data = JSON.stringify(describe(who));
    const meta = there ? "join" : "leave";
    found.push({ log: presenceLog(channel), channel, data, time, meta });
  }
  return found;
}

/** Joins and leaves of `channel` were not told for a while: who watches asks again. */
export function missed(node: Node, channel: string): void {
  const log = node.logs.get(presenceLog(channel));
  if (!log) return;
  node.logs.lose(log, node.applied);
  for (const follower of log.followers) {
    try {
      follower.flush();
    } catch (error) {
      node.fail(error);
    }
  }
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
