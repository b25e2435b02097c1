/** PROTOCOL N11: who is there, over HTTP. */
import { assert, assertEquals } from "@std/assert";
import { v } from "../../src/deps.ts";
import { PushError } from "../../src/errors.ts";
import type { EngineOptions } from "../../src/options.ts";
import type { Policy } from "../../src/policy.ts";
import { PresenceAnswer } from "../../src/wire.ts";
import { manualClock, test } from "../harness.ts";
import { listen, poll, problemOf, start, subscribe, until } from "./halley.ts";
import { exchange } from "./sockets.ts";

/** The bearer's name is the token. */
function policy(allow: Policy["allow"] & object): EngineOptions {
  return {
    policy: {
      identify(request) {
        const token = request.headers.get("authorization")?.slice(7);
        if (token === "bad") throw new PushError("unauthorized");
        return token === undefined ? undefined : { subject: token };
      },
      allow,
    },
  };
}

function bearer(name: string): Record<string, string> {
  return { authorization: `Bearer ${name}` };
}

/** The list, which passes its schema. */
async function present(
  url: string,
  ...channels: string[]
): Promise<v.InferOutput<typeof PresenceAnswer>["presence"]> {
  const query = channels.map((name) => `channel=${encodeURIComponent(name)}`);
  const response = await fetch(`${url}/$presence?${query.join("&")}`);
  assertEquals(response.headers.get("cache-control"), "no-store");
  return v.parse(PresenceAnswer, await response.json()).presence;
}

/** A frame without its id: what is told of whom. */
// deno-lint-ignore no-explicit-any
function told({ type, channel, data }: any): string {
  return `${type} ${channel} ${data.connection ?? data}`;
}

test("GET $presence lists who follows each channel, by name or pattern (N11.1)", async () => {
  await using halley = await start(policy(() => true));
  const { url } = halley;
  assertEquals(await present(url, "a"), { a: [] });
  const one = await subscribe(`${url}/a?channel=*`, bearer("ann"));
  const two = await subscribe(`${url}?channel=*&transport=stream`);
  const three = await poll(`${url}/é/b`);
  const ann = { connection: one.open.connection, subject: "ann" };
  const nobody = { connection: two.open.connection };
  assertEquals(await present(url, "a", "é/b", "a", "z"), {
    a: [ann, nobody],
    "é/b": [{ connection: three.connection }],
    z: [ann, nobody],
  });
  await one.listener.close();
  await two.listener.close();
});

test("GET $presence keeps names that are an object's own from harm (N11.1)", async () => {
  await using halley = await start();
  const { open, listener } = await subscribe(
    `${halley.url}?channel=__proto__&channel=toString`,
  );
  const response = await fetch(
    `${halley.url}/$presence?channel=__proto__&channel=toString`,
  );
  const list = `[{"connection":"${open.connection}"}]`;
  assertEquals(
    await response.text(),
    `{"presence":{"__proto__":${list},"toString":${list}}}`,
  );
  await listener.close();
});

test("GET $presence takes the action presence on each channel: 401, or 403 (N11.1)", async () => {
  const asked: string[] = [];
  await using halley = await start(policy((action, name, identity) => {
    asked.push(`${action} ${name}`);
    return action === "presence" && name === "a" &&
      identity?.subject === "ann";
  }));
  const ask = (query: string, headers = {}) =>
    fetch(`${halley.url}/$presence?${query}`, { headers });
  const codes: [string, Record<string, string>, number][] = [
    ["channel=a", {}, 401],
    ["channel=a", bearer("bad"), 401],
    ["channel=a", bearer("bob"), 403],
    ["channel=a&channel=b", bearer("ann"), 403],
  ];
  for (const [query, headers, status] of codes) {
    const problem = await problemOf(await ask(query, headers));
    assertEquals(problem.status, status, query);
  }
  const granted = await ask("channel=a", bearer("ann"));
  assertEquals(await granted.json(), { presence: { a: [] } });
  assertEquals([...new Set(asked)], ["presence a", "presence b"]);
});

