/**
 * Bayeux 1.0 over long-polling, as the clients of CometD and Faye speak it: a
 * handshake, the subscriptions in one batch, then one `/meta/connect` after the other.
 * @module
 */
import { Buffer } from "node:buffer";
import { type Answer, field } from "./answers.ts";
import type { Exchange, Talk } from "./dialects.ts";

const TRANSPORT = "long-polling";

/** How a reply says that its request was refused (Bayeux 1.0, 4.3). */
const REFUSED = /"successful":\s*false/;

/** A `POST` of messages as text. */
function post(
  { host, path }: Talk,
  cookie: string | undefined,
  messages: readonly unknown[],
): string {
  const body = JSON.stringify(messages);
  const fields = cookie === undefined ? "" : `cookie: ${cookie}\r\n`;
  return `POST ${path} HTTP/1.1\r\nhost: ${host}\r\n${fields}` +
    "content-type: application/json;charset=UTF-8\r\n" +
    `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}

/** The answer as text; throws if something in it was refused. */
function accepted({ body }: Answer): string {
  const text = body.toString("latin1");
  if (REFUSED.test(text)) throw new Error(`It was refused: ${text}`);
  return text;
}

/** Its requests: who is refused or forgotten by the server does not come back. */
export const bayeux: Exchange = {
  kind: "exchange",
  *talk(talk) {
    let id = 0;
    const message = (channel: string, fields: Record<string, unknown>) => {
      return { id: `${++id}`, channel, ...fields };
    };
    const handshake = message("/meta/handshake", {
      version: "1.0",
      minimumVersion: "1.0",
      supportedConnectionTypes: [TRANSPORT],
    });
    const answer = yield {
      request: post(talk, undefined, [handshake]),
      parked: false,
    };
    const clientId = /"clientId":\s*"([^"]+)"/.exec(accepted(answer))?.[1];
    if (clientId === undefined) {
      throw new Error(`There is no clientId: ${answer.body}`);
    }
    // CometD finds a session by the cookie of its browser; Faye has none.
    const cookie = field(answer.head, "set-cookie")?.split(";")[0];
    const subscriptions = talk.channels.map((name) =>
      message("/meta/subscribe", { clientId, subscription: `/${name}` })
    );
    accepted(
      yield { request: post(talk, cookie, subscriptions), parked: false },
    );
    for (;;) {
      const connect = message("/meta/connect", {
        clientId,
        connectionType: TRANSPORT,
      });
      accepted(yield { request: post(talk, cookie, [connect]), parked: true });
    }
  },
};
