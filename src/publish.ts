/**
 * `POST`: a message for a channel, for one connection or for all; a goodbye.
 * @module
 */
import { type Call, demand, identify, readBody } from "./call.ts";
import { Buffer } from "./deps.ts";
import type { Engine } from "./engine.ts";
import { PushError } from "./errors.ts";
import { drain } from "./http.ts";
import { idOfKey } from "./key.ts";
import type { Who } from "./auth/meter.ts";
import type { Identity } from "./policy.ts";
import { LeaveRequest, parse, PublishRequest } from "./wire.ts";

/** N7: publishes to a channel, to one connection, or to all. */
export async function publish(call: Call): Promise<Response> {
  const { engine, request, path, query } = call;
  const asked = parse(PublishRequest, {
    channel: path || (query.get("channel") ?? ""),
    to: query.get("to") ?? undefined,
    key: call.key,
    idempotencyKey: request.headers.get("idempotency-key") ?? undefined,
  });
  const { channel, to } = asked;
  const { meters } = engine.node;
  const { address } = call;
  meters.take("publishes", { address });
  const identity = await identify(engine, request);
  const action = to === undefined ? "publish" : to === "*" ? "sendAll" : "send";
  await demand(engine, action, channel, identity);
  const from = publisher(engine, asked.key, identity);
  const who = { connection: from, subject: identity?.subject };
  meters.take("publishes", who);
  const data = await readData(call, { ...who, address });
  const key = asked.idempotencyKey;
  const options = {
    key: key && `${identity?.subject ?? ""}\n${key}`,
    from,
  };
  const id = to === undefined
    ? await engine.publish(channel, data, options)
    : to === "*"
    ? await engine.sendToAll(channel, data, options)
    : await engine.sendTo(to, channel, data, options);
  return Response.json({ id }, { headers: { "cache-control": "no-store" } });
}

async function readData(
  { engine, request, reread }: Call,
  who: Who,
): Promise<unknown> {
  const type = (request.headers.get("content-type") ?? "text/plain")
    .split(";")[0]!.trim().toLowerCase();
  const json = type === "application/json" || type.endsWith("+json");
  if (
    !json && !type.startsWith("text/") &&
    type !== "application/x-www-form-urlencoded"
  ) {
    throw new PushError("unsupported_type", `${type} is not JSON or text.`);
  }
  const { meters, settings: { limits } } = engine.node;
  // Whoever has used up all is refused at once; how long it is shows the reading.
  meters.take("bytes", who, 0);
  const text = await readBody(engine, request, reread, limits.message);
  meters.take("bytes", who, Buffer.byteLength(text));
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
  if (!key) return undefined;
  const id = idOfKey(key);
  const { connections, node } = engine;
  const here = connections.get(id);
  const owner = here
    ? { subject: here.identity?.subject }
    : node.peers?.find(id);
  return owner && owner.subject === identity?.subject ? id : undefined;
}

/** N9: says goodbye; a key that is nobody's, or somebody else's, changes nothing. */
export async function leave({ engine, request, key }: Call): Promise<Response> {
  const asked = parse(LeaveRequest, { key });
  const identity = await identify(engine, request);
  const id = publisher(engine, asked.key, identity);
  if (id !== undefined) engine.drop(id, "left");
  await drain(request);
  return new Response(null, { status: 204 });
}

/** N12: gives a ticket to whoever has a token. */
export async function ticket(
  { engine, request, address }: Call,
): Promise<Response> {
  const { policy, node } = engine;
  node.meters.take("opens", { address });
  if (!policy.ticket) throw new PushError("not_found", "No tickets here.");
  const identity = await identify(engine, request);
  if (!identity) throw new PushError("unauthorized");
  const answer = { ticket: await policy.ticket(identity) };
  await drain(request);
  return Response.json(answer, { headers: { "cache-control": "no-store" } });
}
