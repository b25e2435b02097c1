/**
 * `/meta/subscribe`, `/meta/unsubscribe` and `/meta/disconnect` (protocol text 4.3
 * to 4.6).
 * @module
 */
import { subscribe as follow, unsubscribe as leave } from "../../arrival.ts";
import { allows } from "../../policy.ts";
import type { Exchange } from "./exchange.ts";
import {
  isNames,
  type Message,
  Refusal,
  type Reply,
  replyTo,
  unknownClient,
} from "./message.ts";
import { followFault, isMeta, isService, nativeName } from "./names.ts";

/** Follows channels and patterns from the present on: all that are named, or none. */
export async function subscribe(
  exchange: Exchange,
  message: Message,
): Promise<Reply> {
  const session = await exchange.session(message);
  const { connection } = session;
  const { engine } = exchange.server;
  const names = namesOf(message);
  for (const name of names) {
    if (isMeta(name)) throw new Refusal(403, name, "Subscription denied");
    const fault = followFault(name);
    if (fault) {
      throw new Refusal(403, plain(name), `Subscription invalid, ${fault}`);
    }
  }
  // What comes from a service comes to its client alone, subscribed or not.
  const wanted = names.filter((name) => !isService(name)).map(nativeName);
  checkCount(wanted.length, engine.node.settings.limits.channels);
  for (const name of wanted) {
    const { identity, key } = connection;
    if (await allows(engine.policy, "subscribe", name, identity)) continue;
    throw new Refusal(403, `${key},/${name}`, "Subscription denied");
  }
  // The policy may have taken its time.
  if (connection.ended) throw unknownClient(connection.key);
  follow(engine.node, connection, wanted);
  return done(message);
}

/** Follows them no more; what it did not follow is no fault. */
export async function unsubscribe(
  exchange: Exchange,
  message: Message,
): Promise<Reply> {
  const { connection } = await exchange.session(message);
  const names = namesOf(message).map(nativeName);
  leave(exchange.server.engine.node, connection, names);
  return done(message);
}

/** Ends the session, and the connect that is held. */
export async function disconnect(
  exchange: Exchange,
  message: Message,
): Promise<Reply> {
  const { connection } = await exchange.session(message);
  exchange.server.engine.drop(connection.id, "left");
  return replyTo(message, { successful: true });
}

function namesOf({ subscription }: Message): string[] {
  if (subscription === undefined) {
    throw new Refusal(403, "", "Subscription missing");
  }
  if (!isNames(subscription) || subscription.length === 0) {
    throw new Refusal(403, "", "Subscription invalid");
  }
  return typeof subscription === "string" ? [subscription] : subscription;
}

/** Before the policy is asked about each of them. */
function checkCount(count: number, limit: number): void {
  if (count <= limit) return;
  throw new Refusal(403, "", `${count} channels are more than ${limit}`);
}

function done(message: Message): Reply {
  const { subscription } = message;
  return replyTo(message, { successful: true, subscription });
}

/** A name as an argument of an error: what would break it up is left out. */
function plain(name: string): string {
  return /^[^:,\p{Cc}]{1,255}$/u.test(name) ? name : "";
}
