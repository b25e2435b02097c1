/**
 * Comet4J's wire over the engine, for its clients as they are: 0.0.2 and 0.1.7. A
 * Comet4J connection is a connection of the engine that follows every registered
 * channel; its `cid` is the public id.
 * @module
 */
import { handler, readBody } from "../call.ts";
import { App, type Context, type Hono } from "../deps.ts";
import type { Engine } from "../engine.ts";
import { PushError } from "../errors.ts";
import { type Callers, checkPage, preflight, problem } from "../http.ts";
import type { Protocol } from "../protocol.ts";
import { Commands } from "./comet4j/commands.ts";
import { type Comet4jOptions, comet4jSettings } from "./comet4j/options.ts";
import { HEADERS } from "./comet4j/wire.ts";

export type { Comet4jOptions } from "./comet4j/options.ts";

const METHODS = ["GET", "HEAD", "POST", "OPTIONS"];

/** A form has a client's parameters, which fit into a line. */
const FORM_BYTES = 8_192;

/**
 * Serves the clients of Comet4J, at `/conn` unless it is mounted elsewhere. Throws a
 * `RangeError` that names a wrong option.
 */
export function comet4j(options: Comet4jOptions = {}): Protocol {
  const settings = comet4jSettings(options);
  return {
    paths: ["/conn"],
    router(engine: Engine, callers: Callers = {}): Hono {
      const commands = new Commands(engine, settings, callers);
      const serve = (c: Context) => answer(engine, commands, callers, c);
      return new App().all("*", handler(engine, callers, serve, refuse));
    },
  };
}

/**
 * Another page's link or image would end a connection. Browsers that do not say whose it
 * is may stand before a proxy that changes `Host`: they are let in.
 */
function checkCaller(request: Request, callers: Callers): void {
  const { headers } = request;
  const told = headers.has("origin") || headers.has("sec-fetch-site");
  if (told) checkPage(request, callers);
}

async function answer(
  engine: Engine,
  commands: Commands,
  callers: Callers,
  c: Context,
): Promise<Response> {
  const request = c.req.raw;
  if (!METHODS.includes(request.method)) {
    throw new PushError("method_not_allowed");
  }
  if (request.method === "OPTIONS") return preflight(METHODS.join(", "));
  checkCaller(request, callers);
  const parameters = await parametersOf(engine, c);
  const command = parameters.get("cmd");
  if (command !== "conn" && command !== "revival" && command !== "drop") {
    const detail = "cmd must be conn, revival or drop.";
    throw new PushError("invalid_request", detail);
  }
  // It may be asked at any time, so it parks nothing and changes nothing.
  if (request.method === "HEAD") {
    return new Response(null, { headers: HEADERS });
  }
  if (command === "conn") return await commands.connect(request, c.env);
  const cid = parameters.get("cid") ?? "";
  if (command === "drop") return await commands.drop(request, cid);
  return await commands.revive(request, cid, c.env);
}

/**
 * What a client asks for, in the query or in a form. Clients put `?` behind whatever
 * URL they are given, so that one with a query has two.
 */
async function parametersOf(
  engine: Engine,
  c: Context,
): Promise<URLSearchParams> {
  const request = c.req.raw;
  const [, query = ""] = /^[^?#]*\?([^#]*)/.exec(request.url) ?? [];
  const parameters = new URLSearchParams(query.replaceAll("?", "&"));
  const type = request.headers.get("content-type") ?? "";
  const form = /^application\/x-www-form-urlencoded\b/i.test(type);
  if (request.method !== "POST" || !form) return parameters;
  const reread = () => c.req.text();
  const text = await readBody(engine, request, reread, FORM_BYTES);
  for (const [name, value] of new URLSearchParams(text)) {
    parameters.append(name, value);
  }
  return parameters;
}

/**
 * A refusal: never 200, for which clients come again for ever, and never 408, for which
 * they retry. 0.0.2 evaluates the answer to `conn` whatever its status, and stops if
 * that gives nothing: so people read why in a comment.
 */
function refuse(error: PushError): Response {
  const { headers } = problem(error);
  const status = error.status === 408 ? 400 : error.status;
  headers.set("content-type", "text/plain;charset=UTF-8");
  headers.set("x-content-type-options", "nosniff");
  if (status === 405) headers.set("allow", METHODS.join(", "));
  const why = `${error.code}: ${error.message}`.replace(/[^ -~]|[%*<>]/g, " ");
  return new Response(`null/* ${why} */`, { status, headers });
}
