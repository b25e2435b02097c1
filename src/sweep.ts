/**
 * What is due on a node from time to time, done in one pass over its connections.
 * @module
 */
import type { DropReason } from "./errors.ts";
import type { Node } from "./node.ts";

/**
 * Does what is due at `now`, in ms since 1970. `drop` ends a connection; false if
 * that has to wait.
 */
export function sweep(
  node: Node,
  now: number,
  drop: (id: string, reason: DropReason) => boolean,
): void {
  node.now = now;
  node.merged.clear();
  node.counts.behind = 0;
  const { linger } = node.settings;
  for (const connection of node.connections.values()) {
    if (connection.sink) connection.sink.sweep(now);
    else if (now - connection.awaySince >= (connection.linger ?? linger)) {
      const reason = connection.slow ? "slow" : "expired";
      if (!drop(connection.id, reason)) connection.awaySince = now;
    }
  }
  node.logs.age(now);
}
