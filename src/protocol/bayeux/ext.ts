/**
 * What extensions add to replies: timesync and timestamp, as CometD's clients know
 * them.
 * @module
 */
import { fieldsOf, type Message, type Reply } from "./message.ts";

/**
 * Adds what the extensions of `message` ask for, when its reply goes out: it came
 * at `received`, and it is `now`, in ms since 1970.
 */
export function extend(
  reply: Reply,
  message: Message,
  received: number,
  now: number,
): Reply {
  // The client's clock is compared with ours, and the time that we took left out.
  const { tc, o, l } = fieldsOf(fieldsOf(message.ext).timesync);
  if (typeof tc === "number") {
    const ts = Math.round(received);
    const p = Math.round(now - received);
    const known = typeof o === "number" && typeof l === "number";
    const accuracy = known ? { a: tc + o + l - ts } : {};
    const timesync = { tc, ts, p, ...accuracy };
    reply.ext = { ...fieldsOf(reply.ext), timesync };
  }
  if (message.timestamp !== undefined) {
    reply.timestamp = new Date(now).toUTCString();
  }
  return reply;
}
