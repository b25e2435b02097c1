/**
 * Comet4J's wire over the engine, for its clients as they are: 0.0.2 and 0.1.7. A
 * Comet4J connection is a connection of the engine that follows every registered
 * channel; its `cid` is the public id.
 * @module
 */
import { demand } from "../call.ts";
import type { Connection } from "../connection.ts";
import { App, type Context, type Hono } from "../deps.ts";
import type { Engine } from "../engine.ts";
import { PushError } from "../errors.ts";
import {
  allowOrigin,
  type Callers,
  checkHost,
  drain,
  liftIdleLimit,
  preflight,
  problem,
  readText,
} from "../http.ts";
import { allows, type Identity } from "../policy.ts";
import type { Protocol } from "../protocol.ts";
import { Affinity } from "./affinity.ts";
import { lpool } from "./comet4j/lpool.ts";
import {
  type Comet4jOptions,
  type Comet4jSettings,
  comet4jSettings,
} from "./comet4j/options.ts";
import { Session } from "./comet4j/session.ts";
import { stream } from "./comet4j/stream.ts";
import {
  frameText,
  HEADERS,
  secretFor,
  secretsOf,
  setCookie,
  styleOf,
  SYSTEM,
} from "./comet4j/wire.ts";

export type { Comet4jOptions } from "./comet4j/options.ts";

const METHODS = ["GET", "HEAD", "POST", "OPTIONS"];

/** A form of a client's parameters; they fit into a line. */
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
      const server = new Comet4j(engine, settings);
      return new App().all("*", async (c) => {
        const request = c.req.raw;
        let response: Response;
        try {
          checkHost(request, callers);
          response = await server.answer(c);
        } catch (error) {
          response = refuse(engine, error);
        }
        await drain(request);
        if (request.headers.has("origin")) {
          allowOrigin(request, response.headers, callers);
        }
        return response;
      });
    },
  };
}

/**
 * A refusal: never 200, for which clients come again for ever, and never 408, for which
 * they retry. 0.0.2 evaluates the answer to `conn` whatever its status, and stops if
 * that gives nothing: so people read why in a comment.
 */
function refuse(engine: Engine, thrown: unknown): Response {
  let error: PushError;
  if (thrown instanceof PushError) error = thrown;
  else {
    engine.node.fail(thrown);
    error = new PushError("internal");
  }
  const { status, headers } = problem(error);
  headers.set("content-type", "text/plain;charset=UTF-8");
  headers.set("x-content-type-options", "nosniff");
  const why = `${error.code}: ${error.message}`.replace(/[^ -~]|[%*<>]/g, " ");
  return new Response(`null/* ${why} */`, { status, headers });
}

class Comet4j {
  readonly #engine: Engine;
  readonly #settings: Comet4jSettings;
  readonly #sessions = new WeakMap<Connection, Session>();
  readonly #affinity: Affinity;

  constructor(engine: Engine, settings: Comet4jSettings) {
    this.#engine = engine;
    this.#settings = settings;
    this.#affinity = new Affinity((error) => engine.node.fail(error));
  }

