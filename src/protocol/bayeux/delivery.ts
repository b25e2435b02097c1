/**
 * What a session is handed, and what counts as received: the logs above two
 * numbers of its connection are the only queue.
 * @module
 */
import type { Connection } from "../../connection.ts";
import { Chunk } from "../../frame.ts";
import { CHUNK_BYTES } from "../../log.ts";
import { matches } from "../../name.ts";
import { eventsOf } from "./format.ts";
import { fieldsOf, type Message } from "./message.ts";
import type { Session } from "./session.ts";

/**
 * A connect comes, and decides what has become of the events handed out before it.
 * With the ack extension it says so. Without, one with the former one's id (Faye
 * repeats it) or with `advice.timeout: 0` (CometD sends that exactly when the
 * former one failed; Faye, when it sends others along) means that the last reply was
 * lost; any other, that it came. `alone`: no others are in its request.
 */
export function prove(
  session: Session,
  message: Message,
  alone: boolean,
): void {
  const { connection, acks } = session;
  session.upTo = Infinity;
  if (acks) {
    const seq = acks.received(fieldsOf(message.ext).ack);
    if (seq !== undefined) arrived(connection, seq);
    connection.rewind();
  } else if (session.connected && failed(session, message, alone)) {
    // The first may come last: the next connect must prove the same, whichever reply
    // its client has had.
    const repeated = message.id === session.lastConnect;
    const { sent, cursor } = connection;
    if (repeated && sent > cursor) session.upTo = sent;
    connection.rewind();
  } else connection.confirm();
  session.piggybacked = session.unproved = false;
}

function failed(
  session: Session,
  { id, advice }: Message,
  alone: boolean,
): boolean {
  if (id !== undefined && id === session.lastConnect) return true;
  return alone && fieldsOf(advice).timeout === 0;
}

function arrived(connection: Connection, seq: number): void {
  if (seq === connection.sent) connection.confirm();
  else if (seq > connection.cursor) connection.cursor = seq;
}

/** Its logs have lost what it has not had, or the order is another one. */
export const LOST = Symbol("lost");

/**
 * Takes what is new for a reply: events, each followed by a comma. A session to
 * which something is lost has to end; Bayeux has no other way to say so.
 */
export function take(session: Session): string | typeof LOST {
  let text = "";
  while (text.length < CHUNK_BYTES) {
    const limit = room(session);
    const next = limit > 0 ? session.connection.next(limit) : undefined;
    if (!next) break;
    if (!(next instanceof Chunk)) return LOST;
    text += eventsOf(next);
  }
  if (text !== "") session.unproved = true;
  return text;
}

/** How many messages it may be handed now. */
function room({ connection: { logs, sent }, upTo }: Session): number {
  // What is lost is told in any case.
  if (upTo === Infinity || logs.some(({ floor }) => floor > sent)) {
    return Infinity;
  }
  const seqs = new Set<number>();
  for (const log of logs) {
    for (const { seq } of log.after(sent)) if (seq <= upTo) seqs.add(seq);
  }
  return seqs.size;
}

/** Whether something is new, and whether all of it may wait. */
export function waiting(
  connection: Connection,
  lazy: readonly string[],
): "nothing" | "lazy" | "events" {
  let found: "nothing" | "lazy" = "nothing";
  for (const log of connection.logs) {
    if (log.floor > connection.sent) return "events";
    for (const { channel } of log.after(connection.sent)) {
      const isLazy = lazy.some((it) => it === channel || matches(it, channel));
      // What would be trimmed away is not to wait.
      if (!isLazy || log.overflows) return "events";
      found = "lazy";
    }
  }
  return found;
}

/** Whether more than `most` messages are new. */
export function isBehind(connection: Connection, most: number): boolean {
  if (most === Infinity) return false;
  const seqs = new Set<number>();
  for (const log of connection.logs) {
    for (const { seq } of log.after(connection.sent)) {
      if (seqs.add(seq).size > most) return true;
    }
  }
  return false;
}
