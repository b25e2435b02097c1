/**
 * What is due on a node from time to time, done in one pass over its connections.
 * @module
 */
import type { Connection } from "./connection.ts";
import { drop } from "./drops.ts";
import type { Node } from "./node.ts";

/**
 * Lets parked responses do what is due at `now`, in ms since 1970, ends connections
 * that have been away too long, and drops messages that are too old.
 */
export function sweep(node: Node, now: number): void {
  node.now = now;
  node.merged.clear();
  node.counts.behind = 0;
  node.barred.sweep(now);
  node.meters.sweep();
  for (const connection of node.connections.values()) {
    if (connection.sink) {
      if (now >= (connection.identity?.expires ?? Infinity)) expire(connection);
      else connection.sink.sweep(now);
      continue;
    }
    const linger = connection.linger ?? node.settings.linger;
    if (now - connection.awaySince < linger) continue;
    // It lives on at another node: only the copy here ends, and nobody is asked.
    const reason = node.peers?.find(connection.id)
      ? "replaced"
      : connection.slow
      ? "slow"
      : "expired";
    if (!drop(node, connection, reason)) connection.awaySince = now;
  }
  node.logs.age(now);
}

/** Its identity has ended: it may come back with a new one, and lingers till then. */
function expire(connection: Connection): void {
  connection.flush();
  const { sink } = connection;
  // A poll was answered by that.
  if (!sink) return;
  connection.unpark(sink);
  sink.close("token_expired");
}
