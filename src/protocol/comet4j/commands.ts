/**
 * What clients of Comet4J ask for: to connect, to come again (`revival`), to be dropped.
 * @module
 */
import { callerAddress, demand, identify } from "../../call.ts";
import type { Connection } from "../../connection.ts";
import type { Engine } from "../../engine.ts";
import { PushError } from "../../errors.ts";
import { type Callers, liftIdleLimit } from "../../http.ts";
import { allows, type Identity } from "../../policy.ts";
import { Affinity } from "../affinity.ts";
import { lpool } from "./lpool.ts";
import type { Comet4jSettings } from "./options.ts";
import { Session } from "./session.ts";
import { stream } from "./stream.ts";
import {
  HEADERS,
  secretFor,
  secretsOf,
  setCookie,
  styleOf,
  SYSTEM,
} from "./wire.ts";

/** Serves the clients of one engine. */
export class Commands {
  readonly #engine: Engine;
  readonly #settings: Comet4jSettings;
  readonly #callers: Callers;
  readonly #sessions = new WeakMap<Connection, Session>();
  readonly #affinity: Affinity;

  constructor(engine: Engine, settings: Comet4jSettings, callers: Callers) {
    this.#engine = engine;
    this.#settings = settings;
    this.#callers = callers;
    this.#affinity = new Affinity((error) => engine.node.fail(error));
    engine.on("drop", (connection) => {
      if (this.#sessions.has(connection)) this.#affinity.ended(connection.id);
    });
  }

  /** `cmd=conn`: a connection that follows the registered channels; it is away. */
  async connect(request: Request, env: unknown): Promise<Response> {
    const { workStyle, timeout, cookie, linger, cacheExpires } = this.#settings;
    const engine = this.#engine;
    const address = callerAddress(engine, request, env, this.#callers);
    const { meters } = engine.node;
    meters.take("opens", { address });
    const identity = await identify(engine, request);
    meters.take("opens", { subject: identity?.subject });
    const channels = await this.#allowed(identity);
    const style = workStyle === "auto"
      ? styleOf(request.headers.get("user-agent"))
      : workStyle;
    const own = cookie ? secretFor(request) : undefined;
    const asked = { channels, bare: true, identity, address };
    const session = await this.#engine.connect(asked, (connection) => {
      connection.linger = linger;
      const session = new Session(
        this.#engine,
        connection,
        style,
        own?.[1],
        cacheExpires,
      );
      this.#sessions.set(connection, session);
      return session;
    });
    const { connection } = session;
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
    const frame = session.say(SYSTEM, data);
    const response = new Response(frame, { headers: HEADERS });
    if (own) response.headers.append("set-cookie", setCookie(request, own));
    return response;
  }

  /** `cmd=revival`: parks a connection; `env` is what the runtime's server gave. */
  async revive(request: Request, cid: string, env: unknown): Promise<Response> {
    const identity = await identify(this.#engine, request);
    const channels = await this.#allowed(identity);
    // Nothing waits from here on, so that it is not made anew if it is dropped.
    const session = this.#find(request, cid, identity);
    if (!session) {
      const known = this.#engine.connections.has(cid);
      if (/^[\w-]{22}$/.test(cid) && !known) {
        this.#affinity.lost(cid, this.#engine.node.settings.clock.now());
      }
      throw new PushError(
        "not_found",
        "There is no such connection, or it belongs to another browser, or " +
          "this one does not send its cookie.",
      );
    }
    const { hold } = this.#settings;
    // Longer than it is held, so that the runtime does not end it first.
    liftIdleLimit(env, request, hold + 10_000);
    const asked = { channels, key: session.connection.key, identity };
    const park = (): Response | Promise<Response> =>
      session.style === "stream"
        ? stream(session, hold)
        : lpool(session, hold, request.signal);
    return await this.#engine.connect(asked, park);
  }

  /** `cmd=drop`: no client reads the answer. */
  async drop(request: Request, cid: string): Promise<Response> {
    const identity = await identify(this.#engine, request);
    const session = this.#find(request, cid, identity);
    if (session) this.#engine.drop(cid, "left");
    return new Response(null, { headers: HEADERS });
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
