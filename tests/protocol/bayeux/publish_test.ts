/** Publishing (Bayeux 5.1), and what others see of it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "../../harness.ts";
import { dataOf, Peer, settle, World } from "./peer.ts";

test("a publish is answered, and reaches subscribers without the publisher's ids", async () => {
  await using world = new World();
  const one = await Peer.connected(world);
  const two = await Peer.connected(world, "/chat/room");
  const held = two.connect();
  await settle();
  const [reply] = await one.publish("/chat/room", { text: "hi" });
  assertEquals(reply, {
    channel: "/chat/room",
    id: reply.id,
    successful: true,
  });
  assertEquals((await held)[0], {
    channel: "/chat/room",
    data: { text: "hi" },
  });
});

test("a native subscriber gets what a Bayeux client publishes, and the reverse", async () => {
  await using world = new World();
  const { engine } = world;
  const peer = await Peer.connected(world, "/chat/*");
  const seen: unknown[] = [];
  engine.on(
    "message",
    ({ channel, data, from }) => seen.push([channel, data, from]),
  );
  await peer.publish("/chat/a", [1]);
  const [connection] = engine.connections.values();
  assertEquals(seen, [["chat/a", "[1]", connection!.id]]);
  await peer.poll();
  await engine.publish("chat/b", "native");
  assertEquals(dataOf(await peer.connect()), ["native"]);
});

test("any JSON is data; null is data too, and nothing is not", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  for (const data of [null, 0, false, "", [[]], {}, { data: 1 }, "\u2028"]) {
    const [reply, event] = await peer.publish("/a", data);
    assert(reply.successful);
    assertEquals(event, { channel: "/a", data });
    await peer.poll();
  }
  const [reply] = await peer.publish("/a", undefined);
  assertEquals(reply.error, "400:data:A message has data");
});

test("ext goes with a message: the binary extension needs it", async () => {
  await using world = new World();
  const one = await Peer.connected(world);
  const two = await Peer.connected(world, "/a");
  const data = { meta: {}, data: "HelloWorld", last: true };
  const ext = { binary: {} };
  await one.publish("/a", data, { ext });
  await one.publish("/a", 2, { ext: {} });
  assertEquals((await two.connect()).slice(0, -1), [
    { channel: "/a", data, ext },
    { channel: "/a", data: 2 },
  ]);
  const [large] = await one.publish("/a", 3, { ext: { a: "x".repeat(5_000) } });
  assertMatch(large.error, /^413:ext:/);
});

test("an event has nothing but channel, data and ext, whatever was published with it", async () => {
  await using world = new World();
  const one = await Peer.connected(world);
  const two = await Peer.connected(world, "/a");
  await one.publish("/a", 1, {
    successful: true,
    advice: { reconnect: "none" },
    error: "x",
    timestamp: "now",
  });
  assertEquals((await two.connect())[0], { channel: "/a", data: 1 });
});

test("what cannot be published to is refused", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/**");
  for (
    const channel of [
      "a",
      "/",
      "/a/",
      "//",
      "/foo/*",
      "/**",
      "/foo/*/bar",
      "/$all",
      "/../a",
      "/a b:c",
      "/ä",
      "/service",
      `/${"x".repeat(300)}`,
    ]
  ) {
    const [reply] = await peer.publish(channel, 1);
    assertEquals(reply.successful, false, channel);
    assertMatch(reply.error, /^405::Channel invalid/, channel);
  }
  for (const channel of ["/foo.bar", "/foo bar/{1}", "/a+b/#c", "/A-z_!~()@"]) {
    const [reply, event] = await peer.publish(channel, channel);
    assert(reply.successful, channel);
    assertEquals(event, { channel, data: channel });
    await peer.poll();
  }
});

test("a message without a channel is answered with 400", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  for (const channel of [undefined, null, "", 7, {}, ["/a"]]) {
    const [reply] = await peer.send({ channel, id: "7", data: 1 });
    const shown = typeof channel === "string" ? { channel } : {};
    assertEquals(reply, {
      ...shown,
      id: "7",
      successful: false,
      error: "400::Channel missing",
    });
  }
});

test("the policy is asked about each publish (canPublish)", async () => {
  await using world = new World({}, {
    policy: { allow: (action, name) => action !== "publish" || name === "a" },
  });
  const peer = await Peer.connected(world);
  assert((await peer.publish("/a", 1))[0].successful);
  const [reply] = await peer.publish("/b", 1);
  assertEquals(reply.error, `403:${peer.clientId},/b:Publishing denied`);
  assertEquals(reply.advice, undefined);
});

