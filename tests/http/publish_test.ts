/** PROTOCOL N7: publishing over HTTP. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
} from "@std/assert";
import { v } from "../../src/deps.ts";
import { PublishAnswer } from "../../src/wire.ts";
import { test } from "../harness.ts";
import {
  type Halley,
  poll,
  problemOf,
  publish,
  start,
  subscribe,
} from "./halley.ts";
import { exchange } from "./sockets.ts";

/** Publishes a body as it is; the data that came of it. */
async function dataOf(
  { url }: Halley,
  type: string | undefined,
  body: BodyInit,
): Promise<unknown> {
  const { id } = await poll(`${url}/a`);
  const headers: HeadersInit = type === undefined
    ? {}
    : { "content-type": type };
  const bytes = typeof body === "string"
    ? new TextEncoder().encode(body)
    : body;
  const response = await fetch(`${url}/a`, {
    method: "POST",
    headers,
    body: bytes,
  });
  const answer = v.parse(PublishAnswer, await response.json());
  const { messages } = await poll(`${url}/a`, { since: id!, wait: "0" });
  assertEquals(messages.map(({ id }) => id), [answer.id]);
  return messages[0]!.data;
}

test("a JSON body is the data; text and forms are published as strings (N7)", async () => {
  await using halley = await start();
  const cases: [type: string | undefined, body: string, data: unknown][] = [
    ["application/json", ' {"a" : [1, 2.50, "\\u00e9"]}\n', {
      a: [1, 2.5, "é"],
    }],
    ["application/json; charset=utf-8", "null", null],
    ["APPLICATION/JSON", "0", 0],
    ["application/cloudevents+json", "[]", []],
    ["text/plain", '{"a":1}', '{"a":1}'],
    ["text/plain;charset=UTF-8", "é…😀\r\n", "é…😀\r\n"],
    ["text/markdown", "", ""],
    ["application/x-www-form-urlencoded", "a=1&b=%C3%A9", "a=1&b=%C3%A9"],
    [undefined, "no type", "no type"],
  ];
  for (const [type, body, data] of cases) {
    assertEquals(await dataOf(halley, type, body), data, type ?? "none");
  }
});

test("line breaks and odd characters in data never end a frame (N3, N10)", async () => {
  await using halley = await start();
  const { url } = halley;
  const sse = await subscribe(`${url}/a`);
  const stream = await subscribe(`${url}/a?transport=stream`);
  const data = [
    "\r",
    "\n",
    "\r\n\r\n",
    "\u2028\u2029\u0085",
    "\0",
    "\ud800",
    "data: x\n\nid: 1\n\n",
    { "\n": "\r" },
    "\ufeff",
    ":",
  ];
  for (const each of data) {
    assertEquals((await publish(`${url}/a`, each)).status, 200);
  }
  assertEquals(await sse.listener.data(data.length), data);
  assertEquals(await stream.listener.data(data.length), data);
  await sse.listener.close();
  await stream.listener.close();
});

test("a publish answers with an id that resumes after it (N7)", async () => {
  await using halley = await start();
  const { url } = halley;
  const response = await publish(`${url}/a`, 1);
  assertEquals(response.status, 200);
  assertEquals(response.headers.get("cache-control"), "no-store");
  assertMatch(response.headers.get("content-type")!, /^application\/json/);
  const { id } = await response.json();
  await publish(`${url}/a`, 2);
  const { messages } = await poll(`${url}/a`, { since: id });
  assertEquals(messages.map(({ data }) => data), [2]);
});

test("a repeated Idempotency-Key answers with the first id and publishes nothing (N7)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  const send = async (path: string, data: unknown, key: string) =>
    await publish(`${url}/${path}`, data, { "idempotency-key": key });
  const { id } = await (await send("a", { x: 1 }, "k")).json();
  assertEquals((await (await send("a", { x: 1 }, "k")).json()).id, id);
  assertEquals(engine.node.applied, 1);
  const reused = await send("a", { x: 2 }, "k");
  assertEquals(reused.status, 422);
  assertEquals((await problemOf(reused)).code, "key_reused");
  assertEquals(engine.node.applied, 1);
  for (const [path, key] of [["b", "k"], ["a", "k2"], ["a?to=*", "k"]]) {
    const other = await (await send(path!, { x: 1 }, key!)).json();
    assertNotEquals(other.id, id, `${path} ${key}`);
  }
  for (const key of ["", "k".repeat(256)]) {
    const refused = await problemOf(await send("a", 1, key));
    assertEquals(refused.code, "invalid_request");
  }
});

test("idempotency keys of one subject are nobody else's (N7)", async () => {
  await using halley = await start({
    policy: {
      identify: (request) => ({
        subject: request.headers.get("authorization") ?? "",
      }),
      allow: () => true,
    },
  });
  const ids = [];
  for (const authorization of ["ann", "bob", "ann"]) {
    const headers = { authorization, "idempotency-key": "k" };
    const response = await publish(`${halley.url}/a`, 1, headers);
    ids.push((await response.json()).id);
  }
  assertEquals(ids[0], ids[2]);
  assertNotEquals(ids[0], ids[1]);
});

