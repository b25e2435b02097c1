/**
 * A site with Comet4J at `/conn`, and clients of it that check every byte.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { App, type Hono } from "../../../src/deps.ts";
import { createEngine, type Engine } from "../../../src/engine.ts";
import type { Callers } from "../../../src/http.ts";
import type { EngineOptions } from "../../../src/options.ts";
import { comet4j, type Comet4jOptions } from "../../../src/protocol/comet4j.ts";
import { OPENING } from "../../../src/protocol/comet4j/stream.ts";
import { createRouter } from "../../../src/router.ts";
import { type ManualClock, manualClock, until } from "../../harness.ts";

/** `User-Agent`s of either kind. */
export const FIREFOX =
  "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
export const EXPLORER = "Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1)";

/** A frame as a client of Comet4J reads it. */
export interface Message {
  readonly channel: string;
  // deno-lint-ignore no-explicit-any
  readonly data: any;
  readonly time: number;
}

/** The frame in `text`, if it is one, and only one. */
export function read(text: string): Message {
  const encoded = /^<[A-Za-z0-9\-_.!~*'()%]+>$/.test(text);
  assert(encoded, `no frame: ${text}`);
  const message = JSON.parse(decodeURIComponent(text.slice(1, -1)));
  assertEquals(Object.keys(message), ["channel", "data", "time"]);
  assertEquals(typeof message.time, "number");
  return message;
}

/** Where time stands still unless a test moves it. */
export interface Site {
  readonly engine: Engine;
  readonly clock: ManualClock;
  readonly app: Hono;
  /** What went wrong inside, as operators see it. */
  readonly errors: unknown[];
  /** A browser of its own. */
  browser(userAgent?: string): Browser;
}

/** Makes a site, in this process. */
export function site(
  options: Comet4jOptions = {},
  setup: EngineOptions = {},
  callers: Callers = {},
): Site {
  const clock = manualClock();
  const policy = { allow: () => true };
  const engine = createEngine({ clock, policy, ...setup });
  const errors: unknown[] = [];
  engine.on("error", (error) => errors.push(error));
  const app = new App()
    .route("/push", createRouter(engine, callers))
    .route("/conn", comet4j(options).router(engine, callers));
  const browser = (userAgent = EXPLORER) => new Browser(app, clock, userAgent);
  return { engine, clock, app, errors, browser };
}

/** A browser: it has cookies, and a name. */
export class Browser {
  readonly #app: Hono;
  readonly #clock: ManualClock;
  readonly #userAgent: string;
  /** As `Set-Cookie` has left them. */
  readonly cookies: Map<string, string> = new Map();

  constructor(app: Hono, clock: ManualClock, userAgent: string) {
    this.#app = app;
    this.#clock = clock;
    this.#userAgent = userAgent;
  }

  /** Asks for what stands behind `/conn`. */
  async ask(query: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.#userAgent) headers.set("user-agent", this.#userAgent);
    const cookies = [...this.cookies].map((cookie) => cookie.join("="));
    if (cookies.length > 0) headers.set("cookie", cookies.join("; "));
    const url = `http://site.example/conn${query}`;
    const response = await this.#app.request(url, { ...init, headers });
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = "", value = ""] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
      this.cookies.set(name, value);
    }
    return response;
  }

  /** Connects; what the client is told. */
  async connect(
    query = "",
    // deno-lint-ignore no-explicit-any
  ): Promise<{ cid: string; data: any; response: Response }> {
    const response = await this.ask(`?cmd=conn&cv=0.1.7${query}&ram=0.5`);
    assertEquals(response.status, 200);
    const { channel, data } = read(await response.text());
    assertEquals(channel, "c4j");
    return { cid: data.cId, data, response };
  }

  /** Comes again; resolves with the answer, whenever that is. */
  revive(cid: string, init?: RequestInit): Promise<Response> {
    return this.ask(`?cmd=revival&cid=${cid}&ram=0.7`, init);
  }

  /** Polls; the one frame of the answer. */
  async poll(cid: string): Promise<Message> {
    const response = await this.revive(cid);
    assertEquals(response.status, 200);
    return read(await response.text());
  }

  /** Opens a stream, and takes the frame that opens it. */
  async stream(cid: string): Promise<Stream> {
    const response = await this.revive(cid);
    assertEquals(response.status, 200);
    const stream = new Stream(response);
    const { channel, data } = (await stream.next())!;
    assertEquals([channel, data], ["$open", null]);
    this.#clock.advance(OPENING);
    return stream;
  }

  /** Says goodbye. */
  drop(cid: string): Promise<Response> {
    return this.ask(`?cmd=drop&cid=${cid}&ram=0.9`);
  }
}

/** A response that is read write by write. */
export class Stream {
  readonly response: Response;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  constructor(response: Response) {
    this.response = response;
    this.#reader = response.body!.getReader();
  }

  /** The bytes of the next write; nothing at the end. */
  async bytes(): Promise<Uint8Array | undefined> {
    return (await this.#reader.read()).value;
  }

  /** The one frame of the next write; nothing at the end. */
  async next(): Promise<Message | undefined> {
    const bytes = await this.bytes();
    return bytes && read(new TextDecoder().decode(bytes));
  }

  /** All that is still to come. */
  async rest(): Promise<Message[]> {
    const all: Message[] = [];
    for (let next; (next = await this.next());) all.push(next);
    return all;
  }

  /** Goes away, as when the socket breaks. */
  cancel(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** Waits until a connection is parked, or is not. */
export async function parked(
  { engine }: Site,
  cid: string,
  is = true,
): Promise<void> {
  await until(() =>
    (engine.connections.get(cid)?.transport !== undefined) === is
  );
}
