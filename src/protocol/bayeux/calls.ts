/**
 * Messages to `/service/…`: remote calls, and whatever else is for the server
 * alone. The answer goes to the caller's own log, which nobody else follows.
 * @module
 */
import { PushError } from "../../errors.ts";
import type { Server } from "./exchange.ts";
import type { Meta } from "./format.ts";
import { fieldsOf, type Message, Refusal, unknownClient } from "./message.ts";
import { targetOf } from "./names.ts";
import type { BayeuxCall, BayeuxCallHandler } from "./options.ts";
import type { Session } from "./session.ts";

/** What does the call of `message`; the caller hears of its end by an event. */
export function call(
  server: Server,
  session: Session | undefined,
  message: Message,
): () => Promise<void> {
  if (!session) throw unknownClient(undefined);
  const channel = message.channel as string;
  const target = targetOf(channel);
  const { calls } = server.settings;
  if (!Object.hasOwn(calls, target)) {
    throw new Refusal(404, channel, "Unknown service");
  }
  const handler = calls[target]!;
  const { connection } = session;
  const about = { connection, target, ext: fieldsOf(message.ext) };
  return () => {
    // Its reply need not wait until it has been answered.
    void run(server, handler, message, about);
    return Promise.resolve();
  };
}

async function run(
  { engine }: Server,
  handler: BayeuxCallHandler,
  { id, data }: Message,
  about: BayeuxCall,
): Promise<void> {
  const { connection, target } = about;
  let successful = true;
  let answer: unknown;
  try {
    answer = await handler(data, about);
  } catch (error) {
    const known = error instanceof PushError;
    if (!known) engine.node.fail(error);
    successful = false;
    const { code, message } = known ? error : new PushError("internal");
    answer = { code, message };
  }
  if (answer === undefined) return;
  const meta: Meta = { call: { id, successful } };
  try {
    await engine.sendTo(connection.id, `service/${target}`, answer, {
      meta: JSON.stringify(meta),
    });
  } catch (error) {
    // It has gone, and so has its interest.
    if (!connection.ended) engine.node.fail(error);
  }
}
