/** PROTOCOL N1 to N4: subscribing, and what a stream says. */
import { assert, assertEquals } from "@std/assert";
import { idOfKey } from "../../src/key.ts";
import { manualClock, test } from "../harness.ts";
import { listen, problemOf, publish, start, subscribe } from "./halley.ts";
import { bodyOf, Raw } from "./sockets.ts";

const TYPES = {
  sse: "text/event-stream; charset=utf-8",
  stream: "application/x-ndjson",
  poll: "application/json",
};

test("Accept chooses the transport, and ?transport= overrides it (N1)", async () => {
  await using halley = await start();
  const cases: [accept: string, query: string, type: string][] = [
    ["*/*", "", TYPES.sse],
    ["text/event-stream", "", TYPES.sse],
    ["application/x-ndjson", "", TYPES.stream],
    ["application/json", "", TYPES.poll],
    ["application/json, text/event-stream", "", TYPES.poll],
    ["application/json;q=0.1, */*;q=0.5", "", TYPES.sse],
    ["text/html", "?transport=stream", TYPES.stream],
    ["application/json", "?transport=sse", TYPES.sse],
    ["text/event-stream", "?transport=poll", TYPES.poll],
  ];
  for (const [accept, query, type] of cases) {
    const listener = await listen(`${halley.url}/a${query}`, { accept });
    assertEquals(listener.response.headers.get("content-type"), type, accept);
    await listener.close();
  }
  const response = await fetch(`${halley.url}/a`, {
    headers: { accept: "text/html, image/*" },
  });
  assertEquals(response.status, 406);
  assertEquals((await problemOf(response)).code, "not_acceptable");
});

test("a request without Accept gets Server-Sent Events (N1)", async () => {
  await using halley = await start();
  using raw = await Raw.open(halley.port);
  raw.send("GET /push/a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await raw.until(() => raw.text.includes("heartbeat"));
  assert(raw.text.toLowerCase().includes("content-type: text/event-stream"));
});

test("a stream forbids caches and proxies to hold it back (N4)", async () => {
  await using halley = await start();
  for (const accept of ["text/event-stream", "application/x-ndjson"]) {
    await using listener = await listen(`${halley.url}/a`, { accept });
    const { headers } = listener.response;
    assertEquals(headers.get("cache-control"), "no-store, no-transform");
    assertEquals(headers.get("x-accel-buffering"), "no");
    assertEquals(headers.get("vary"), "accept, origin");
  }
});

test("open comes first and names connection, key, place and heartbeat (N4)", async () => {
  await using halley = await start({ heartbeat: 12_345 });
  const { listener, open } = await subscribe(`${halley.url}/a`);
  assertEquals(open.heartbeat, 12_345);
  assertEquals(open.id, halley.engine.node.id);
  assertEquals(open.connection, idOfKey(open.key));
  assert(halley.engine.connections.has(open.connection));
  assert(listener.retry! >= 1_000 && listener.retry! < 3_000);
  await listener.close();
});

test("a message in Server-Sent Events is an id and one data line (N3)", async () => {
  await using halley = await start();
  using raw = await Raw.open(halley.port);
  raw.send("GET /push/caf%C3%A9 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await raw.until(() => raw.text.includes("heartbeat"));
  const data = { text: 'line\none\r\u2028"é"', list: [1, null, {}] };
  const id = await halley.engine.publish("café", data);
  const body = () => new TextDecoder().decode(bodyOf(raw.bytes));
  await raw.until(() => body().endsWith("}\n\n") && body().includes(id));
  const json = JSON.stringify({ type: "message", channel: "café", id, data });
  assertEquals(body().split("\n\n")[1], `id: ${id}\ndata: ${json}`);
});

test("a message in a stream is one line of JSON (N3)", async () => {
  await using halley = await start();
  using raw = await Raw.open(halley.port);
  raw.send(
    "GET /push/a HTTP/1.1\r\nHost: localhost\r\nAccept: application/x-ndjson\r\n\r\n",
  );
  await raw.until(() => raw.text.includes("heartbeat"));
  const id = await halley.engine.publish("a", "x\ny");
  const body = () => new TextDecoder().decode(bodyOf(raw.bytes));
  await raw.until(() => body().endsWith("}\n") && body().includes("message"));
  const json = `{"type":"message","channel":"a","id":"${id}","data":"x\\ny"}`;
  assertEquals(body().split("\n").slice(1), [json, ""]);
});

test("a message covered twice comes once, in the order of all (N2)", async () => {
  await using halley = await start();
  const { url } = halley;
  const listener = await listen(
    `${url}?channel=a/b&channel=a/*&channel=**&channel=c`,
  );
  await listener.frame("open");
  const names = ["a/b", "c", "a/x", "a/b", "other", "a/b/c", "c"];
  for (const [n, name] of names.entries()) await publish(`${url}/${name}`, n);
  for (const [n, name] of names.entries()) {
    const { channel, data } = await listener.frame("message");
    assertEquals([channel, data], [name, n]);
  }
  await listener.close();
});

test("a pattern covers its segments and nothing of the engine's own (N2)", async () => {
  await using halley = await start();
  const { url } = halley;
  const { listener, open } = await subscribe(`${url}/a/*`);
  for (const name of ["a", "a/b/c", "b/c", "ab", "a/b"]) {
    await publish(`${url}/${name}`, name);
  }
  assertEquals(await listener.data(1), ["a/b"]);
  // What is sent to it alone comes whatever its patterns are.
  await publish(`${url}/x?to=${open.connection}`, 1);
  await publish(`${url}/x?to=*`, 2);
  assertEquals(await listener.data(2), [1, 2]);
  await listener.close();
});

test("a quiet stream beats within its heartbeat, with the present as id (N4)", async () => {
  const clock = manualClock();
  await using halley = await start({ clock, heartbeat: 20_000 });
  const { engine, url } = halley;
  const { listener, open } = await subscribe(`${url}/quiet`);
  await publish(`${url}/busy`, 1);
  engine.sweep(clock.now() + 9_999);
  engine.sweep(clock.now() + 20_000);
  const received = await listener.next();
  const id = open.id.replace("-0", "-1");
  assertEquals(received!.frame, { type: "heartbeat", id });
  assertEquals(received!.lastEventId, id);
  await listener.close();
});

test("a short heartbeat is kept too, by the engine's own timer (N4)", async () => {
  const clock = manualClock();
  await using halley = await start({ clock, heartbeat: 500 });
  const { listener } = await subscribe(`${halley.url}/a`);
  clock.advance(500);
  await publish(`${halley.url}/a`, "after 500 ms");
  assertEquals((await listener.next())!.frame.type, "heartbeat");
  await listener.close();
});