test("nobody publishes until a policy allows it", async () => {
  await using world = new World({}, { policy: {} });
  const peer = await Peer.connected(world, "/a");
  const [reply] = await peer.publish("/a", 1);
  assertMatch(reply.error, /^403:/);
  assertEquals(world.engine.channels, ["a"]);
});

test("who has no session may publish what anybody may; an unknown one may not", async () => {
  await using world = new World();
  const peer = new Peer(world);
  const [reply] = await peer.publish("/a", 1);
  assertEquals(reply, { channel: "/a", id: "1", successful: true });
  const [unknown] = await peer.publish("/a", 1, { clientId: "nobody" });
  assertEquals(unknown.error, "402:nobody:Unknown client");
  assertEquals(unknown.advice, { reconnect: "handshake", interval: 0 });
  assertEquals((await world.engine.history("a")).frames.length, 1);
});

test("a batch is published in its order, and answered in it", async () => {
  await using world = new World();
  const one = await Peer.connected(world);
  const two = await Peer.connected(world, "/**");
  const batch = Array.from(
    { length: 50 },
    (_, i) => one.message(`/c/${i % 3}`, { data: i }),
  );
  const replies = await one.send(...batch);
  assertEquals(replies.map(({ id }) => id), batch.map(({ id }) => id));
  assertEquals(dataOf(await two.connect()), batch.map(({ data }) => data));
});

test("a repeat within 30 s is published once, and answered as the first", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  const count = async () => (await world.engine.history("a")).frames.length;
  const message = peer.message("/a", { data: { n: 1 } });
  for (let i = 0; i < 3; i++) {
    assert((await peer.send(message))[0].successful);
  }
  assertEquals(await count(), 1);
  // Another id, another channel, other data, another client: another message.
  await peer.send({ ...message, id: "other" });
  await peer.send({ ...message, data: { n: 2 } });
  assertEquals(await count(), 3);
  const another = await Peer.connected(world);
  await another.send({ ...message, clientId: another.clientId });
  assertEquals(await count(), 4);
  await peer.connect({ advice: { timeout: 0 } });
  await peer.send(message);
  assertEquals(await count(), 5);
  await world.pass(8_000);
  await peer.send(message);
  assertEquals(await count(), 5);
  for (let i = 0; i < 3; i++) {
    await peer.connect({ advice: { timeout: 0 } });
    await world.pass(8_000);
  }
  await peer.send(message);
  assertEquals(await count(), 6);
});

test("of a client that publishes much the newest are remembered", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  const batch = Array.from(
    { length: 600 },
    (_, i) => peer.message("/a", { data: i }),
  );
  await peer.send(...batch);
  await peer.send(batch[599], batch[500], batch[0]);
  const { frames } = await world.engine.history("a");
  assertEquals(frames.length, 601);
  assertEquals(frames.at(-1)!.data, "0");
});

test("a publish that failed is no repeat: it may do better", async () => {
  let allowed = false;
  const policy = { allow: () => true };
  await using world = new World({}, { policy });
  world.engine.channel("a", {
    schema: {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) =>
          allowed ? { value } : { issues: [{ message: "not yet" }] },
      },
    },
  });
  const peer = await Peer.connected(world);
  const message = peer.message("/a", { data: 1 });
  assertEquals((await peer.send(message))[0].successful, false);
  allowed = true;
  assert((await peer.send(message))[0].successful);
  assertEquals((await world.engine.history("a")).frames.length, 1);
});

test("two copies of a publish at the same time are one", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  const message = peer.message("/a", { data: 1 });
  const replies = await Promise.all([peer.send(message), peer.send(message)]);
  assertEquals(replies.flat().map((it) => it.successful), [true, true]);
  assertEquals((await world.engine.history("a")).frames.length, 1);
});

test("a message that is too large is refused by itself", async () => {
  await using world = new World({}, { limits: { message: 1_000 } });
  const peer = await Peer.connected(world);
  const replies = await peer.send(
    peer.message("/a", { data: "x".repeat(1_001) }),
    peer.message("/a", { data: "small" }),
  );
  assertMatch(replies[0].error, /^413::/);
  assert(replies[1].successful);
});

test("data that a channel's schema refuses is answered with why", async () => {
  await using world = new World();
  world.engine.channel("n", {
    schema: {
      "~standard": {
        version: 1,
        vendor: "test",
        validate: (value) =>
          typeof value === "number"
            ? { value }
            : { issues: [{ message: "a: number, please" }] },
      },
    },
  });
  const peer = await Peer.connected(world);
  const [reply] = await peer.publish("/n", "one");
  assertEquals(reply.error, "422::The data; a; number, please");
  assert((await peer.publish("/n", 1))[0].successful);
});
