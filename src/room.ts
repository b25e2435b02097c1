/**
 * Whether there is room for one more client, and for what it wants to follow.
 * @module
 */
import { PushError } from "./errors.ts";
import { subscriptionFault } from "./name.ts";
import type { Node } from "./node.ts";

/** Throws where a node is going away: others have room, or will have. */
export function checkOpen({ drain }: Node): void {
  if (drain) throw new PushError("shutdown", undefined, drain.back());
}

/** Throws where a node is full, or going away. */
export function checkRoom(node: Node): void {
  checkOpen(node);
  const { connections } = node.settings.limits;
  if (node.connections.size + node.stalled >= connections) {
    throw new PushError(
      "too_many_connections",
      `This server carries ${connections} connections and is full.`,
      1_000 + Math.floor(Math.random() * 4_000),
    );
  }
}

/** Throws unless all of `channels` can be subscribed to at once. */
export function checkChannels(node: Node, channels: ReadonlySet<string>): void {
  for (const name of channels) {
    const fault = subscriptionFault(name);
    if (fault) throw new PushError("invalid_channel", `${name}: ${fault}`);
  }
  checkCount(node, channels);
  let more = 0;
  for (const name of channels) {
    if (!node.logs.get(name)?.followers.size) more++;
  }
  if (more === 0 || node.logs.fits(more)) return;
  throw new PushError("too_many_channels", undefined, 5_000);
}

/** Throws if these are more channels than one client may have (PROTOCOL N10.5). */
export function checkCount(node: Node, { size }: ReadonlySet<string>): void {
  const limit = node.settings.limits.channels;
  if (size <= limit) return;
  const detail = `${size} channels are too many; the limit is ${limit}.`;
  throw new PushError("invalid_request", detail);
}
