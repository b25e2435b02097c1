/**
 * A Bayeux server in this process, and clients that send it whatever a test writes.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import type { Hono } from "../../../src/deps.ts";
import { createEngine, type Engine } from "../../../src/engine.ts";
import type { Callers } from "../../../src/http.ts";
import type { EngineOptions } from "../../../src/options.ts";
import { bayeux } from "../../../src/protocol/bayeux.ts";
import type { BayeuxOptions } from "../../../src/protocol/bayeux/options.ts";
import { type ManualClock, manualClock, turn } from "../../harness.ts";

/** A message as it comes: whatever it has, a test looks at. */
// deno-lint-ignore no-explicit-any
export type Reply = any;

/** An engine on which anyone may do anything, and Bayeux over it. */
export class World {
  readonly engine: Engine;
  readonly clock: ManualClock = manualClock();
  readonly app: Hono;
  /** What operators were told. */
  readonly errors: string[] = [];

  /** Begins. */
  constructor(
    options: BayeuxOptions = {},
    engine: EngineOptions = {},
    callers: Callers = {},
  ) {
    const policy = { allow: () => true };
    this.engine = createEngine({ policy, clock: this.clock, ...engine });
    this.engine.on("error", (error) => this.errors.push(String(error)));
    this.app = bayeux(options).router(this.engine, callers);
  }

  /** Lets time go by, and what falls due happen. */
  async pass(ms: number): Promise<void> {
    await settle();
    this.clock.advance(ms);
    await turn();
  }

  /** Ends it. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.engine.close();
  }
}

/** A client: a clientId, a cookie, and ids that count up. */
export class Peer {
  readonly world: World;
  clientId = "";
  cookie: string | undefined;
  #id = 0;

  /** One that has not shaken hands. */
  constructor(world: World, cookie?: string) {
    this.world = world;
    this.cookie = cookie;
  }

  /** One that has, and has connected once, so that its next connect is held. */
  static async connected(
    world: World,
    ...channels: string[]
  ): Promise<Peer> {
    const peer = new Peer(world);
    await peer.handshake();
    if (channels.length > 0) await peer.subscribe(channels);
    const [reply] = await peer.connect({ advice: { timeout: 0 } });
    assert(reply.successful, JSON.stringify(reply));
    return peer;
  }

  /** Posts a body. */
  async post(
    body: string,
    headers: Record<string, string> = {},
    path = "/",
    signal?: AbortSignal,
  ): Promise<Response> {
    const request = new Request(`http://halley${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        ...(this.cookie && { cookie: this.cookie }),
        ...headers,
      },
      body,
      ...(signal && { signal }),
    });
    const response = await this.world.app.fetch(request);
    const cookie = response.headers.get("set-cookie");
    if (cookie) this.cookie = cookie.split(";")[0]!;
    return response;
  }

  /** Sends messages; their replies and the events that come with them. */
  async send(...messages: unknown[]): Promise<Reply[]> {
    const response = await this.post(JSON.stringify(messages));
    assertEquals(response.status, 200);
    return await response.json();
  }

  /** A message of its own with the next id. */
  message(channel: string, fields: Record<string, unknown> = {}): Reply {
    const { clientId } = this;
    const id = String(++this.#id);
    return { channel, id, ...(clientId && { clientId }), ...fields };
  }

  /** Shakes hands. */
  async handshake(fields: Record<string, unknown> = {}): Promise<Reply> {
    const [reply] = await this.send({
      channel: "/meta/handshake",
      id: "0",
      version: "1.0",
      supportedConnectionTypes: ["long-polling"],
      ...fields,
    });
    this.clientId = reply.clientId;
    return reply;
  }

  /** Connects: resolves when the answer has come. */
  connect(fields: Record<string, unknown> = {}): Promise<Reply[]> {
    return this.send(this.message("/meta/connect", {
      connectionType: "long-polling",
      ...fields,
    }));
  }

  /** Connects, and lets the time go by if nothing comes. */
  async poll(): Promise<Reply[]> {
    const held = this.connect({ advice: { timeout: 1 } });
    await this.world.pass(50);
    return await held;
  }

  /** Subscribes. */
  async subscribe(subscription: unknown): Promise<Reply> {
    return (await this.send(
      this.message("/meta/subscribe", { subscription }),
    ))[0];
  }

  /** Publishes; its reply, and what comes with it. */
  publish(
    channel: string,
    data: unknown,
    fields: Record<string, unknown> = {},
  ): Promise<Reply[]> {
    return this.send(this.message(channel, { data, ...fields }));
  }
}

/** The data of the events among some messages. */
export function dataOf(messages: readonly Reply[]): unknown[] {
  return messages.filter((it) => it.successful === undefined)
    .map(({ data }) => data);
}

/** Lets requests that are under way come as far as they can. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await turn();
}