test("without a policy nobody is told who is there (N11.1)", async () => {
  await using halley = await start({ policy: {} });
  for (const path of ["$presence?channel=a", "a?presence=1"]) {
    const problem = await problemOf(await fetch(`${halley.url}/${path}`));
    assertEquals([problem.status, problem.code], [401, "unauthorized"], path);
  }
});

test("GET $presence refuses patterns, reserved names, none, and other methods (N11.1)", async () => {
  await using halley = await start();
  const { url, port, engine } = halley;
  for (const query of ["", "?channel=", "?channel=a/*", "?channel=$all"]) {
    const { code } = await problemOf(await fetch(`${url}/$presence${query}`));
    assertEquals(code, "invalid_channel", query);
  }
  const post = await fetch(`${url}/$presence?channel=a`, { method: "POST" });
  assertEquals(post.headers.get("allow"), "GET, HEAD, OPTIONS");
  assertEquals((await problemOf(post)).code, "method_not_allowed");
  const head = await exchange(
    port,
    "HEAD /push/$presence?channel=a HTTP/1.1\r\nHost: localhost\r\n\r\n",
  );
  assertEquals([head.status, head.body], [200, ""]);
  const encoded = await fetch(`${url}/%24presence?channel=a`);
  assertEquals(await encoded.json(), { presence: { a: [] } });
  assertEquals(engine.channels, []);
});

test("presence=1 brings joins and leaves in their order: SSE (N11.2)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  const { listener } = await subscribe(`${url}/a?presence=1`);
  await engine.publish("a", 1);
  const { connection } = await poll(`${url}/a`);
  await engine.publish("a", 2);
  engine.drop(connection);
  const got = [];
  while (got.length < 4) got.push((await listener.next())!);
  assertEquals(got.map(({ event }) => event), [
    "message",
    "control",
    "message",
    "control",
  ]);
  assertEquals(got.map(({ frame }) => told(frame)), [
    "message a 1",
    `join a ${connection}`,
    "message a 2",
    `leave a ${connection}`,
  ]);
  // An EventSource that sees none of it still goes on after it.
  assertEquals(
    got.map(({ lastEventId }) => lastEventId),
    got.map(({ frame }) => frame.id),
  );
  await listener.close();
});

test("presence=1 brings joins and leaves in their order: NDJSON (N11.2)", async () => {
  await using halley = await start(policy(() => true));
  const { url, engine } = halley;
  const query = "?channel=a&channel=b&presence=1&transport=stream";
  const { listener } = await subscribe(`${url}${query}`);
  const plain = await subscribe(`${url}?channel=*&presence=0`, bearer("ann"));
  const { connection } = plain.open;
  const id = await engine.publish("a", 1);
  engine.drop(connection);
  const got = [];
  while (got.length < 5) got.push((await listener.next())!.frame);
  assertEquals(got.map(told), [
    `join a ${connection}`,
    `join b ${connection}`,
    "message a 1",
    `leave a ${connection}`,
    `leave b ${connection}`,
  ]);
  assertEquals([got[0].data.subject, got[2].id], ["ann", id]);
  const rest = await plain.listener.rest();
  assertEquals(rest.map(({ frame }) => frame.type), ["message", "close"]);
  await listener.close();
});

test("presence=1 brings joins and leaves among a poll's messages (N11.2)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  const { key, id, connection: own } = await poll(`${url}/a`, {
    presence: "1",
  });
  const next = poll(`${url}/a`, { presence: "1", key, since: id! });
  await until(() => engine.connections.get(own)!.transport);
  const { connection } = await poll(`${url}/a`);
  const first = await next;
  assertEquals(first.messages.map(told), [`join a ${connection}`]);
  await engine.publish("a", 1);
  engine.drop(connection);
  const more = { presence: "1", key, since: first.id! };
  const second = await poll(`${url}/a`, more);
  assertEquals(second.messages.map(told), [
    "message a 1",
    `leave a ${connection}`,
  ]);
  // Without it, what lies between is left out.
  const { messages } = await poll(`${url}/a`, { ...more, presence: "0" });
  assertEquals(messages.map(told), ["message a 1"]);
});

