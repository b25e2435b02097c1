/**
 * Bayeux on a real socket, and clients of it that say where they come from as a proxy
 * would.
 * @module
 */
import { assertEquals } from "@std/assert";
import type { EngineOptions } from "../../../src/options.ts";
import { bayeux } from "../../../src/protocol/bayeux.ts";
import type { BayeuxOptions } from "../../../src/protocol/bayeux/options.ts";
import type { RouterOptions } from "../../../src/router.ts";
import { type ManualClock, manualClock } from "../../harness.ts";
import { type Halley, start } from "../../http/halley.ts";
import type { Reply } from "./peer.ts";

/** A server whose clock stands still. */
export interface Served extends Halley {
  readonly clock: ManualClock;
  /** Where Bayeux is. */
  readonly cometd: string;
}

/** Starts one that takes a subject from `x-user`, and an address from a proxy. */
export async function served(
  engine: EngineOptions = {},
  options: BayeuxOptions = {},
  router: RouterOptions = { proxy: { header: "x-forwarded-for" } },
): Promise<Served> {
  const clock = manualClock();
  const policy = {
    identify(request: Request) {
      const subject = request.headers.get("x-user");
      return subject === null ? undefined : { subject };
    },
    allow: () => true,
  };
  const protocols = [bayeux(options)];
  const halley = await start({ policy, clock, ...engine }, {
    ...router,
    protocols,
  });
  return { ...halley, clock, cometd: `${halley.url}/cometd` };
}

/** The handshake of CometD's clients. */
export const SHAKE = {
  channel: "/meta/handshake",
  version: "1.0",
  minimumVersion: "1.0",
  supportedConnectionTypes: ["long-polling", "callback-polling"],
};

/** A client by its clientId. */
export class Visitor {
  readonly #url: string;
  readonly #headers: Record<string, string>;
  clientId = "";

  /** One that sends `headers` with all it asks. */
  constructor(url: string, headers: Record<string, string> = {}) {
    this.#url = url;
    this.#headers = headers;
  }

  /** One that has shaken hands. */
  static async welcome(
    url: string,
    headers: Record<string, string> = {},
  ): Promise<Visitor> {
    const visitor = new Visitor(url, headers);
    const { successful, error } = await visitor.handshake();
    assertEquals([successful, error], [true, undefined]);
    return visitor;
  }

  /** Sends messages in one request; what is answered, in order. HTTP is always 200. */
  async send(...messages: unknown[]): Promise<Reply[]> {
    const response = await fetch(this.#url, {
      method: "POST",
      headers: { "content-type": "application/json", ...this.#headers },
      body: JSON.stringify(messages),
    });
    assertEquals(response.status, 200);
    return await response.json();
  }

  /** Shakes hands. */
  async handshake(): Promise<Reply> {
    const [reply] = await this.send(SHAKE);
    this.clientId = reply.clientId;
    return reply;
  }

  /** Sends a message of its session; its reply. */
  async ask(
    channel: string,
    fields: Record<string, unknown> = {},
  ): Promise<Reply> {
    const { clientId } = this;
    return (await this.send({ channel, clientId, ...fields }))[0];
  }

  /** Follows a channel. */
  subscribe(subscription: string | string[]): Promise<Reply> {
    return this.ask("/meta/subscribe", { subscription });
  }

  /** The data of what is there for it, and has not come yet. */
  async events(): Promise<unknown[]> {
    const { clientId } = this;
    const connectionType = "long-polling";
    // A connect that is not alone is answered at once.
    const all = await this.send(
      { channel: "/meta/unsubscribe", clientId, subscription: "/none" },
      { channel: "/meta/connect", clientId, connectionType },
    );
    const { successful, error } = all.at(-1);
    assertEquals([successful, error], [true, undefined]);
    return all.slice(1, -1).map(({ data }) => data);
  }
}