test("?to= reaches one connection, or all, whatever their channels (N7)", async () => {
  await using halley = await start();
  const { url } = halley;
  const ann = await subscribe(`${url}/a`);
  const bob = await subscribe(`${url}/b`);
  const send = (to: string, data: unknown) =>
    publish(`${url}/mail?to=${to}`, data);
  assertEquals((await send(ann.open.connection, "ann")).status, 200);
  assertEquals((await send("*", "all")).status, 200);
  assertEquals((await send(bob.open.connection, "bob")).status, 200);
  const first = await ann.listener.frame("message");
  assertEquals([first.channel, first.data], ["mail", "ann"]);
  assertEquals(await ann.listener.data(1), ["all"]);
  assertEquals(await bob.listener.data(2), ["all", "bob"]);
  const nobody = await send("nobody", 1);
  assertEquals(nobody.status, 404);
  assertEquals((await problemOf(nobody)).code, "not_found");
  for (const { listener } of [ann, bob]) await listener.close();
});

test("a body that is too large is refused by its bytes, however it comes (N8)", async () => {
  await using halley = await start({ limits: { message: 100 } });
  const { url, port, engine } = halley;
  const refused = async (length: number, type = "application/json") => {
    const body = type === "text/plain"
      ? "x".repeat(length)
      : `"${"x".repeat(length - 2)}"`;
    const response = await fetch(`${url}/a`, {
      method: "POST",
      headers: { "content-type": type },
      body,
    });
    return response.status;
  };
  assertEquals(await refused(100), 200);
  assertEquals(await refused(101), 413);
  // As text it is two quotation marks longer.
  assertEquals(await refused(98, "text/plain"), 200);
  assertEquals(await refused(99, "text/plain"), 413);
  const chunk = `64\r\n${"x".repeat(100)}\r\n`;
  const answer = await exchange(
    port,
    "POST /push/a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" +
      `${chunk.repeat(20)}0\r\n\r\n`,
  );
  assertEquals(answer.status, 413);
  assertEquals(JSON.parse(answer.body).code, "too_large");
  assertEquals(engine.node.applied, 2);
});

test("a media type that is neither JSON nor text is refused (N8)", async () => {
  await using halley = await start();
  for (
    const type of [
      "application/octet-stream",
      "image/png",
      "multipart/form-data; boundary=x",
      "application/xml",
      "json",
      "",
    ]
  ) {
    const answer = await exchange(
      halley.port,
      `POST /push/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: ${type}\r\nContent-Length: 2\r\n\r\n{}`,
    );
    assertEquals(answer.status, 415, type);
    assertEquals(JSON.parse(answer.body).code, "unsupported_type");
  }
  assertEquals(halley.engine.node.applied, 0);
});

test("a publish names its connection only to those who may see it (N7)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  const { listener, open } = await subscribe(`${url}/a`);
  const froms: unknown[] = [];
  engine.on("message", ({ from }) => froms.push(from));
  await publish(`${url}/a`, 1, { "push-key": open.key });
  await publish(`${url}/a?key=${open.key}`, 2);
  await publish(`${url}/a`, 3);
  await publish(`${url}/a`, 4, {
    "push-key": open.key.split("").reverse().join(""),
  });
  assertEquals(froms, [open.connection, open.connection, undefined, undefined]);
  const message = await listener.frame("message");
  assert(!("from" in message));
  await listener.close();
});

test("a web page publishes only from this host or a listed origin (N7)", async () => {
  await using halley = await start({}, { origins: ["https://app.example"] });
  const post = async (origin: string) => {
    const answer = await exchange(
      halley.port,
      `POST /push/a HTTP/1.1\r\nHost: localhost:1\r\nOrigin: ${origin}\r\nContent-Length: 1\r\n\r\nx`,
    );
    return answer.status === 200 ? 200 : JSON.parse(answer.body).code;
  };
  assertEquals(await post("http://localhost:1"), 200);
  assertEquals(await post("https://app.example"), 200);
  assertEquals(await post("https://evil.example"), "bad_origin");
  assertEquals(await post("http://localhost:2"), "bad_origin");
  assertEquals(await post("null"), "bad_origin");
  assertEquals(halley.engine.node.applied, 2);
});

test("a Host that is not ours is refused, whatever is asked (N7)", async () => {
  await using halley = await start({}, { hosts: ["localhost", "127.0.0.1"] });
  const ask = async (method: string, host: string) => {
    const { status } = await exchange(
      halley.port,
      `${method} /push/a?transport=poll HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 0\r\n\r\n`,
    );
    return status;
  };
  for (const method of ["GET", "POST", "HEAD", "OPTIONS"]) {
    assertEquals(await ask(method, "evil.example"), 403, method);
    assertEquals(await ask(method, `localhost.evil.example`), 403, method);
    assert(await ask(method, `localhost:${halley.port}`) < 300, method);
  }
});
