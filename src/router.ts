/**
 * The native protocol over HTTP: request → schema → policy → engine → transport.
 * @module
 */
import { callerAddress, comeBackAfter, handler, takeApart } from "./call.ts";
import { App, type Context, type Hono, routePath } from "./deps.ts";
import type { Engine } from "./engine.ts";
import { PushError } from "./errors.ts";
import { Control, sse } from "./frame.ts";
import { type Callers, originAllowed, preflight, problem } from "./http.ts";
import type { Protocol } from "./protocol.ts";
import { leave, publish, ticket } from "./publish.ts";
import { presence, subscribe, wantsEvents } from "./subscribe.ts";
import { streamHeaders } from "./transport/stream.ts";

/** How a router is set up. */
export interface RouterOptions extends Callers {
  /**
   * Other wires over the same engine, each at its own paths below this router;
   * they come first, so a channel cannot have such a path for its name.
   */
  readonly protocols?: readonly Protocol[];
}

/**
 * Serves an engine over HTTP, to be mounted wherever one likes:
 * `app.route("/push", createRouter(engine))`. Throws a `RangeError` that names a wrong
 * option.
 */
export function createRouter(
  engine: Engine,
  options: RouterOptions = {},
): Hono {
  const router = new App();
  mountAll(router, options.protocols ?? [], engine, options);
  return router.all(
    "*",
    handler(
      engine,
      options,
      (c) => answer(engine, options, c),
      (error, request) => refuse(engine, error, request),
    ),
  );
}

/** Mounts each protocol at the paths where it is at home. */
export function mountAll(
  app: Hono,
  protocols: readonly Protocol[],
  engine: Engine,
  callers: Callers,
): void {
  for (const protocol of protocols) {
    const routes = protocol.router(engine, callers);
    for (const path of protocol.paths) app.route(path, routes);
  }
}

function methodsOf(path: string): string {
  if (path === "$leave" || path === "$ticket") return "POST, OPTIONS";
  if (path === "$presence") return "GET, HEAD, OPTIONS";
  return "GET, HEAD, POST, OPTIONS";
}

async function answer(
  engine: Engine,
  options: RouterOptions,
  c: Context,
): Promise<Response> {
  const request = c.req.raw;
  const { path, query } = takeApart(request.url, routePath(c));
  const key = request.headers.get("push-key") ?? query.get("key") ?? undefined;
  const reread = () => c.req.text();
  const address = callerAddress(engine, request, c.env, options);
  const call = { engine, request, path, query, address, key, reread };
  switch (request.method) {
    case "OPTIONS":
      return preflight(methodsOf(path));
    case "GET":
    case "HEAD":
      if (path === "$leave" || path === "$ticket") break;
      if (path === "$presence") return await presence(call);
      return await subscribe(call, c.env);
    case "POST":
      if (path === "$presence") break;
      if (!originAllowed(request, options)) {
        throw new PushError(
          "bad_origin",
          `Pages of ${request.headers.get("origin")} may not publish here.`,
        );
      }
      if (path === "$leave") return await leave(call);
      if (path === "$ticket") return await ticket(call);
      return await publish(call);
  }
  const error = new PushError("method_not_allowed");
  engine.node.refused(error);
  const response = problem(error);
  response.headers.set("allow", methodsOf(path));
  return response;
}

/** A refusal, as its client understands it (N8). */
function refuse(engine: Engine, error: PushError, request: Request): Response {
  const events = wantsEvents(request);
  // It asks no more (WHATWG HTML, 9.2.3).
  if (events && error.code === "kicked") {
    return new Response(null, { status: 204 });
  }
  // A 503 or 429 would kill a bare EventSource for ever (seen in Chromium); one
  // whose token has expired has no other, so it is to end.
  if (!error.retryable || error.status === 401 || !events) {
    return problem(error);
  }
  const { code } = error;
  const after = comeBackAfter(engine, error);
  const close = new Control({ type: "close", code, retry: true, after });
  const body = close.bytes(sse) as Uint8Array<ArrayBuffer>;
  return new Response(body, { headers: streamHeaders(sse) });
}
