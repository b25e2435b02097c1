/**
 * A real server on a real socket, with a network in front of it that tests can spoil;
 * and clients of it.
 * @module
 */
import { connect, createServer, type Socket } from "node:net";
import {
  type Client,
  type ClientEvents,
  type ClientOptions,
  createClient,
} from "../../client.ts";
import { App } from "../../src/deps.ts";
import { createEngine, type Engine } from "../../src/engine.ts";
import type { EngineOptions } from "../../src/options.ts";
import { createRouter } from "../../src/router.ts";
import { serve } from "../harness.ts";

export { until } from "../harness.ts";

/** A request as it came to the network. */
export interface Seen {
  readonly method: string;
  /** What follows the base. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Headers;
}

/** What the network does with a request; `pass` asks the server. */
export type Front = (
  seen: Seen,
  pass: () => Promise<Response>,
) => Response | Promise<Response>;

/** Lets everything through. */
export const open: Front = (_, pass) => pass();

/** A server, and the network in front of it. */
export class World {
  /** Who answers. */
  engine: Engine;
  /** What the network does. */
  front: Front = open;
  /** All requests, oldest first. */
  readonly seen: Seen[] = [];
  url = "";
  /** Cuts every connection that is open. */
  cut: () => void = () => {};
  readonly #options: EngineOptions;
  readonly #engines: Engine[] = [];
  readonly #clients: Client[] = [];
  #stop = () => Promise.resolve();

  /** Use {@linkcode World.start}. */
  constructor(options: EngineOptions) {
    this.#options = { policy: { allow: () => true }, ...options };
    this.engine = this.addEngine();
  }

  /** Starts a server on which anyone may do anything, unless `options` say more. */
  static async start(options: EngineOptions = {}): Promise<World> {
    const world = new World(options);
    const apps = new Map<Engine, App>();
    const server = await serve((request, env) => {
      const { engine } = world;
      let app = apps.get(engine);
      if (!app) {
        const router = createRouter(engine, { origins: ["*"] });
        apps.set(engine, app = new App().route("/push", router));
      }
      const url = new URL(request.url);
      const seen = {
        method: request.method,
        path: url.pathname.slice("/push".length),
        query: url.searchParams,
        headers: request.headers,
      };
      world.seen.push(seen);
      return world.front(seen, async () => await app.fetch(request, env));
    });
    const wire = await lay(server.port);
    world.url = `http://127.0.0.1:${wire.port}/push`;
    world.cut = wire.cut;
    world.#stop = async () => {
      await wire.stop();
      await server.stop();
    };
    return world;
  }

  /** Another engine, with the options of the first unless `more` says otherwise. */
  addEngine(more: EngineOptions = {}): Engine {
    const engine = createEngine({ ...this.#options, ...more });
    this.#engines.push(engine);
    return engine;
  }

  /** A client of this server, closed with it; it comes back within 10 ms. */
  client<Channels extends object = Record<string, unknown>>(
    options: ClientOptions = {},
  ): Client<Channels> {
    const backoff = { min: 1, max: 10 };
    const client = createClient<Channels>(this.url, { backoff, ...options });
    this.#clients.push(client as unknown as Client);
    return client;
  }

  /** Subscribing requests: all, or those with that transport. */
  asked(transport?: string): Seen[] {
    return this.seen.filter(({ method, query }) =>
      method === "GET" && (!transport || query.get("transport") === transport)
    );
  }

  /** Ends it all. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) client.close();
    for (const engine of this.#engines) await engine.close();
    await this.#stop();
  }
}

/** A wire to `port` that can be cut, and is whole again at once. */
async function lay(port: number) {
  const sockets = new Set<Socket>();
  const cut = () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  const server = createServer((near) => {
    const far = connect({ port, host: "127.0.0.1" });
    const end = () => {
      for (const socket of [near, far]) {
        socket.destroy();
        sockets.delete(socket);
      }
    };
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", end).on("close", end);
    }
    near.on("data", (bytes: Uint8Array) => far.write(bytes));
    far.on("data", (bytes: Uint8Array) => near.write(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as { port: number }).port,
    cut,
    async stop() {
      const stopped = new Promise((resolve) => server.close(resolve));
      cut();
      await stopped;
    },
  };
}

/** A response that is never answered: neither headers nor body come. */
export function silence(): Promise<Response> {
  return new Promise(() => {});
}

/** A response whose body is held back: headers come (on Bun, not even those). */
export async function held(pass: () => Promise<Response>): Promise<Response> {
  const response = await pass();
  const body = new ReadableStream({
    cancel: () => response.body?.cancel(),
  });
  return new Response(body, response);
}

/** Waits for one event. */
export function once<Name extends keyof ClientEvents>(
  client: Pick<Client, "on">,
  name: Name,
  which: (event: ClientEvents[Name]) => boolean = () => true,
): Promise<ClientEvents[Name]> {
  return new Promise((resolve) => {
    const off = client.on(name, (event) => {
      if (!which(event)) return;
      off();
      resolve(event);
    });
  });
}

/** Keeps every event of a client, by name. */
export function record(client: Pick<Client, "on">): {
  [Name in keyof ClientEvents]: ClientEvents[Name][];
} {
  // deno-lint-ignore no-explicit-any
  const all: any = {};
  const names = ["open", "reset", "reconnect", "close", "message", "error"];
  for (const name of names as (keyof ClientEvents)[]) {
    all[name] = [];
    client.on(name, (event) => all[name].push(event));
  }
  return all;
}
