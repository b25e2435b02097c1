/**
 * Bayeux 1.0: unmodified clients of CometD and Faye, on the same channels as native
 * ones. A session is a connection of the engine, its clientId the connection's key.
 * @module
 */
import { handler, readBody } from "../call.ts";
import { App, Buffer, type Context, type Hono } from "../deps.ts";
import type { Engine } from "../engine.ts";
import { PushError } from "../errors.ts";
import { type Callers, checkPage, preflight, problem } from "../http.ts";
import type { Protocol } from "../protocol.ts";
import { dispatch } from "./bayeux/dispatch.ts";
import { Exchange, type Server } from "./bayeux/exchange.ts";
import { isCallback, messagesOf, parseAll, respond } from "./bayeux/framing.ts";
import { fieldsOf } from "./bayeux/message.ts";
import { type BayeuxOptions, settingsOf } from "./bayeux/options.ts";
import { Browsers, Sessions } from "./bayeux/sessions.ts";

const METHODS = "GET, POST, OPTIONS";

/** What pages of other origins may send: Faye's adds `Pragma`. */
const REQUEST_HEADERS = "authorization, content-type, pragma, x-requested-with";

/** A body has several messages: so many times what one may take. */
const BATCH = 4;

/**
 * Serves the clients of CometD and Faye, over long-polling and callback-polling:
 * `createRouter(engine, { protocols: [bayeux()] })`, or mounted alone with
 * `app.route("/cometd", bayeux().router(engine))`. Throws a `RangeError` that
 * names a wrong option.
 */
export function bayeux(options: BayeuxOptions = {}): Protocol {
  const settings = settingsOf(options);
  return {
    paths: ["/cometd", "/bayeux"],
    router(engine: Engine, callers: Callers = {}): Hono {
      const server: Server = {
        engine,
        callers,
        settings,
        sessions: new Sessions(engine),
        browsers: new Browsers(settings.browser.sessions),
      };
      const serve = (c: Context) => answer(server, c);
      // Clients add the type of a message to the path, or just a slash.
      return new App().all("*", handler(engine, callers, serve, refuse));
    },
  };
}

async function answer(server: Server, c: Context): Promise<Response> {
  switch (c.req.raw.method) {
    case "OPTIONS":
      return preflight(METHODS, REQUEST_HEADERS);
    case "GET":
      return await script(server, c);
    case "POST":
      return await post(server, c);
  }
  throw new PushError("method_not_allowed");
}

function refuse(error: PushError): Response {
  const response = problem(error);
  if (error.status === 405) response.headers.set("allow", METHODS);
  return response;
}

/** long-polling: a POST of messages. */
async function post(server: Server, c: Context): Promise<Response> {
  const { engine, callers } = server;
  const request = c.req.raw;
  checkPage(request, callers);
  const limit = BATCH * engine.node.settings.limits.message;
  const text = await readBody(engine, request, () => c.req.text(), limit);
  return await exchange(server, c, messagesOf(text), undefined);
}

/** callback-polling: a script that calls back with the answer. */
async function script(server: Server, c: Context): Promise<Response> {
  const request = c.req.raw;
  // At once: a client that tries WebSocket first may wait for ever.
  if (request.headers.has("upgrade")) {
    const detail = "WebSocket is not offered; long-polling is.";
    throw new PushError("invalid_request", detail);
  }
  const query = new URLSearchParams(/\?([^#]*)/.exec(request.url)?.[1]);
  const callback = query.get("jsonp") ?? "jsonpcallback";
  if (!isCallback(callback)) {
    throw new PushError("invalid_request", "jsonp is not a function's name.");
  }
  const messages = parseAll(query.getAll("message"));
  checkPage(request, server.callers);
  return await exchange(server, c, messages, callback);
}

async function exchange(
  server: Server,
  c: Context,
  messages: readonly unknown[],
  callback: string | undefined,
): Promise<Response> {
  const alone = messages.length === 1;
  const env: unknown = c.env;
  const request = c.req.raw;
  const exchange = new Exchange(server, { request, env, callback, alone });
  const inside = await dispatch(exchange, messages.map(fieldsOf));
  // Nobody is there to read it.
  if (inside === undefined) return new Response(null, { status: 408 });
  server.engine.node.counts.bytes += Buffer.byteLength(inside);
  const response = respond(inside, callback);
  if (exchange.cookie) response.headers.set("set-cookie", exchange.cookie);
  return response;
}
