/**
 * Who follows a channel. The list is the channel's followers; joining and leaving
 * are messages in a log of their own, for those who ask (PROTOCOL N11).
 * @module
 */
import type { Backplane, Draft } from "./backplane.ts";
import type { Present } from "./channel.ts";
import type { Connection } from "./connection.ts";
import { matches, patternsOf, presenceLog } from "./name.ts";
import type { Node } from "./node.ts";

/** Everybody who follows `channel`, by name or by a pattern, each once. */
export function presentIn(node: Node, channel: string): Present[] {
  const present = new Set<Connection>();
  for (const name of [channel, ...patternsOf(channel)]) {
    // The followers of a channel's log are connections, all of them.
    const followers = node.logs.get(name)?.followers as Iterable<Connection>;
    for (const connection of followers ?? []) present.add(connection);
  }
  return [...present].map(describe);
}

function describe({ id, identity }: Connection): Present {
  return identity
    ? { connection: id, subject: identity.subject }
    : { connection: id };
}

/** Publishes joins and leaves, where somebody watches, from now on. */
export function announcePresence(node: Node, backplane: Backplane): void {
  const announce = (kind: "join" | "leave") =>
  async (
    connection: Connection,
    name: string,
  ) => {
    // All at once: a moment later the backplane may be closed.
    const told = drafts(node, kind, connection, name);
    await Promise.all(told.map((draft) => backplane.publish(draft)));
  };
  node.events.on("subscribe", announce("join"));
  node.events.on("unsubscribe", announce("leave"));
}

/**
 * The joins or leaves that follow from `connection` now following `name`, or no
 * more: one for each channel that somebody watches.
 */
function drafts(
  node: Node,
  kind: "join" | "leave",
  connection: Connection,
  name: string,
): Draft[] {
  const found: Draft[] = [];
  const others = connection.channels.filter((other) => other !== name);
  for (const channel of node.logs.watched) {
    const covers = (name: string) => name === channel || matches(name, channel);
    // By another name it was there before, or is there still.
    if (!covers(name) || others.some(covers)) continue;
    const data = JSON.stringify(describe(connection));
    const log = presenceLog(channel);
    found.push({ log, channel, data, time: node.now, meta: kind });
  }
  return found;
}
