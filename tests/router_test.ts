/** PROTOCOL N1, N8, N10: which request goes where, and how errors come back. */
import { assert, assertEquals } from "@std/assert";
import { App } from "../src/deps.ts";
import { createEngine } from "../src/engine.ts";
import { PushError } from "../src/errors.ts";
import { createRouter } from "../src/router.ts";
import { problemOf, start, until } from "./http/halley.ts";
import { exchange, Raw, readAnswer } from "./http/sockets.ts";
import { serve, test } from "./harness.ts";

/** What a GET of `path` subscribes to, with the router at `base`. */
async function channelsOf(base: string, path: string): Promise<string[]> {
  const engine = createEngine();
  const app = new App().route(base, createRouter(engine));
  const server = await serve(app.fetch);
  const answer = await exchange(
    server.port,
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\n` +
      "Accept: application/json\r\n\r\n",
  );
  assertEquals(answer.status, 200, answer.body);
  const { connection } = JSON.parse(answer.body);
  const channels = engine.connections.get(connection)!.channels;
  await engine.close();
  await server.stop();
  return channels;
}

test("the router serves under any base path, parameters included (N1)", async () => {
  assertEquals(await channelsOf("/", "/news"), ["news"]);
  assertEquals(await channelsOf("/push", "/push/news/eu"), ["news/eu"]);
  assertEquals(await channelsOf("/push", "/push?channel=news"), ["news"]);
  assertEquals(await channelsOf("/push", "/push/?channel=news"), ["news"]);
  assertEquals(await channelsOf("/:tenant/live", "/a%2Fb/live/x"), ["x"]);
  assertEquals(await channelsOf("/a/b/c", "/a/b/c/d/e/f"), ["d/e/f"]);
});

test("names are percent-decoded once, as UTF-8 (N2)", async () => {
  const of = (path: string) => channelsOf("/push", `/push/${path}`);
  assertEquals(await of("caf%C3%A9"), ["café"]);
  assertEquals(await of("a%2Fb"), ["a/b"]);
  assertEquals(await of("a%252Fb"), ["a%2Fb"]);
  assertEquals(await of("a+b"), ["a+b"]);
  assertEquals(await of("a%20b%3F%23"), ["a b?#"]);
  assertEquals(await of("?channel=a+b%2Bc"), ["a b+c"]);
  assertEquals(await of("%F0%9F%98%80/**"), ["😀/**"]);
});

test("path and ?channel= add up, each name once (N10)", async () => {
  const of = (path: string) => channelsOf("/push", `/push${path}`);
  assertEquals(await of("/a?channel=b&channel=c"), ["a", "b", "c"]);
  assertEquals(await of("/a?channel=a&channel=a"), ["a"]);
  assertEquals(await of("?channel=b&channel=news/*&channel=**"), [
    "b",
    "news/*",
    "**",
  ]);
});

test("the router asks for what it needs: Push-Key before ?key= (N6)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  const ask = (query: string, key?: string) =>
    fetch(`${url}/a?transport=poll${query}`, {
      headers: key ? { "push-key": key } : {},
    });
  const { key, connection } = await (await ask("")).json();
  const again = await (await ask("&key=nonsense", key)).json();
  assertEquals(again.connection, connection);
  assertEquals((await (await ask(`&key=${key}`)).json()).key, key);
  assertEquals((await problemOf(await ask("&key=x"))).code, "invalid_request");
  assertEquals(engine.connections.size, 1);
});

test("a method that is not served gets 405 and Allow (N8; RFC 9110, 15.5.6)", async () => {
  await using halley = await start();
  for (const method of ["PUT", "DELETE", "PATCH"]) {
    const response = await fetch(`${halley.url}/a`, { method, body: "x" });
    assertEquals(response.headers.get("allow"), "GET, HEAD, POST, OPTIONS");
    assertEquals((await problemOf(response)).code, "method_not_allowed");
  }
  const response = await fetch(`${halley.url}/$leave`);
  assertEquals(response.headers.get("allow"), "POST, OPTIONS");
  assertEquals((await problemOf(response)).code, "method_not_allowed");
});

test("what a policy throws is an internal error that gives nothing away (N8)", async () => {
  await using halley = await start({
    policy: {
      identify() {
        throw new Error("the password is 12345");
      },
    },
  });
  const errors: unknown[] = [];
  halley.engine.on("error", (error) => errors.push(error));
  const response = await fetch(`${halley.url}/a`, {
    headers: { accept: "application/json" },
  });
  const problem = await problemOf(response);
  assertEquals(problem, {
    title: "Something went wrong here.",
    status: 500,
    code: "internal",
    detail: "Something went wrong here.",
  });
  assertEquals(errors.map(String), ["Error: the password is 12345"]);
});

test("what a policy refuses reaches the client as it says (N8)", async () => {
  await using halley = await start({
    policy: {
      identify() {
        throw new PushError("unauthorized", "The token has expired.");
      },
    },
  });
  const response = await fetch(`${halley.url}/a`);
  assertEquals(response.headers.get("www-authenticate"), "Bearer");
  assertEquals((await problemOf(response)).detail, "The token has expired.");
});

test("a refused body is read, so that its connection serves on (N8)", async () => {
  await using halley = await start({ limits: { message: 100 } });
  using raw = await Raw.open(halley.port);
  const body = "x".repeat(300_000);
  const requests: [request: string, status: number][] = [
    ["POST /push/a", 413],
    ["POST /push/a*b", 400],
    ["PUT /push/a", 405],
    ["POST /push/$leave", 400],
    ["POST /push/a?to=nobody", 413],
  ];
  let seen = 0;
  for (const [request, status] of requests) {
    raw.send(
      `${request} HTTP/1.1\r\nHost: localhost\r\n` +
        `Content-Length: ${body.length}\r\n\r\n${body}`,
    );
    const next = () => readAnswer(raw.bytes.subarray(seen));
    await raw.until(() => next() !== undefined);
    assertEquals(next()?.status, status, request);
    seen = raw.bytes.length;
  }
  assert(!raw.ended);
});

test("an upload that breaks off is nobody's error but its sender's (N8)", async () => {
  await using halley = await start();
  const errors: unknown[] = [];
  halley.engine.on("error", (error) => errors.push(error));
  const { port, engine } = halley;
  using raw = await Raw.open(port);
  raw.send(
    "POST /push/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nabc",
  );
  // Another request on another connection shows that this one was taken up.
  await exchange(port, "OPTIONS /push/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  raw.close();
  await exchange(port, "OPTIONS /push/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await exchange(
    port,
    "POST /push/a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx",
  );
  assertEquals(engine.node.applied, 1);
  assertEquals(errors, []);
});

test("a request parks by its own idle limit where the server has one (N4, N5)", async () => {
  const engine = createEngine({ heartbeat: 20_000 });
  const router = createRouter(engine);
  const limits: number[] = [];
  const env = {
    timeout: (_: Request, seconds: number) => void limits.push(seconds),
  };
  const get = (path: string) =>
    router.fetch(new Request(`http://localhost/a?${path}`), env);
  const stream = await get("");
  await get("transport=poll");
  const { id } = await (await get("transport=poll")).json();
  const held = get(`transport=poll&since=${id}&wait=30000`);
  await until(() => limits.length === 2);
  await engine.close();
  assertEquals((await held).status, 503);
  await stream.body!.cancel();
  assertEquals(limits, [40, 40]);
});
