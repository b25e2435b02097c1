/**
 * What is due on the connections of a node: heartbeats, answers, and ends.
 * @module
 */
import type { Connection } from "./connection.ts";
import type { DropReason } from "./errors.ts";
import type { Node } from "./node.ts";

/** Does what is due at `now`, in ms since 1970; `drop` ends one that is absent. */
export function sweep(
  node: Node,
  now: number,
  drop: (id: string, reason: DropReason) => boolean,
): void {
  node.now = now;
  node.merged.clear();
  node.barred.sweep(now);
  node.meters.sweep();
  const { linger } = node.settings;
  for (const connection of node.connections.values()) {
    if (connection.sink) {
      if (now >= (connection.identity?.expires ?? Infinity)) expire(connection);
      else connection.sink.sweep(now);
    } else if (now - connection.awaySince >= (connection.linger ?? linger)) {
      const reason = connection.slow ? "slow" : "expired";
      if (!drop(connection.id, reason)) connection.awaySince = now;
    }
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
