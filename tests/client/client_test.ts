/** The client against a real server: what it does on every transport. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createClient, type Message, PushError } from "../../client.ts";
import { test } from "../harness.ts";
import { once, record, until, World } from "./world.ts";

const transports = ["stream", "sse", "poll"] as const;

for (const transport of transports) {
  test(`a client on ${transport} gets every message once, in order`, async () => {
    await using world = await World.start();
    const client = world.client({ transport });
    const events = record(client);
    const a: unknown[] = [];
    const all: Message[] = [];
    client.subscribe("a", (data) => a.push(data));
    client.subscribe("**", (_, message) => all.push(message));
    await once(client, "open");
    assertEquals(client.state, "open");
    assertEquals(client.transport, transport);
    assert(world.engine.connections.has(client.id!));
    for (let n = 0; n < 50; n++) {
      await world.engine.publish(n % 2 ? "a" : "b/c", n);
    }
    await until(() => all.length === 50);
    assertEquals(all.map(({ data }) => data), [...Array(50).keys()]);
    assertEquals(all[0]!.channel, "b/c");
    assertEquals(a, all.filter((m) => m.channel === "a").map((m) => m.data));
    assertEquals(client.cursor, all[49]!.id);
    assertEquals(events.message.length, 50);
    assertEquals(events.open.map(({ id }) => id), [client.id]);
    assertEquals([events.error, events.reset, events.reconnect], [[], [], []]);
  });

  test(`a client on ${transport} gets what is sent to it alone, and to all`, async () => {
    await using world = await World.start();
    const client = world.client({ transport });
    const events = record(client);
    const a: unknown[] = [];
    client.subscribe("a", (data) => a.push(data));
    await once(client, "open");
    await world.engine.sendTo(client.id!, "a", "private");
    await world.engine.sendToAll("elsewhere", "all");
    await world.engine.publish("a", "public");
    await until(() => a.length === 2);
    assertEquals(a, ["private", "public"]);
    const data = events.message.map(({ channel, data }) => [channel, data]);
    assertEquals(data, [
      ["a", "private"],
      ["elsewhere", "all"],
      ["a", "public"],
    ]);
  });

  test(`close() of a client on ${transport} tells the server (N9)`, async () => {
    await using world = await World.start();
    const client = world.client({ transport });
    const events = record(client);
    client.subscribe("a", () => {});
    await once(client, "open");
    const { id } = client;
    const dropped = new Promise((resolve) =>
      world.engine.on("drop", ({ id }, reason) => resolve([id, reason]))
    );
    client.close("done");
    assertEquals(await dropped, [id, "left"]);
    assertEquals(client.state, "closed");
    assertEquals(client.transport, undefined);
    assertEquals(events.close.map(({ code, reason }) => [code, reason]), [
      ["closed", "done"],
    ]);
    assertEquals(events.reconnect, []);
  });
}

test("a client asks for nothing before somebody listens, and again when nobody does", async () => {
  await using world = await World.start();
  const client = world.client();
  assertEquals(client.state, "idle");
  await client.publish("a", 1);
  assertEquals(world.asked().length, 0);
  const off = client.subscribe("a", () => {});
  await once(client, "open");
  const away = new Promise((resolve) => world.engine.on("away", resolve));
  off();
  await away;
  assertEquals(client.state, "idle");
  const got = once(client, "message");
  client.subscribe("a", () => {});
  await once(client, "open");
  await client.publish("a", 2);
  assertEquals((await got).data, 2);
});

test("changes of one tick are one request, from the same place and with the same key", async () => {
  await using world = await World.start();
  const client = world.client({ transport: "stream" });
  const events = record(client);
  const got: unknown[] = [];
  const take = (data: unknown) => got.push(data);
  const off = client.subscribe("a", take);
  client.subscribe("b", take);
  client.subscribe("b", take);
  await once(client, "open");
  assertEquals(world.asked().length, 1);
  assertEquals(world.asked()[0]!.query.getAll("channel"), ["a", "b"]);
  const { id } = client;
  off();
  client.subscribe("c", take);
  client.subscribe("d", take)();
  const opened = once(client, "open");
  await world.engine.publish("c", "c");
  await opened;
  assertEquals(client.id, id);
  assertEquals(world.asked().length, 2);
  const { query, headers } = world.asked()[1]!;
  assertEquals(query.getAll("channel"), ["b", "c"]);
  assert(query.get("since"));
  assert(headers.get("push-key"));
  await until(() => got.length === 1);
  // What is listened to already needs no request.
  client.subscribe("b", take)();
  await world.engine.publish("b", "b");
  await until(() => got.length === 3);
  assertEquals(got, ["c", "b", "b"]);
  assertEquals(world.asked().length, 2);
  assertEquals([events.reset, events.reconnect], [[], []]);
});

test("a listener that is gone hears nothing more, not even within one chunk", async () => {
  await using world = await World.start();
  const client = world.client();
  const got: unknown[] = [];
  const off = client.subscribe("a", (data) => {
    got.push(data);
    off();
  });
  const seen: unknown[] = [];
  client.subscribe("a", (data) => seen.push(data));
  await once(client, "open");
  await Promise.all([1, 2, 3].map((n) => world.engine.publish("a", n)));
  await until(() => seen.length === 3);
  assertEquals(got, [1]);
});

test("what a listener throws or rejects with reaches on('error'), never the loop", async () => {
  await using world = await World.start();
  const client = world.client();
  const events = record(client);
  const got: unknown[] = [];
  client.subscribe("a", () => {
    throw new Error("thrown");
  });
  client.subscribe("a", () => Promise.reject(new Error("rejected")));
  client.subscribe("a", (data) => got.push(data));
  client.on("message", () => {
    throw new Error("in on()");
  });
  await once(client, "open");
  await client.publish("a", 1);
  await client.publish("a", 2);
  await until(() => events.error.length === 6);
  assertEquals(got, [1, 2]);
  assertEquals(client.state, "open");
  const errors = new Set(events.error.map((error) => (error as Error).message));
  assertEquals([...errors].sort(), ["in on()", "rejected", "thrown"]);
});

test("what a listener throws goes to the console where nobody listens to errors", async () => {
  await using world = await World.start();
  const client = world.client();
  const { error } = console;
  try {
    const logged = new Promise<unknown>((resolve) => console.error = resolve);
    client.subscribe("a", () => {
      throw new Error("thrown");
    });
    await once(client, "open");
    await client.publish("a", 1);
    assertEquals((await logged as Error).message, "thrown");
    // An error of an error listener goes there too, and only once.
    const again = new Promise<unknown>((resolve) => console.error = resolve);
    client.on("error", () => {
      throw new Error("in on('error')");
    });
    await client.publish("a", 2);
    assertEquals((await again as Error).message, "in on('error')");
  } finally {
    console.error = error;
  }
});

test("messages() yields every message from the call on, until the client is closed", async () => {
  await using world = await World.start();
  const client = world.client();
  const messages = client.messages("a");
  await once(client, "open");
  for (const n of [1, 2, 3]) await client.publish("a", n);
  const got: unknown[] = [];
  for await (const { data, channel, id } of messages) {
    got.push(data);
    assertEquals(channel, "a");
    if (got.length < 3) continue;
    assertEquals(id, client.cursor);
    client.close();
  }
  assertEquals(got, [1, 2, 3]);
});

test("messages() stops listening with break, and with return() before it began", async () => {
  await using world = await World.start();
  const client = world.client();
  const unread = client.messages("b");
  const messages = client.messages("a");
  await once(client, "open");
  await client.publish("a", 1);
  for await (const _ of messages) break;
  assertEquals((await messages.next()).done, true);
  const waits = client.messages("c");
  const next = waits.next();
  await waits.return!();
  assertEquals((await next).done, true);
  await unread.return!();
  await until(() => client.state === "idle");
});

test("messages() ends with overflow when 1,024 messages wait, and loses none of those", async () => {
  await using world = await World.start();
  const client = world.client();
  const messages = client.messages("a");
  let last = 0;
  client.subscribe("a", (data) => last = data as number);
  await once(client, "open");
  for (let n = 1; n <= 1_030; n++) await world.engine.publish("a", n);
  await until(() => last === 1_030);
  let got = 0;
  const error = await assertRejects(async () => {
    for await (const { data } of messages) assertEquals(data, ++got);
  }, PushError);
  assertEquals(error.code, "overflow");
  assertEquals(got, 1_024);
});

test("after close() a client takes no listener, and publishes nothing", async () => {
  await using world = await World.start();
  const client = world.client();
  client.close("over");
  client.close("again");
  const error = assertThrows(() => client.subscribe("a", () => {}), PushError);
  assertEquals([error.code, error.message], ["closed", "over"]);
  const refused = await assertRejects(() => client.publish("a", 1), PushError);
  assertEquals(refused.code, "closed");
  assertEquals(world.seen.length, 0);
});

test("names and data are checked by the compiler", () => {
  interface Channels {
    chat: { text: string };
    [room: `room/${string}`]: number;
  }
  const client = createClient<Channels>("http://127.0.0.1:1/push");
  client.close();
  const _never = () => {
    client.subscribe("chat", ({ text }) => text.length);
    client.subscribe("room/*", (n) => n.toFixed());
    void client.publish("room/1", 1);
    // @ts-expect-error: there is no such channel
    client.subscribe("chats", () => {});
    // @ts-expect-error: that is not its data
    void client.publish("chat", { txt: "" });
    // @ts-expect-error: that is not its data
    client.subscribe("room/1", (text: string) => text);
    const untyped = createClient("/push");
    untyped.subscribe("anything", (data: unknown) => data);
  };
});
