/**
 * The native protocol over HTTP: request → schema → policy → engine → transport.
 * @module
 */
import type { Connection, Identity } from "./connection.ts";
import { App, type Context, type Hono, routePath } from "./deps.ts";
import type { Engine } from "./engine.ts";
import { PushError } from "./errors.ts";
import { Control, ndjson, reconnectDelay, sse } from "./frame.ts";
import {
  allowOrigin,
  type Callers,
  checkHost,
  drain,
  negotiate,
  originAllowed,
  preflight,
  problem,
  readText,
} from "./http.ts";
import { idOfKey } from "./key.ts";
import type { Action } from "./policy.ts";
import { poll } from "./transport/poll.ts";
import { stream, streamHeaders } from "./transport/stream.ts";
import {
  DEFAULT_WAIT,
  LeaveRequest,
  parse,
  PublishRequest,
  SubscribeRequest,
} from "./wire.ts";

const METHODS = "GET, HEAD, POST, OPTIONS";
const TRANSPORTS: Record<string, "sse" | "stream" | "poll"> = {
  "text/event-stream": "sse",
  "application/x-ndjson": "stream",
  "application/json": "poll",
};

/** How a router is set up. */
export type RouterOptions = Callers;

/**
 * Serves an engine over HTTP, to be mounted wherever one likes:
 * `app.route("/push", createRouter(engine))`.
 */
export function createRouter(
  engine: Engine,
  options: RouterOptions = {},
): Hono {
  const router = new App();
  router.all("*", async (c) => {
    const request = c.req.raw;
    let response: Response;
    try {
      response = await answer(engine, options, c);
    } catch (error) {
      response = refuse(engine, request, error);
      await drain(request);
    }
    if (request.headers.has("origin")) {
      allowOrigin(request, response.headers, options);
    }
    return response;
  });
  return router;
}

/** One request, taken apart once. */
interface Call {
  readonly engine: Engine;
  readonly request: Request;
  /** What the path says after the base, decoded; empty for the base itself. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** The key of a connection, from the query or its header. */
  readonly key: string | undefined;
}

async function answer(
  engine: Engine,
  options: RouterOptions,
  c: Context,
): Promise<Response> {
  const request = c.req.raw;
  checkHost(request, options);
  const { path, query } = takeApart(request.url, routePath(c));
  const key = request.headers.get("push-key") ?? query.get("key") ?? undefined;
  const call = { engine, request, path, query, key };
  switch (request.method) {
    case "OPTIONS":
      return preflight(METHODS);
    case "GET":
    case "HEAD":
      if (path === "$leave") break;
      return await subscribe(call, c.env);
    case "POST":
      if (!originAllowed(request, options)) {
        throw new PushError(
          "bad_origin",
          `Pages of ${request.headers.get("origin")} may not publish here.`,
        );
      }
      if (path === "$leave") return await leave(call);
      return await publish(call);
  }
  const error = new PushError("method_not_allowed");
  const response = problem(error);
  response.headers.set("allow", path === "$leave" ? "POST, OPTIONS" : METHODS);
  await drain(request);
  return response;
}

