/**
 * `/meta/handshake` (protocol text 4.1): a session begins.
 * @module
 */
import { checkIdentity } from "../../auth/barred.ts";
import { PushError } from "../../errors.ts";
import { adviceText, usual } from "./advice.ts";
import { LOST, take } from "./delivery.ts";
import type { Exchange } from "./exchange.ts";
import type { Identity } from "../../policy.ts";
import {
  fieldsOf,
  type Message,
  NONE,
  Refusal,
  type Reply,
  replyTo,
} from "./message.ts";
import { Session } from "./session.ts";

/** The transports there are; WebSocket is not one of them. */
const TRANSPORTS: readonly string[] = ["long-polling", "callback-polling"];

/** What Faye calls long-polling from pages of other origins. */
const CROSS_ORIGIN = "cross-origin-long-polling";

/** What a client that names no transport of ours is told. */
export const OFFERED: string = `Offered are ${TRANSPORTS.join(" and ")}`;

/** Whether a connection type is one of ours. */
export function isTransport(type: unknown): boolean {
  return type === CROSS_ORIGIN || TRANSPORTS.includes(type as string);
}

/** A reply, and the events that go after it. */
export interface Greeting {
  readonly reply: Reply;
  readonly events: string;
}

/** Begins a session: a connection of the engine without channels yet. */
export async function handshake(
  exchange: Exchange,
  message: Message,
): Promise<Greeting> {
  const { engine, settings, sessions } = exchange.server;
  const { address } = exchange;
  const { meters } = engine.node;
  meters.take("opens", { address });
  const types = checkOffer(message);
  const ext = fieldsOf(message.ext);
  const bound = settings.identify !== undefined;
  const identity = await denied(() => identityOf(exchange, ext));
  meters.take("opens", { subject: identity?.subject });
  const browser = exchange.browser();
  const ack = ext.ack === true || fieldsOf(ext.ack).enabled === true;
  // It is a session before `connect` listeners send something to it.
  const session = await denied(() =>
    engine.connect({
      channels: [],
      bare: true,
      identity,
      address,
    }, (connection) => {
      const fields = { browser, bound, ack, now: exchange.received };
      const session = new Session(connection, fields);
      connection.linger = settings.interval + settings.maxInterval;
      sessions.add(session);
      return session;
    })
  );
  const { connection } = session;
  if (connection.ended) throw new Refusal(403, "", "Handshake denied", NONE);
  const advice = usual(settings);
  session.advised = adviceText(advice);
  const reply = replyTo(message, {
    successful: true,
    version: "1.0",
    minimumVersion: "1.0",
    supportedConnectionTypes: types.includes(CROSS_ORIGIN)
      ? [...TRANSPORTS, CROSS_ORIGIN]
      : TRANSPORTS,
    clientId: connection.key,
    ...(ack && { ext: { ack: true } }),
    advice,
  });
  const events = settings.handshakeMessages && !ack ? take(session) : "";
  if (events === LOST || events === "") return { reply, events: "" };
  reply["x-messages"] = JSON.parse(`[${events.slice(0, -1)}]`).length;
  return { reply, events };
}

/** Who shakes hands, as the options find out, or else the policy. */
async function identityOf(
  exchange: Exchange,
  ext: Message,
): Promise<Identity | undefined> {
  const { engine, settings } = exchange.server;
  if (!settings.identify) return await exchange.identity();
  const { times } = engine.node.barred;
  const identity = await settings.identify(ext, exchange.bare);
  checkIdentity(engine.node, identity, times);
  return identity;
}

/** The client and we must speak the same (4.1.1); the types that it names. */
function checkOffer(message: Message): unknown[] {
  const { version, minimumVersion, supportedConnectionTypes } = message;
  if (typeof version !== "string") {
    throw new Refusal(400, "version", "A handshake names its version", NONE);
  }
  const least = typeof minimumVersion === "string" ? minimumVersion : "1.0";
  if (!(parseFloat(version) >= 1 && parseFloat(least) <= 1)) {
    const asked = /^[\w.]{1,20}$/.test(version) ? version : "";
    throw new Refusal(300, asked, "This is Bayeux 1.0", NONE);
  }
  const types: unknown[] = Array.isArray(supportedConnectionTypes)
    ? supportedConnectionTypes
    : [];
  if (types.some(isTransport)) return types;
  const named = types.filter((type) =>
    typeof type === "string" && /^[\w-]{1,40}$/.test(type)
  ).slice(0, 8);
  throw new Refusal(301, named.join(), OFFERED, NONE);
}

/** Whoever is not let in stops; who may be later comes back. */
async function denied<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof PushError)) throw error;
    if (error.code !== "forbidden" && error.code !== "unauthorized") {
      throw error;
    }
    throw new Refusal(403, "", "Handshake denied", NONE);
  }
}
