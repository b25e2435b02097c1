/**
 * `/meta/connect` (protocol text 4.2): the request that waits for events.
 * @module
 */
import { liftIdleLimit } from "../../http.ts";
import { news, oneOfSeveral, usual } from "./advice.ts";
import { isBehind, LOST, prove, take } from "./delivery.ts";
import type { Exchange } from "./exchange.ts";
import { extend } from "./ext.ts";
import { isTransport, OFFERED } from "./handshake.ts";
import { type Held, HeldConnect } from "./held.ts";
import {
  type Advice,
  askedFor,
  type Message,
  Refusal,
  type Reply,
  replyTo,
  unknownClient,
} from "./message.ts";
import type { Session } from "./session.ts";

/** The longest pause that a client may ask for, in ms. */
const LONGEST = 600_000;

/**
 * Answers a connect: with events and the reply, as the inside of a JSON array, or
 * not at all if the client has gone. It may take up to the timeout.
 */
export async function connect(
  exchange: Exchange,
  message: Message,
): Promise<string | undefined> {
  const session = await exchange.session(message);
  const type = message.connectionType;
  if (!isTransport(type)) {
    const named = typeof type === "string" && /^[\w-]{1,40}$/.test(type);
    throw new Refusal(301, named ? type : "", OFFERED);
  }
  const { engine, settings, browsers } = exchange.server;
  const { connection } = session;
  const away = !connection.sink;
  // One connect and no other: the former one ends, with nothing in its hands.
  connection.detach();
  prove(session, message, exchange.alone);
  const again = session.connected;
  session.connected = true;
  session.lastConnect = message.id;
  session.repeats.forget(exchange.received);
  if (isBehind(connection, settings.maxQueue)) {
    engine.drop(connection.id, "slow");
    throw unknownClient(connection.key);
  }
  // Who may follow nothing lives no longer than the server would have it.
  const interval = connection.channels.length > 0
    ? Math.min(askedFor(message, "interval") ?? 0, LONGEST)
    : 0;
  const timeout = askedFor(message, "timeout") ?? settings.timeout;
  // Alone in its request, or others' replies would wait with it; and not the first
  // of a session, whose client wants to know that it is connected.
  let wait = exchange.alone && again ? Math.min(timeout, settings.timeout) : 0;
  let advice = usual(settings);
  if (wait > 0 && !browsers.hold(session.browser)) {
    wait = 0;
    advice = oneOfSeveral(settings);
  }
  const pause = Math.max(interval, advice.interval!);
  connection.linger = pause + settings.maxInterval;
  const reply = () => answer(exchange, session, message, advice);
  if (wait === 0) {
    session.touch(engine.node.settings.clock.now(), false);
    const events = take(session);
    if (events !== LOST) return events + reply();
    engine.drop(connection.id, "slow");
    throw unknownClient(connection.key);
  }
  const { request, env } = exchange;
  liftIdleLimit(env, request, wait + 10_000);
  const held: Held = { message, wait, reply, signal: request.signal };
  return await new Promise((resolve) => {
    const sink = new HeldConnect(exchange.server, session, held, (body) => {
      browsers.release(session.browser);
      resolve(body);
    });
    if (away) engine.node.events.emit("return", connection);
    sink.begin();
  });
}

/** The reply, which goes last: what is before it counts as sent with it. */
function answer(
  exchange: Exchange,
  session: Session,
  message: Message,
  advised: Advice,
): string {
  const { engine } = exchange.server;
  const { acks, connection } = session;
  const asked = message.advice !== undefined;
  if (asked) session.advised = "";
  const advice = news(session, advised);
  const reply: Reply = replyTo(message, {
    successful: true,
    ...(advice && { advice }),
    ...(acks && { ext: { ack: acks.next(connection.sent) } }),
  });
  const now = engine.node.settings.clock.now();
  return JSON.stringify(extend(reply, message, exchange.received, now));
}
