/** PROTOCOL N9: saying goodbye. */
import { assertEquals } from "@std/assert";
import { test } from "../harness.ts";
import { poll, problemOf, start, subscribe, until } from "./halley.ts";
import { exchange } from "./sockets.ts";

function post(port: number, path: string, headers = "", body = "") {
  return exchange(
    port,
    `POST /push/${path} HTTP/1.1\r\nHost: localhost\r\n${headers}` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
}

test("a goodbye ends the connection and its stream (N9)", async () => {
  await using halley = await start();
  const { url, port, engine } = halley;
  const reasons: string[] = [];
  engine.on("drop", (_, reason) => reasons.push(reason));
  for (const accept of ["text/event-stream", "application/x-ndjson"]) {
    const { listener, open } = await subscribe(`${url}/a`, { accept });
    const answer = await post(port, `$leave?key=${open.key}`);
    assertEquals([answer.status, answer.body], [204, ""]);
    const rest = await listener.rest();
    assertEquals(rest.map(({ frame }) => frame), [
      { type: "close", code: "left", retry: false },
    ]);
    assertEquals(engine.connections.size, 0);
  }
  assertEquals(reasons, ["left", "left"]);
});

test("a goodbye works as navigator.sendBeacon sends it (N9)", async () => {
  await using halley = await start();
  const { key } = await poll(`${halley.url}/a`);
  const { status } = await post(
    halley.port,
    `$leave?key=${key}`,
    "Content-Type: text/plain;charset=UTF-8\r\nOrigin: http://localhost\r\n",
    "bye",
  );
  assertEquals([status, halley.engine.connections.size], [204, 0]);
});

test("the key of a goodbye may come in a header (N9)", async () => {
  await using halley = await start();
  const { key } = await poll(`${halley.url}/a`);
  const { status } = await post(halley.port, "$leave", `Push-Key: ${key}\r\n`);
  assertEquals([status, halley.engine.connections.size], [204, 0]);
});

test("a goodbye with nobody's key changes nothing and says nothing (N9)", async () => {
  await using halley = await start();
  const { url, port, engine } = halley;
  const { listener, open } = await subscribe(`${url}/a`);
  for (const key of ["A".repeat(24), "z".repeat(24)]) {
    assertEquals((await post(port, `$leave?key=${key}`)).status, 204);
  }
  for (
    const path of ["$leave", "$leave?key=", `$leave?key=${open.connection}`]
  ) {
    const answer = await post(port, path);
    assertEquals([answer.status, JSON.parse(answer.body).code], [
      400,
      "invalid_request",
    ]);
  }
  assertEquals(engine.connections.get(open.connection)!.transport, "sse");
  await listener.close();
});

test("a page of another origin says no goodbyes (N9)", async () => {
  await using halley = await start();
  const { key } = await poll(`${halley.url}/a`);
  const answer = await post(
    halley.port,
    `$leave?key=${key}`,
    "Origin: https://evil.example\r\n",
  );
  assertEquals(JSON.parse(answer.body).code, "bad_origin");
  assertEquals(halley.engine.connections.size, 1);
});

test("a held poll whose connection leaves is told so (N8, N9)", async () => {
  await using halley = await start();
  const { url, port, engine } = halley;
  const { id, key, connection } = await poll(`${url}/a`);
  const held = fetch(`${url}/a?transport=poll&since=${id}&key=${key}`);
  await until(() => engine.connections.get(connection)!.transport);
  await post(port, `$leave?key=${key}`);
  const problem = await problemOf(await held);
  assertEquals([problem.status, problem.code], [410, "left"]);
});

test("a beforeDrop listener may keep a connection that says goodbye (N9)", async () => {
  await using halley = await start();
  const { url, port, engine } = halley;
  engine.on("beforeDrop", () => false);
  const { listener, open } = await subscribe(`${url}/a`);
  assertEquals((await post(port, `$leave?key=${open.key}`)).status, 204);
  assertEquals(engine.connections.get(open.connection)!.transport, "sse");
  await engine.publish("a", 1);
  assertEquals(await listener.data(1), [1]);
  await listener.close();
});