/** What follows the base path, which may have parameters, and the query. */
function takeApart(url: string, route: string): Pick<Call, "path" | "query"> {
  const [, target = "", search = ""] =
    /^[^?#]*?:\/\/[^/?#]*([^?#]*)\??([^#]*)/.exec(url) ?? [];
  const base = route.split("/").length - 1;
  try {
    decodeURIComponent(search);
    return {
      path: decodeURIComponent(target.split("/").slice(base).join("/")),
      query: new URLSearchParams(search),
    };
  } catch {
    throw new PushError("invalid_request", "The URL is not valid UTF-8.");
  }
}

/** N1, N5, N6: parks the request, or answers it at once. */
async function subscribe(call: Call, env: unknown): Promise<Response> {
  const { engine, request, path, query, key } = call;
  const channels = query.getAll("channel");
  const asked = parse(SubscribeRequest, {
    channel: path === "" ? channels : [path, ...channels],
    since: request.headers.get("last-event-id") || query.get("since") ||
      undefined,
    key,
    wait: query.get("wait") ?? undefined,
    transport: query.get("transport") ?? undefined,
  });
  const transport = asked.transport ?? transportOf(request);
  const wait = asked.since === undefined ? 0 : asked.wait ?? DEFAULT_WAIT;
  const identity = await engine.policy.identify?.(request);
  const reads = asked.since === "earliest" ||
    (transport === "poll" && wait === 0 && asked.since !== undefined);
  for (const name of asked.channel) {
    await demand(engine, "subscribe", name, identity);
    if (reads) await demand(engine, "history", name, identity);
  }
  if (request.method === "HEAD") return head(transport);
  const connection = await engine.connect({
    channels: asked.channel,
    key,
    since: asked.since,
    identity,
  });
  return park(call, env, connection, transport, wait, asked.since);
}

function park(
  { engine, request, key }: Call,
  env: unknown,
  connection: Connection,
  transport: "sse" | "stream" | "poll",
  wait: number,
  since: string | undefined,
): Response | Promise<Response> {
  if (transport === "poll") {
    const once = since !== undefined && key === undefined;
    if (wait === 0) return poll(engine, connection, { wait, once });
    liftIdleLimit(env, request, wait + 10_000);
    return poll(engine, connection, { wait, once, signal: request.signal });
  }
  liftIdleLimit(env, request, 2 * engine.node.settings.heartbeat);
  return stream(engine, connection, transport === "sse" ? sse : ndjson);
}

function transportOf(request: Request): "sse" | "stream" | "poll" {
  const offers = Object.keys(TRANSPORTS);
  const type = negotiate(request.headers.get("accept"), offers);
  if (type !== undefined) return TRANSPORTS[type]!;
  throw new PushError("not_acceptable", `Offered are ${offers.join(", ")}.`);
}

function head(transport: "sse" | "stream" | "poll"): Response {
  const headers = transport === "poll"
    ? { "content-type": "application/json", "cache-control": "no-store" }
    : streamHeaders(transport === "sse" ? sse : ndjson);
  return new Response(null, { headers });
}

/**
 * Bun ends a response that is silent for 10 s. Its server, which Hono has as
 * `env`, can make that longer for one request (255 s at most; 0 is for ever).
 */
function liftIdleLimit(env: unknown, request: Request, ms: number): void {
  const server = env as { timeout?: unknown } | undefined;
  if (typeof server?.timeout !== "function") return;
  const seconds = Math.ceil(ms / 1_000);
  server.timeout(request, seconds > 255 ? 0 : seconds);
}

/** N7: publishes to a channel, to one connection, or to all. */
async function publish(call: Call): Promise<Response> {
  const { engine, request, path, query } = call;
  const asked = parse(PublishRequest, {
    channel: path || (query.get("channel") ?? ""),
    to: query.get("to") ?? undefined,
    key: call.key,
    idempotencyKey: request.headers.get("idempotency-key") ?? undefined,
  });
  const { channel, to } = asked;
  const identity = await engine.policy.identify?.(request);
  const action = to === undefined ? "publish" : to === "*" ? "sendAll" : "send";
  await demand(engine, action, channel, identity);
  const data = await readData(request, engine.node.settings.limits.message);
  const key = asked.idempotencyKey;
  const options = {
    key: key && `${identity?.subject ?? ""}\n${key}`,
    from: publisher(engine, asked.key, identity),
  };
  const id = to === undefined
    ? await engine.publish(channel, data, options)
    : to === "*"
    ? await engine.sendToAll(channel, data, options)
    : await engine.sendTo(to, channel, data, options);
  return Response.json({ id }, { headers: { "cache-control": "no-store" } });
}

async function readData(request: Request, limit: number): Promise<unknown> {
  const type = (request.headers.get("content-type") ?? "text/plain")
    .split(";")[0]!.trim().toLowerCase();
  const json = type === "application/json" || type.endsWith("+json");
  if (
    !json && !type.startsWith("text/") &&
    type !== "application/x-www-form-urlencoded"
  ) {
    throw new PushError("unsupported_type", `${type} is not JSON or text.`);
  }
  const text = await readText(request, limit);
  if (!json) return text;
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof SyntaxError ? error.message : "too deep";
    throw new PushError("invalid_json", `The body is not JSON: ${reason}`);
  }
}

/** The publishing connection, if its key came along. */
function publisher(
  engine: Engine,
  key: string | undefined,
  identity: Identity | undefined,
): string | undefined {
  const connection = key && engine.connections.get(idOfKey(key));
  if (!connection) return undefined;
  if (connection.identity?.subject !== identity?.subject) return undefined;
  return connection.id;
}

/** N9: says goodbye; a key that is nobody's, or somebody else's, changes nothing. */
async function leave({ engine, request, key }: Call): Promise<Response> {
  const asked = parse(LeaveRequest, { key });
  const identity = await engine.policy.identify?.(request);
  const id = publisher(engine, asked.key, identity);
  if (id !== undefined) engine.drop(id, "left");
  await drain(request);
  return new Response(null, { status: 204 });
}

async function demand(
  engine: Engine,
  action: Action,
  name: string,
  identity: Identity | undefined,
): Promise<void> {
  if (await engine.allows(action, name, identity)) return;
  const hint = engine.policy.allow
    ? `You may not ${action} ${name}.`
    : `Nobody may ${action} over HTTP until a policy allows it.`;
  throw new PushError(identity ? "forbidden" : "unauthorized", hint);
}

/** Turns whatever was thrown into an answer (N8). */
function refuse(engine: Engine, request: Request, thrown: unknown): Response {
  let error: PushError;
  if (thrown instanceof PushError) error = thrown;
  else {
    engine.node.fail(thrown);
    error = new PushError("internal");
  }
  // A 503 or 429 would kill a bare EventSource for ever (seen in Chromium).
  if (!error.retryable || !wantsEvents(request)) return problem(error);
  const after = (error.retryAfter ?? 0) + reconnectDelay();
  const { code } = error;
  const close = new Control({ type: "close", code, retry: true, after });
  const body = close.bytes(sse) as Uint8Array<ArrayBuffer>;
  return new Response(body, { headers: streamHeaders(sse) });
}

function wantsEvents(request: Request): boolean {
  if (request.method !== "GET") return false;
  const asked = /[?&]transport=([a-z]*)/.exec(request.url)?.[1];
  if (asked !== undefined) return asked === "sse";
  const accept = request.headers.get("accept");
  return negotiate(accept, Object.keys(TRANSPORTS)) === "text/event-stream";
}
