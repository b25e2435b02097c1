/**
 * One HTTP request and what its messages share: who sent it, which sessions it is
 * about, and over which transport.
 * @module
 */
import { callerAddress, identify } from "../../call.ts";
import type { Engine } from "../../engine.ts";
import type { Callers } from "../../http.ts";
import { newKey } from "../../key.ts";
import type { Identity } from "../../policy.ts";
import { type Message, unknownClient } from "./message.ts";
import type { BayeuxSettings } from "./options.ts";
import type { Session } from "./session.ts";
import { browserOf, type Browsers, COOKIE, type Sessions } from "./sessions.ts";

/** What all requests to one engine share. */
export interface Server {
  readonly engine: Engine;
  readonly callers: Callers;
  readonly settings: BayeuxSettings;
  readonly sessions: Sessions;
  readonly browsers: Browsers;
}

/** How a request came in. */
export interface Arrival {
  readonly request: Request;
  readonly env: unknown;
  /** The script function that gets the answer, with callback-polling. */
  readonly callback: string | undefined;
  /** Whether it has a single message: then its connect may be held. */
  readonly alone: boolean;
}

/** A request, while its messages are worked through. */
export class Exchange implements Arrival {
  readonly server: Server;
  readonly request: Request;
  readonly env: unknown;
  readonly callback: string | undefined;
  readonly alone: boolean;
  /** Where it comes from, if addresses have quotas. */
  readonly address: string | undefined;
  /** When it came, in ms since 1970. */
  readonly received: number;
  /** The sessions that its messages are of, by clientId. */
  readonly sessions: Map<string, Session> = new Map();
  /** The cookie that the answer sets. */
  cookie: string | undefined;
  readonly #browser: string | undefined;
  #identity: Promise<Identity | undefined> | undefined;

  /** Begins with a request. */
  constructor(server: Server, arrival: Arrival) {
    this.server = server;
    this.request = arrival.request;
    this.env = arrival.env;
    this.callback = arrival.callback;
    this.alone = arrival.alone;
    const { engine, callers } = server;
    const { request, env } = arrival;
    this.address = callerAddress(engine, request, env, callers);
    this.received = engine.node.settings.clock.now();
    this.#browser = browserOf(request);
  }

  /** Who sends it; the policy is asked once, and may throw. */
  identity(): Promise<Identity | undefined> {
    return this.#identity ??= identify(this.server.engine, this.bare);
  }

  /**
   * The request as a policy sees it. A script may be loaded by anybody's page, and
   * browsers add what they know of the visitor: with callback-polling that is no
   * proof of who asks.
   */
  get bare(): Request {
    const { request } = this;
    if (this.callback === undefined) return request;
    const headers = new Headers(request.headers);
    headers.delete("cookie");
    headers.delete("authorization");
    return new Request(request.url, { headers });
  }

  /**
   * The browser it comes from, which is told so: it may be new, or a proxy that
   * keeps sessions on their nodes may have made its cookie up.
   */
  browser(): string {
    const browser = this.#browser ?? newKey();
    const secure = this.request.url.startsWith("https:");
    // Pages of other sites send it only so, and only over TLS.
    const site = secure ? "; Secure; SameSite=None" : "; SameSite=Lax";
    this.cookie = `${COOKIE}=${browser}; Path=/; HttpOnly${site}`;
    return browser;
  }

  /** The session a message is of; throws a `Refusal` if it is not this client's. */
  async session(message: Message): Promise<Session> {
    const { clientId } = message;
    const known = this.sessions.get(clientId as string);
    if (known && !known.connection.ended) return known;
    const session = this.server.sessions.find(clientId);
    if (!session) this.server.sessions.missed(clientId, this.received);
    if (!session || !await this.#owns(session)) throw unknownClient(clientId);
    // The policy may have taken its time.
    if (session.connection.ended) throw unknownClient(clientId);
    this.sessions.set(clientId as string, session);
    return session;
  }

  async #owns(session: Session): Promise<boolean> {
    // Another browser's cookie: whoever asks has somebody else's clientId. Pages
    // of other sites often have none.
    const browser = this.#browser;
    if (browser !== undefined && browser !== session.browser) return false;
    // What it may do was said until then: a handshake says it anew.
    const { expires = Infinity } = session.connection.identity ?? {};
    if (this.received >= expires) return false;
    if (session.bound) return true;
    try {
      const subject = (await this.identity())?.subject;
      return subject === session.connection.identity?.subject;
    } catch {
      // A token that has run out: the handshake will say so.
      return false;
    }
  }
}
