/**
 * The messages of one request, each by its channel, in their order.
 * @module
 */
import { comeBackAfter, refusedWith } from "../../call.ts";
import { PushError } from "../../errors.ts";
import { codeOf, refusalFor, unwelcome } from "./advice.ts";
import { connect } from "./connect.ts";
import { LOST, take } from "./delivery.ts";
import type { Exchange } from "./exchange.ts";
import { extend } from "./ext.ts";
import { handshake } from "./handshake.ts";
import {
  type Message,
  META,
  Refusal,
  refusalOf,
  type Reply,
} from "./message.ts";
import { publish } from "./publish.ts";
import { disconnect, subscribe, unsubscribe } from "./subscribe.ts";

/**
 * Works through the messages; resolves to the inside of the answer's array, or to
 * nothing if the client has gone meanwhile.
 */
export async function dispatch(
  exchange: Exchange,
  messages: readonly Message[],
): Promise<string | undefined> {
  // What comes with a handshake has no session yet, and is ignored (4.1).
  const first = messages.find(({ channel }) => channel === META.handshake);
  if (first) return await greet(exchange, first);
  let connects = false;
  const parts: string[] = [];
  for (const message of messages) {
    const isConnect = message.channel === META.connect;
    connects ||= isConnect;
    const part = await attempt(exchange, message, async () => {
      if (isConnect) return await connect(exchange, message);
      return write(exchange, message, await handle(exchange, message));
    });
    if (part === undefined) return undefined;
    parts.push(part);
    if (!isConnect) touch(exchange, message);
  }
  if (!connects) parts.push(...piggyback(exchange));
  return parts.join(",");
}

function handle(exchange: Exchange, message: Message): Promise<Reply> {
  switch (message.channel) {
    case META.subscribe:
      return subscribe(exchange, message);
    case META.unsubscribe:
      return unsubscribe(exchange, message);
    case META.disconnect:
      return disconnect(exchange, message);
  }
  return publish(exchange, message);
}

async function greet(
  exchange: Exchange,
  message: Message,
): Promise<string | undefined> {
  return await attempt(exchange, message, async () => {
    const { reply, events } = await handshake(exchange, message);
    const text = write(exchange, message, reply);
    return events === "" ? text : `${text},${events.slice(0, -1)}`;
  });
}

/** Whatever is thrown becomes a reply: HTTP is in order, so its status is 200. */
async function attempt(
  exchange: Exchange,
  message: Message,
  work: () => Promise<string | undefined>,
): Promise<string | undefined> {
  try {
    return await work();
  } catch (thrown) {
    const refusal = refusalIn(exchange, message, thrown);
    return write(exchange, message, refusalOf(message, refusal));
  }
}

function refusalIn(
  { server }: Exchange,
  message: Message,
  thrown: unknown,
): Refusal {
  const { engine } = server;
  if (thrown instanceof Refusal) {
    engine.node.refused(new PushError(codeOf(thrown)));
    return thrown;
  }
  const error = refusedWith(engine, thrown);
  if (message.channel !== META.handshake) return refusalFor(error);
  return unwelcome(error, message, comeBackAfter(engine, error));
}

function write(exchange: Exchange, message: Message, reply: Reply): string {
  const now = exchange.server.engine.node.settings.clock.now();
  return JSON.stringify(extend(reply, message, exchange.received, now));
}

/** Whatever a client does other than to connect shows that it is there, and busy. */
function touch({ sessions, received }: Exchange, { clientId }: Message): void {
  if (typeof clientId === "string") {
    sessions.get(clientId)?.touch(received, true);
  }
}

/**
 * Events ride on any reply (5.2), but only while no connect is held and none that
 * carried events is unproved: so they stay in order over two sockets. With the ack
 * extension, and where scripts are loaded, they come with connects alone.
 */
function piggyback({ sessions, server, callback }: Exchange): string[] {
  const [session, another] = sessions.values();
  if (!session || another || callback !== undefined) return [];
  const { connection } = session;
  if (connection.ended || connection.sink) return [];
  if (session.acks || session.unproved) return [];
  const events = take(session);
  if (events === LOST) {
    // Its next connect will be told.
    server.engine.drop(connection.id, "slow");
    return [];
  }
  if (events === "") return [];
  session.piggybacked = true;
  return [events.slice(0, -1)];
}
