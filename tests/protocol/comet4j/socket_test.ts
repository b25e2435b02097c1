/** Comet4J on the wire, byte for byte, between real sockets. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { App } from "../../../src/deps.ts";
import { createEngine, type Engine } from "../../../src/engine.ts";
import { comet4j, type Comet4jOptions } from "../../../src/protocol/comet4j.ts";
import type { EngineOptions } from "../../../src/options.ts";
import { createRouter } from "../../../src/router.ts";
import { manualClock, serve, test } from "../../harness.ts";
import { listen, publish, until } from "../../http/halley.ts";
import { exchange, Raw } from "../../http/sockets.ts";
import { EXPLORER, FIREFOX, read } from "./site.ts";

/** A site on a port of its own. */
class Port implements AsyncDisposable {
  readonly engine: Engine;
  readonly #server: Awaited<ReturnType<typeof serve>>;

  private constructor(
    engine: Engine,
    server: Awaited<ReturnType<typeof serve>>,
  ) {
    this.engine = engine;
    this.#server = server;
  }

  static async open(
    options: Comet4jOptions = {},
    more: EngineOptions = {},
  ): Promise<Port> {
    const engine = createEngine({ policy: { allow: () => true }, ...more });
    const app = new App()
      .route("/push", createRouter(engine))
      .route("/conn", comet4j({ cookie: false, ...options }).router(engine));
    return new Port(engine, await serve(app.fetch));
  }

  get port(): number {
    return this.#server.port;
  }

  get url(): string {
    return `${this.#server.url}/push`;
  }

  /** Connects; the `cid`. */
  async connect(agent: string): Promise<string> {
    const { status, body, headers } = await exchange(
      this.port,
      get("cmd=conn&cv=0.1.7&ram=0.5", agent),
    );
    assertEquals(status, 200);
    assertEquals(headers.get("content-type"), "text/html;charset=UTF-8");
    return read(body).data.cId;
  }

  /** Sends a revival, and waits until it is parked. */
  async revive(cid: string, agent: string): Promise<Raw> {
    const raw = await Raw.open(this.port);
    raw.send(get(`cmd=revival&cid=${cid}&ram=0.7`, agent));
    await until(() => this.engine.connections.get(cid)!.transport);
    return raw;
  }

  /** Whether a connection is away. */
  away(cid: string): boolean {
    return this.engine.connections.get(cid)!.transport === undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.engine.close();
    await this.#server.stop();
  }
}

function get(query: string, agent: string): string {
  return `GET /conn?${query} HTTP/1.1\r\nHost: localhost\r\n` +
    `User-Agent: ${agent}\r\n\r\n`;
}

/** The chunks of an answer after the one that opens it, as far as they have come. */
function chunks(text: string): string[] {
  const [, ...lines] = text.replace(/^[^]*?\r\n\r\n|^[^]*$/, "\r\n").split(
    "\r\n",
  );
  const found: string[] = [];
  for (let i = 0; i + 2 < lines.length; i += 2) {
    assertEquals(parseInt(lines[i]!, 16), lines[i + 1]!.length);
    const chunk = lines[i + 1]!;
    if (chunk !== "" && !chunk.includes("%22%24open%22")) found.push(chunk);
  }
  return found;
}

/** The frames of an answer, as far as they have come. */
function frames(text: string): unknown[] {
  return chunks(text).flatMap((chunk) => chunk.match(/<[^>]*>/g) ?? [])
    .map((frame) => read(frame).data);
}

test("a poll is answered with one frame and its length", async () => {
  await using site = await Port.open();
  const cid = await site.connect(EXPLORER);
  using raw = await site.revive(cid, EXPLORER);
  assertEquals(raw.text, "");
  await site.engine.publish("hello", "one");
  await raw.until(() => raw.text.endsWith(">"));
  assertMatch(raw.text, /^HTTP\/1\.1 200 OK\r\n/);
  const [head, body] = raw.text.split("\r\n\r\n");
  assertMatch(
    head!.toLowerCase(),
    new RegExp(`content-length: ${body!.length}`),
  );
  assertEquals(read(body!).data, "one");
});

test("a stream is written frame by frame, an HTTP chunk each", async () => {
  await using site = await Port.open();
  const cid = await site.connect(FIREFOX);
  using raw = await site.revive(cid, FIREFOX);
  for (let n = 0; n < 5; n++) {
    await site.engine.publish("hello", n);
    // Those that come at the same time, runtimes may put into one.
    await raw.until(() => chunks(raw.text).length === n + 1);
  }
  assertMatch(raw.text.toLowerCase(), /\r\ntransfer-encoding: chunked\r\n/);
  assertEquals(
    chunks(raw.text).map((chunk) => read(chunk).data),
    [0, 1, 2, 3, 4],
  );
});

test("a stream that is over says so, and ends only a while later", async () => {
  const clock = manualClock();
  await using site = await Port.open({ timeout: 1_000 }, { clock });
  const cid = await site.connect(FIREFOX);
  using raw = await site.revive(cid, FIREFOX);
  clock.advance(1_000);
  await raw.until(() => chunks(raw.text).length === 1);
  assertEquals(read(chunks(raw.text)[0]!).data, "dying");
  const isOver = () => raw.text.endsWith("0\r\n\r\n");
  clock.advance(99);
  await site.connect(FIREFOX);
  assert(!isOver(), "it has ended at once");
  clock.advance(900);
  await raw.until(isOver);
});

for (const agent of [EXPLORER, FIREFOX]) {
  test(`a client that goes without a word is away at once (${agent})`, async () => {
    await using site = await Port.open();
    const cid = await site.connect(agent);
    const raw = await site.revive(cid, agent);
    raw.close();
    await until(() => site.away(cid));
    await site.engine.publish("hello", 1);
    using next = await Raw.open(site.port);
    next.send(get(`cmd=revival&cid=${cid}`, agent));
    await next.until(() => next.text.includes("%22data%22%3A1%2C"));
    assert(next.text.startsWith("HTTP/1.1 200"));
  });
}

test("a Comet4J client and a native one hear each other's channels", async () => {
  await using site = await Port.open({ channels: ["hello", "talk"] });
  const cid = await site.connect(FIREFOX);
  using raw = await site.revive(cid, FIREFOX);
  await using native = await listen(`${site.url}/*`);
  const { connection } = await native.frame("open");
  for (
    const path of ["hello", "talk", `talk?to=${cid}`, "talk?to=*", "other"]
  ) {
    const answer = await publish(`${site.url}/${path}`, path);
    assertEquals(answer.status, 200);
    await answer.body!.cancel();
  }
  await raw.until(() => frames(raw.text).length === 4);
  assertEquals(
    frames(raw.text),
    ["hello", "talk", `talk?to=${cid}`, "talk?to=*"],
  );
  assertEquals(await native.data(4), ["hello", "talk", "talk?to=*", "other"]);
  const present = await fetch(`${site.url}/$presence?channel=hello`);
  const { presence } = await present.json();
  const ids = presence.hello.map((it: { connection: string }) => it.connection);
  assertEquals(ids.sort(), [cid, connection].sort());
});
