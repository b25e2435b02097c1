/**
 * `GET`: which transport is wanted, and what a connection is parked on.
 * @module
 */
import { type Call, demand, identify } from "./call.ts";
import type { Present } from "./channel.ts";
import type { Connection } from "./connection.ts";
import { PushError } from "./errors.ts";
import { ndjson, sse } from "./frame.ts";
import { liftIdleLimit, negotiate } from "./http.ts";
import { idOfKey } from "./key.ts";
import type { Identity } from "./policy.ts";
import { checkChannels, checkCount } from "./room.ts";
import { poll, POLL_HEADERS } from "./transport/poll.ts";
import { stream, streamHeaders } from "./transport/stream.ts";
import {
  DEFAULT_WAIT,
  parse,
  PresenceRequest,
  SubscribeRequest,
} from "./wire.ts";

type Transport = "sse" | "stream" | "poll";

const TRANSPORTS: Record<string, Transport> = {
  "text/event-stream": "sse",
  "application/x-ndjson": "stream",
  "application/json": "poll",
};

/** N1, N5, N6: parks the request, or answers it at once. */
export async function subscribe(call: Call, env: unknown): Promise<Response> {
  const { engine, request, path, query } = call;
  const channels = query.getAll("channel");
  const asked = parse(SubscribeRequest, {
    channel: path === "" ? channels : [path, ...channels],
    since: request.headers.get("last-event-id") || query.get("since") ||
      undefined,
    key: call.key,
    wait: query.get("wait") ?? undefined,
    presence: query.get("presence") ?? undefined,
    transport: query.get("transport") ?? undefined,
  });
  const transport = asked.transport ?? transportOf(request);
  const wait = asked.since === undefined ? 0 : asked.wait ?? DEFAULT_WAIT;
  const { address } = call;
  const { meters } = engine.node;
  // A poll that comes back opens nothing.
  const opens = transport !== "poll" || call.key === undefined ||
    !engine.connections.has(idOfKey(call.key));
  if (opens) meters.take("opens", { address });
  const identity = await identify(engine, request, true);
  if (opens) meters.take("opens", { subject: identity?.subject });
  const key = keyOf(call, identity);
  const reads = asked.since === "earliest" ||
    (transport === "poll" && wait === 0 && asked.since !== undefined);
  // A resume that names no channels asks for those it has.
  const known = key ? engine.connections.get(idOfKey(key)) : undefined;
  const named = asked.channel.length > 0;
  const names = named ? asked.channel : known?.channels ?? [];
  const watch = asked.presence === "1" || (!named && known?.watches === true);
  const asks = new Set(names);
  if (asks.size === 0) {
    throw new PushError("invalid_request", "No channel is named.");
  }
  // Before the policy is asked about each of them.
  checkChannels(engine.node, asks);
  for (const name of asks) {
    await demand(engine, "subscribe", name, identity);
    if (reads) await demand(engine, "history", name, identity);
    if (watch) await demand(engine, "presence", name, identity);
  }
  if (request.method === "HEAD") return head(transport);
  return await engine.connect(
    {
      channels: names,
      key,
      since: asked.since,
      watch,
      identity,
      address,
    },
    (connection) =>
      park({ ...call, key }, env, connection, transport, wait, asked.since),
  );
}

/** The key of the connection that is asked for: a ticket is for one only (N12). */
function keyOf(
  { engine, request, key }: Call,
  identity: Identity | undefined,
): string | undefined {
  if (identity?.key === undefined) return key;
  // Whoever had it open comes back with the id of what it had last.
  const known = engine.connections.get(idOfKey(identity.key));
  if (known?.sink && !request.headers.has("last-event-id")) {
    throw new PushError("forbidden", "The ticket has been used.");
  }
  return key ?? identity.key;
}

function park(
  { engine, request, key }: Call,
  env: unknown,
  connection: Connection,
  transport: Transport,
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

function transportOf(request: Request): Transport {
  const offers = Object.keys(TRANSPORTS);
  const type = negotiate(request.headers.get("accept"), offers);
  if (type !== undefined) return TRANSPORTS[type]!;
  throw new PushError("not_acceptable", `Offered are ${offers.join(", ")}.`);
}

/** Whether a refusal has to be told as an event stream (N8). */
export function wantsEvents(request: Request): boolean {
  if (request.method !== "GET") return false;
  // Who is there comes as JSON alone (N11).
  if (/^[^?#]*\/(\$|%24)presence([?#]|$)/.test(request.url)) return false;
  const asked = /[?&]transport=([a-z]*)/.exec(request.url)?.[1];
  if (asked !== undefined) return asked === "sse";
  const accept = request.headers.get("accept");
  return negotiate(accept, Object.keys(TRANSPORTS)) === "text/event-stream";
}

function head(transport: Transport): Response {
  const headers = transport === "poll"
    ? POLL_HEADERS
    : streamHeaders(transport === "sse" ? sse : ndjson);
  return new Response(null, { headers });
}

/** N11: who follows some channels. */
export async function presence(
  { engine, request, query, address }: Call,
): Promise<Response> {
  engine.node.meters.take("opens", { address });
  const asked = parse(PresenceRequest, { channel: query.getAll("channel") });
  const names = new Set(asked.channel);
  checkCount(engine.node, names);
  const identity = await identify(engine, request);
  const present: Record<string, Present[]> = Object.create(null);
  for (const name of names) {
    await demand(engine, "presence", name, identity);
    present[name] = engine.presence(name);
  }
  const body = JSON.stringify({ presence: present });
  return new Response(body, { headers: POLL_HEADERS });
}
