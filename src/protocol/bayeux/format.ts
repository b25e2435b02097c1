/**
 * What a client is sent as events (protocol text 5.2): text that is made once for
 * all who get the same.
 * @module
 */
import type { Chunk, Frame } from "../../frame.ts";
import { fieldsOf, type Message } from "./message.ts";

const texts = new WeakMap<Chunk, string>();

/** The events of a chunk, each followed by a comma. */
export function eventsOf(chunk: Chunk): string {
  let text = texts.get(chunk);
  if (text === undefined) {
    text = "";
    for (const frame of chunk.frames) if (isEvent(frame)) text += event(frame);
    texts.set(chunk, text);
  }
  return text;
}

/**
 * Whether a frame is one: what natives publish to `meta/…` would be taken for a
 * reply, and only what is sent to a client alone may come from `/service/…`.
 */
function isEvent({ kind, log, channel }: Frame): boolean {
  if (kind !== "message" || /^meta(\/|$)/.test(channel)) return false;
  return log !== channel || !channel.startsWith("service/");
}

/** An event has `data` and no `successful`; the publisher's ids stay here. */
function event({ channel, data, meta }: Frame): string {
  const name = JSON.stringify(`/${channel}`);
  const head = `{"channel":${name},"data":${data}`;
  if (meta === undefined) return `${head}},`;
  const { ext, call } = metaOf(meta);
  // Only the answer to a call has an id, and says how the call went.
  const fields = { ...fieldsOf(call), ...(ext !== undefined && { ext }) };
  const tail = JSON.stringify(fields).slice(1);
  return tail === "}" ? `${head}},` : `${head},${tail},`;
}

/** What goes with a message as `meta`: its `ext`, or which call it answers. */
export interface Meta {
  readonly ext?: unknown;
  readonly call?: { readonly id: unknown; readonly successful: boolean };
}

/** Other protocols have a `meta` of their own. */
function metaOf(meta: string): Message {
  try {
    return fieldsOf(JSON.parse(meta));
  } catch {
    return {};
  }
}
