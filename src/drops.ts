/**
 * How connections end.
 * @module
 */
import type { Connection } from "./connection.ts";
import type { DrainHost } from "./drain.ts";
import { codes, type DropReason } from "./errors.ts";
import type { Node } from "./node.ts";

/** Throws unless all nodes could be told so: JavaScript may give anything. */
export function checkDrop(
  reason: DropReason,
  after: number | undefined,
  subject = "",
): void {
  if (!Object.hasOwn(codes, reason)) {
    throw new RangeError(`There is no such reason to drop: ${reason}`);
  }
  if (after !== undefined && !(after >= 0 && after < Infinity)) {
    throw new RangeError(`after is ${after}; it is a number of ms`);
  }
  if (typeof subject !== "string") {
    throw new TypeError(`The subject is ${subject}; it is a string`);
  }
}

/**
 * Ends a connection of this node and its response; false if a `beforeDrop` listener
 * keeps it. `after`: when its client may come back, in ms.
 */
export function drop(
  node: Node,
  connection: Connection,
  reason: DropReason,
  after?: number,
): boolean {
  checkDrop(reason, after);
  if (reason === "left" || reason === "expired" || reason === "kicked") {
    if (!node.events.ask(connection, reason)) return false;
  }
  connection.flush();
  // Its poll was answered by that, and it may have left.
  if (connection.ended) return true;
  const { sink } = connection;
  node.remove(connection, reason);
  const { id, identity } = connection;
  if (identity?.key !== undefined && !codes[reason].retryable) {
    node.barred.ticket(id, node.now, identity.expires);
  }
  connection.sink = undefined;
  sink?.close(reason, after);
  node.events.emit("drop", connection, reason);
  return true;
}

/**
 * Ends all connections of a subject at this node; how many there were. For good
 * means that what the subject was given until then is worth nothing any more. `given`:
 * when that was ordered, if not now; who has come since is not meant.
 */
export function dropSubject(
  node: Node,
  subject: string,
  reason: DropReason,
  after?: number,
  given?: number,
): number {
  checkDrop(reason, after, subject);
  if (!codes[reason].retryable) {
    node.barred.subject(subject, given ?? node.settings.clock.now());
  }
  let count = 0;
  for (const connection of [...node.connections.values()]) {
    if (connection.identity?.subject !== subject || connection.ended) continue;
    if (given !== undefined && connection.awaySince > given) continue;
    if (drop(node, connection, reason, after)) count++;
  }
  return count;
}

/** The connections of this node alone, for a drain: other nodes keep theirs. */
export function endsHere(node: Node): DrainHost {
  const { connections } = node;
  return {
    connections,
    drop(id, ...how) {
      try {
        drop(node, connections.get(id)!, ...how);
      } catch (error) {
        // The others are told.
        node.fail(error);
      }
    },
  };
}

/** Its identity has ended: it may come back with a new one, and lingers till then. */
export function expire(connection: Connection): void {
  connection.flush();
  const { sink } = connection;
  // A poll was answered by that.
  if (!sink) return;
  connection.unpark(sink);
  sink.close("token_expired");
}
