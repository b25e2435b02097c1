/**
 * better-sse, as its documentation has it: a session per client, registered with
 * the channels it follows, and a `broadcast` per message.
 * @module
 */
import {
  type Channel,
  createChannel,
  createResponse,
  type Session,
} from "npm:better-sse@^0.16.1";
import { Members, read, type Served } from "./served.ts";

/** Makes it. */
export function betterSse({ heartbeat }: { heartbeat: number }): Served {
  const sessions = new Members<Session>();
  const channels = new Map<string, Channel>();
  let number = 0;

  function channelOf(name: string): Channel {
    let channel = channels.get(name);
    if (!channel) channels.set(name, channel = createChannel());
    return channel;
  }

  async function publish(
    request: Request,
    channel: string,
    to: string | undefined,
  ): Promise<Response> {
    const id = String(++number);
    const message = {
      type: "message",
      channel,
      id,
      data: await request.text(),
    };
    if (to === undefined) {
      channelOf(channel).broadcast(message, "message", { eventId: id });
    } else {
      for (const session of sessions.of(channel, to)) {
        session.push(message, "message", id);
      }
    }
    return Response.json({ id });
  }

  return {
    fetch(request) {
      const asked = read(request);
      if (asked.kind === "health") return new Response("ok");
      if (asked.kind === "publish") {
        return publish(request, asked.channel, asked.to);
      }
      return createResponse(request, { keepAlive: heartbeat }, (session) => {
        const id = `c${number++}`;
        sessions.add(id, session, []);
        for (const name of asked.channels) channelOf(name).register(session);
        session.once("disconnected", () => sessions.delete(id, []));
        session.push({ type: "open", connection: id }, "open");
      });
    },
    size: () => sessions.size,
  };
}
