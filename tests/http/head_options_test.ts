/** PROTOCOL N1, N8: HEAD and OPTIONS park nothing. */
import { assertEquals } from "@std/assert";
import { test } from "../harness.ts";
import { start } from "./halley.ts";
import { exchange } from "./sockets.ts";

function request(method: string, path: string, accept = "*/*"): string {
  return `${method} /push${path} HTTP/1.1\r\nHost: localhost\r\n` +
    `Accept: ${accept}\r\n\r\n`;
}

test("HEAD answers the headers of a GET and parks nothing (RFC 9110, 9.3.2)", async () => {
  await using halley = await start();
  const { port, engine } = halley;
  const cases: [accept: string, type: string, cache: string][] = [
    ["*/*", "text/event-stream; charset=utf-8", "no-store, no-transform"],
    ["application/x-ndjson", "application/x-ndjson", "no-store, no-transform"],
    ["application/json", "application/json", "no-store"],
  ];
  for (const [accept, type, cache] of cases) {
    const answer = await exchange(port, request("HEAD", "/a", accept));
    assertEquals(answer.status, 200);
    assertEquals(answer.headers.get("content-type"), type);
    assertEquals(answer.headers.get("cache-control"), cache);
    assertEquals(answer.headers.get("vary"), "accept, origin");
  }
  assertEquals([engine.connections.size, engine.channels], [0, []]);
});

test("HEAD is refused where GET would be (N8)", async () => {
  await using halley = await start({
    policy: { allow: (_, name) => name !== "secret" },
  });
  const { port, engine } = halley;
  const status = async (path: string, accept?: string) =>
    (await exchange(port, request("HEAD", path, accept))).status;
  assertEquals(await status("/a*b"), 400);
  assertEquals(await status("/secret"), 401);
  assertEquals(await status("/a", "text/html"), 406);
  assertEquals(await status("/a?wait=-1"), 400);
  assertEquals(await status("/$leave"), 405);
  assertEquals([engine.connections.size, engine.channels], [0, []]);
});

test("HEAD with the key of a parked connection takes nothing from it (N6)", async () => {
  await using halley = await start();
  const { port, engine } = halley;
  const { key, connection } = JSON.parse(
    (await exchange(port, request("GET", "/a?transport=poll"))).body,
  );
  const answer = await exchange(port, request("HEAD", `/b?key=${key}`));
  assertEquals(answer.status, 200);
  assertEquals(engine.connections.get(connection)!.channels, ["a"]);
  assertEquals(engine.connections.size, 1);
});

test("OPTIONS says what is allowed, with or without an Origin (RFC 9110, 9.3.7)", async () => {
  await using halley = await start();
  const { port, engine } = halley;
  for (const path of ["/a", "", "/a?key=nonsense", "/not*a*name"]) {
    const { status, headers } = await exchange(port, request("OPTIONS", path));
    assertEquals(status, 204, path);
    assertEquals(headers.get("allow"), "GET, HEAD, POST, OPTIONS");
  }
  assertEquals([engine.connections.size, engine.channels], [0, []]);
});

test("OPTIONS of the goodbye names what 405 names there (RFC 9110, 10.2.1)", async () => {
  await using halley = await start();
  const { headers } = await exchange(
    halley.port,
    request("OPTIONS", "/$leave"),
  );
  assertEquals(headers.get("allow"), "POST, OPTIONS");
});
