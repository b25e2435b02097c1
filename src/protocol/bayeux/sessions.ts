/**
 * The sessions of one engine, the browsers they live in, and those that were lost.
 * @module
 */
import type { Connection } from "../../connection.ts";
import type { Engine } from "../../engine.ts";
import { idOfKey, isKey } from "../../key.ts";
import { Affinity } from "../affinity.ts";
import type { Session } from "./session.ts";

/** Finds sessions by clientId. There is no store: they are the engine's connections. */
export class Sessions {
  readonly #engine: Engine;
  readonly #of = new WeakMap<Connection, Session>();
  readonly #affinity: Affinity;

  /** Those of one engine. */
  constructor(engine: Engine) {
    this.#engine = engine;
    this.#affinity = new Affinity((error) => engine.node.fail(error));
    engine.on("drop", (connection) => {
      if (this.#of.has(connection)) this.#affinity.ended(connection.id);
    });
  }

  /** A session begins. */
  add(session: Session): void {
    this.#of.set(session.connection, session);
  }

  /** The session with this clientId, if it lives here. */
  find(clientId: unknown): Session | undefined {
    if (typeof clientId !== "string" || !isKey(clientId)) return undefined;
    const connection = this.#engine.connections.get(idOfKey(clientId));
    return connection && this.#of.get(connection);
  }

  /**
   * A client is sent to begin anew. Where that happens again and again, the requests
   * of one session go to several nodes.
   */
  missed(clientId: unknown, now: number): void {
    if (typeof clientId !== "string" || !isKey(clientId)) return;
    this.#affinity.lost(idOfKey(clientId), now);
  }
}

/** The cookie that tells the sessions of one browser from others'. */
export const COOKIE = "BAYEUX_BROWSER";

/** The value of the browser's cookie, if it brought one. */
export function browserOf(request: Request): string | undefined {
  const cookies = request.headers.get("cookie");
  if (cookies === null) return undefined;
  return /(?:^|;)\s*BAYEUX_BROWSER=([0-9A-Za-z_-]{1,64})/.exec(cookies)?.[1];
}

/** How many connects of each browser are held: it has few sockets for all pages. */
export class Browsers {
  readonly #most: number;
  readonly #held = new Map<string, number>();

  /** At most so many; -1 is any number. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Takes a place for a held connect; false if there is none left. */
  hold(browser: string): boolean {
    if (this.#most < 0) return true;
    const held = this.#held.get(browser) ?? 0;
    if (held >= this.#most) return false;
    this.#held.set(browser, held + 1);
    return true;
  }

  /** Gives it back. */
  release(browser: string): void {
    const held = (this.#held.get(browser) ?? 0) - 1;
    if (held > 0) this.#held.set(browser, held);
    else this.#held.delete(browser);
  }
}