  async answer(c: Context): Promise<Response> {
    const request = c.req.raw;
    const { method } = request;
    if (method === "OPTIONS") return preflight(METHODS.join(", "));
    if (!METHODS.includes(method)) {
      const error = new PushError("method_not_allowed");
      const response = refuse(this.#engine, error);
      response.headers.set("allow", METHODS.join(", "));
      return response;
    }
    const parameters = await parametersOf(c);
    const command = parameters.get("cmd");
    if (command !== "conn" && command !== "revival" && command !== "drop") {
      const detail = "cmd must be conn, revival or drop.";
      throw new PushError("invalid_request", detail);
    }
    // It may be asked at any time, so it parks nothing and changes nothing.
    if (method === "HEAD") return new Response(null, { headers: HEADERS });
    const identity = await this.#engine.policy.identify?.(request);
    if (command === "conn") return await this.#connect(request, identity);
    const cid = parameters.get("cid") ?? "";
    if (command === "revival") return await this.#revive(c, cid, identity);
    const session = this.#find(request, cid, identity);
    if (session) this.#engine.drop(cid, "left");
    return new Response(null, { headers: HEADERS });
  }

  async #connect(
    request: Request,
    identity: Identity | undefined,
  ): Promise<Response> {
    const { workStyle, timeout, cookie } = this.#settings;
    const channels = await this.#allowed(identity);
    const style = workStyle === "auto"
      ? styleOf(request.headers.get("user-agent"))
      : workStyle;
    const secret = cookie ? secretFor(request) : undefined;
    const connection = await this.#engine.connect(
      { channels, bare: true, identity },
      (connection) => {
        const { linger, cacheExpires } = this.#settings;
        connection.linger = linger;
        this.#sessions.set(
          connection,
          new Session(
            this.#engine,
            connection,
            style,
            secret?.[1],
            cacheExpires,
          ),
        );
        return connection;
      },
    );
    // A listener may have dropped it.
    if (connection.ended) throw new PushError(connection.ended);
    const data = {
      cId: connection.id,
      // 0.1.7 forgets the listeners of a channel that is named in upper case here; it
      // compares names in lower case.
      channels: channels.map((name) => name.toLowerCase()),
      timeout,
      ws: style,
    };
    const now = this.#engine.node.settings.clock.now();
    const frame = frameText(SYSTEM, JSON.stringify(data), now);
    const response = new Response(frame, { headers: HEADERS });
    if (secret) {
      response.headers.append("set-cookie", setCookie(request, secret));
    }
    return response;
  }

  async #revive(
    c: Context,
    cid: string,
    identity: Identity | undefined,
  ): Promise<Response> {
    const request = c.req.raw;
    const channels = await this.#allowed(identity);
    const session = this.#find(request, cid, identity);
    if (!session) {
      const { connections, node } = this.#engine;
      if (/^[\w-]{22}$/.test(cid) && !connections.has(cid)) {
        this.#affinity.lost(cid, node.settings.clock.now());
      }
      throw new PushError(
        "not_found",
        "There is no such connection, or it belongs to another browser, or " +
          "this one does not send its cookie.",
      );
    }
    const { key } = session.connection;
    const { hold } = this.#settings;
    // Longer than it is held, so that the runtime does not end it first.
    liftIdleLimit(c.env, request, hold + 10_000);
    return await this.#engine.connect(
      { channels, key, identity },
      (): Response | Promise<Response> =>
        session.style === "stream"
          ? stream(session, hold)
          : lpool(session, hold, request.signal),
    );
  }

  /** The registered channels that a client may follow; throws if there is none. */
  async #allowed(identity: Identity | undefined): Promise<string[]> {
    const { channels } = this.#settings;
    const { policy } = this.#engine;
    const allowed: string[] = [];
    for (const name of channels) {
      if (await allows(policy, "subscribe", name, identity)) allowed.push(name);
    }
    const [first] = channels;
    if (allowed.length === 0 && first !== undefined) {
      await demand(this.#engine, "subscribe", first, identity);
    }
    return allowed;
  }

  /** The client with this `cid`, if it is the one that asks. */
  #find(
    request: Request,
    cid: string,
    identity: Identity | undefined,
  ): Session | undefined {
    const connection = this.#engine.connections.get(cid);
    const session = connection && this.#sessions.get(connection);
    if (!session) return undefined;
    if (connection.identity?.subject !== identity?.subject) return undefined;
    const { secret } = session;
    if (secret === undefined) return session;
    const brought = [...secretsOf(request).values()];
    return brought.includes(secret) ? session : undefined;
  }
}

/**
 * What a client asks for, in the query or in a form. Clients put `?` behind whatever
 * URL they are given, so that one with a query has two.
 */
async function parametersOf(c: Context): Promise<URLSearchParams> {
  const request = c.req.raw;
  const [, query = ""] = /^[^?#]*\?([^#]*)/.exec(request.url) ?? [];
  const parameters = new URLSearchParams(query.replaceAll("?", "&"));
  const type = request.headers.get("content-type") ?? "";
  const form = /^application\/x-www-form-urlencoded\b/i.test(type);
  if (request.method !== "POST" || !form) return parameters;
  const text = request.bodyUsed
    ? await c.req.text()
    : await readText(request, FORM_BYTES);
  for (const [name, value] of new URLSearchParams(text)) {
    parameters.append(name, value);
  }
  return parameters;
}
