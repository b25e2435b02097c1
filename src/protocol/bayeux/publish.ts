/**
 * Everything else is published (protocol text 5.1): to a channel, or to the server
 * alone if it is a service.
 * @module
 */
import { Buffer } from "../../deps.ts";
import { jsonText } from "../../message.ts";
import { allows } from "../../policy.ts";
import { call } from "./calls.ts";
import type { Exchange } from "./exchange.ts";
import type { Meta } from "./format.ts";
import {
  fieldsOf,
  isId,
  type Message,
  Refusal,
  type Reply,
  replyTo,
} from "./message.ts";
import { isMeta, isService, nativeName, publishFault } from "./names.ts";
import type { Session } from "./session.ts";

/** The longest `ext` that goes with a message, as JSON text. */
const MAX_EXT = 4_096;

/** Publishes a message; resolves when its place in the order is certain. */
export async function publish(
  exchange: Exchange,
  message: Message,
): Promise<Reply> {
  const channel = channelOf(message);
  const { address, server: { engine } } = exchange;
  const { meters, settings: { limits } } = engine.node;
  meters.take("publishes", { address });
  // Who has no session may publish what the policy lets anybody publish.
  const session = "clientId" in message
    ? await exchange.session(message)
    : undefined;
  const identity = session
    ? session.connection.identity
    : await exchange.identity();
  if (message.data === undefined) {
    throw new Refusal(400, "data", "A message has data");
  }
  const name = nativeName(channel);
  if (!await allows(engine.policy, "publish", name, identity)) {
    const id = session?.connection.key ?? "";
    throw new Refusal(403, `${id},${channel}`, "Publishing denied");
  }
  const { data } = message;
  const from = session?.connection.id;
  const who = { connection: from, subject: identity?.subject };
  meters.take("publishes", who);
  const text = jsonText(data, limits.message);
  meters.take("bytes", { ...who, address }, Buffer.byteLength(text));
  if (isService(channel)) {
    const work = call(exchange.server, session, message);
    await once(exchange, session, message, text, work);
  } else {
    const meta = metaOf(message);
    await once(
      exchange,
      session,
      message,
      text,
      () => engine.publish(name, data, { from, meta }),
    );
  }
  return replyTo(message, { successful: true });
}

function channelOf({ channel }: Message): string {
  if (typeof channel !== "string" || channel === "") {
    throw new Refusal(400, "", "Channel missing");
  }
  if (isMeta(channel)) throw new Refusal(404, "", "Unknown meta channel");
  const fault = publishFault(channel);
  if (fault) throw new Refusal(405, "", `Channel invalid, ${fault}`);
  return channel;
}

/** What a client adds for others: the binary extension says here what the data is. */
function metaOf({ ext }: Message): string | undefined {
  if (Object.keys(fieldsOf(ext)).length === 0) return undefined;
  const text = jsonText({ ext } satisfies Meta, Infinity);
  if (text.length <= MAX_EXT) return text;
  throw new Refusal(413, "ext", `An ext may have ${MAX_EXT} characters`);
}

async function once(
  { received }: Exchange,
  session: Session | undefined,
  { id, channel }: Message,
  data: string,
  work: () => Promise<unknown>,
): Promise<void> {
  if (!session || !isId(id)) return void await work();
  const message = { id, channel: channel as string, data, now: received };
  await session.repeats.once(message, work, () => {
    // Its answer was lost, and the events that rode on it.
    if (!session.piggybacked) return;
    session.connection.rewind();
    session.piggybacked = session.unproved = false;
  });
}