test("presence=1 takes the action presence on each channel: 401, or 403 (N11.1)", async () => {
  await using halley = await start(
    policy((action, name) => action === "subscribe" || name === "a"),
  );
  const { url, engine } = halley;
  for (const transport of ["sse", "stream", "poll"]) {
    const query = `?channel=a&channel=b&presence=1&transport=${transport}`;
    for (const [headers, status] of [[{}, 401], [bearer("x"), 403]] as const) {
      const problem = await problemOf(await fetch(url + query, { headers }));
      assertEquals(problem.status, status, query);
    }
  }
  assertEquals([engine.connections.size, engine.channels], [0, []]);
  const { listener } = await subscribe(`${url}/a?presence=1`);
  await listener.close();
});

test("presence=1 with a pattern is 400, and so is any other value (N11.2)", async () => {
  await using halley = await start();
  const { url, engine } = halley;
  for (
    const query of [
      "?channel=a/*&presence=1",
      "?channel=a&channel=**&presence=1",
      "?channel=a&presence=yes",
      "?channel=a&presence=",
    ]
  ) {
    const { status, code } = await problemOf(await fetch(url + query));
    assertEquals([status, code], [400, "invalid_request"], query);
  }
  assertEquals([engine.connections.size, engine.channels], [0, []]);
});

test("a connection that lingers is still there, and leaves when it is dropped (N11.2)", async () => {
  const clock = manualClock();
  await using halley = await start({ clock, linger: 5_000 });
  const { url, engine } = halley;
  const { listener } = await subscribe(`${url}/a?presence=1`);
  const other = await subscribe(`${url}/a`);
  const { connection, key } = other.open;
  assertEquals(told(await listener.frame("join")), `join a ${connection}`);
  await other.listener.close();
  await until(() => !engine.connections.get(connection)!.transport);
  assertEquals((await present(url, "a")).a!.length, 2);
  const again = await listen(`${url}/a`, { "push-key": key });
  await again.frame("open");
  await again.close();
  await until(() => !engine.connections.get(connection)!.transport);
  clock.advance(7_000);
  // It has not joined a second time in between.
  const { frame } = (await listener.next())!;
  assertEquals(told(frame), `leave a ${connection}`);
  assertEquals((await present(url, "a")).a!.length, 1);
  await listener.close();
});

test("a client that leaves is told of at once (N9, N11.2)", async () => {
  await using halley = await start();
  const { url } = halley;
  const { listener } = await subscribe(`${url}/a?presence=1`);
  const { key, connection } = await poll(`${url}/a`);
  await fetch(`${url}/$leave?key=${key}`, { method: "POST" });
  assertEquals(told(await listener.frame("leave")), `leave a ${connection}`);
  assert(
    !(await present(url, "a")).a!.some((p) => p.connection === connection),
  );
  await listener.close();
});

test("a watcher that comes back after an absence is told to ask again (N11.3)", async () => {
  await using halley = await start({ linger: 0 });
  const { url, engine } = halley;
  const query = "/a?presence=1&transport=stream";
  const first = await subscribe(`${url}${query}`);
  const since = first.open.id;
  await first.listener.close();
  await until(() => !engine.connections.get(first.open.connection)?.transport);
  engine.sweep();
  await poll(`${url}/a`);
  const { listener } = await subscribe(`${url}${query}&since=${since}`);
  await engine.publish("a", "end");
  const { frame } = (await listener.next())!;
  assertEquals(frame, { type: "reset", channel: "$presence/a" });
  await listener.close();
});
