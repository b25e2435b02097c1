/**
 * What is due on a node from time to time, done in one pass over its connections.
 * @module
 */
import { drop, expire } from "./drops.ts";
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
      try {
        const { expires = Infinity } = connection.identity ?? {};
        if (now >= expires) expire(connection);
        else connection.sink.sweep(now);
      } catch (error) {
        // The others have their turn.
        node.fail(error);
      }
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
