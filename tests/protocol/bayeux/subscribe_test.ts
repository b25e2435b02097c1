/** `/meta/subscribe` and `/meta/unsubscribe` (Bayeux 4.3 to 4.6). */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "../../harness.ts";
import { dataOf, Peer, settle, World } from "./peer.ts";

test("a subscription is answered as it was written, and follows native channels", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  for (
    const [subscription, channels] of [
      ["/chat/room", ["chat/room"]],
      [["/a", "/b/*"], ["chat/room", "a", "b/*"]],
      ["/**", ["chat/room", "a", "b/*", "**"]],
      ["/a", ["chat/room", "a", "b/*", "**"]],
    ] as const
  ) {
    const reply = await peer.subscribe(subscription);
    assertEquals(reply, {
      channel: "/meta/subscribe",
      id: reply.id,
      successful: true,
      subscription,
    });
    const [connection] = world.engine.connections.values();
    assertEquals(connection!.channels, [...channels]);
  }
});

test("a pattern matches one segment with *, one or more with **", async () => {
  await using world = new World();
  for (
    const [pattern, heard] of [
      ["/foo/*", ["foo/bar"]],
      ["/foo/**", ["foo/bar", "foo/bar/boo"]],
    ] as const
  ) {
    const peer = await Peer.connected(world, pattern);
    for (const name of ["foo", "foobar", "foo/bar", "foo/bar/boo", "x/bar"]) {
      await world.engine.publish(name, name);
    }
    assertEquals(dataOf(await peer.connect()), [...heard]);
  }
});

test("overlapping subscriptions bring one copy", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a/b", "/a/*", "/a/**", "/**");
  await world.engine.publish("a/b", 1);
  assertEquals(dataOf(await peer.connect()), [1]);
});

test("a subscription begins at the present, also for one that is behind or goes back", async () => {
  await using world = new World();
  const { engine } = world;
  const peer = await Peer.connected(world, "/a");
  await engine.publish("a", "a1");
  await engine.publish("b", "before");
  const [lost] = [dataOf(await peer.connect())];
  assertEquals(lost, ["a1"]);
  await peer.subscribe("/b");
  await engine.publish("b", "after");
  // Its reply with a1 was lost.
  const again = await peer.connect({ advice: { timeout: 0 } });
  assertEquals(dataOf(again), ["a1", "after"]);
});

test("after it unsubscribed nothing more comes, not even what was waiting", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a", "/b");
  await world.engine.publish("a", 1);
  await world.engine.publish("b", 2);
  const message = peer.message("/meta/unsubscribe", { subscription: "/a" });
  const [reply, ...events] = await peer.send(message);
  assertEquals(reply, {
    channel: "/meta/unsubscribe",
    id: reply.id,
    successful: true,
    subscription: "/a",
  });
  assertEquals(dataOf([...events, ...await peer.poll()]), [2]);
  await world.engine.publish("a", 3);
  await world.engine.publish("b", 4);
  assertEquals(dataOf(await peer.connect()), [4]);
});

test("what it does not follow can be unsubscribed from", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  for (const subscription of ["/b", ["/c", "/service/x"], "/$all", "/meta/x"]) {
    const message = peer.message("/meta/unsubscribe", { subscription });
    const [reply] = await peer.send(message);
    assert(reply.successful);
    assertEquals(reply.subscription, subscription);
  }
  await world.engine.publish("a", 1);
  assertEquals(dataOf(await peer.connect()), [1]);
});

test("a subscription that is missing or no name is refused", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  assertEquals(
    (await peer.subscribe(undefined)).error,
    "403::Subscription missing",
  );
  for (const subscription of [null, 7, {}, [], ["/a", 7], [["/a"]]]) {
    const reply = await peer.subscribe(subscription);
    assertEquals(reply.successful, false);
    assertEquals(reply.error, "403::Subscription invalid");
  }
});

test("a name outside the grammar is refused, and nothing of its list is followed", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  for (
    const name of [
      "",
      "/",
      "a",
      "//a",
      "/a/",
      "/a//b",
      "/foo/*/bar",
      "/**/a",
      "/a*",
      "/*a",
      "/***",
      "/a/..",
      "/$all",
      "/a%20b",
      "/a?b",
      '/"a"',
      "/a:b",
      "/a,b",
      "/a\n",
      "/ünï",
      "/service",
      `/${"a".repeat(300)}`,
    ]
  ) {
    const reply = await peer.subscribe(["/good", name]);
    assertEquals(reply.successful, false, name);
    assertMatch(reply.error, /^403:[^:]*:Subscription invalid/, name);
    assertEquals(reply.subscription, ["/good", name]);
  }
  const [connection] = world.engine.connections.values();
  assertEquals(connection!.channels, []);
});

test("meta channels cannot be subscribed to; services can, and it changes nothing", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  for (const name of ["/meta/connect", "/meta/*", "/meta/**", "/meta"]) {
    const reply = await peer.subscribe(name);
    assertEquals(reply.error, `403:${name}:Subscription denied`);
    // It goes on: an advice would stop it for good.
    assertEquals(reply.advice, undefined);
  }
  for (const name of ["/service/x", "/service/**"]) {
    assert((await peer.subscribe(name)).successful);
  }
  const [connection] = world.engine.connections.values();
  assertEquals(connection!.channels, []);
});

test("the policy is asked about each name and pattern (canSubscribe)", async () => {
  const asked: unknown[] = [];
  await using world = new World({}, {
    policy: {
      allow(action, name) {
        asked.push([action, name]);
        return !name.startsWith("secret");
      },
    },
  });
  const peer = await Peer.connected(world);
  const reply = await peer.subscribe(["/a", "/secret/*"]);
  assertEquals(
    reply.error,
    `403:${peer.clientId},/secret/*:Subscription denied`,
  );
  assertEquals(reply.advice, undefined);
  assertEquals(asked, [["subscribe", "a"], ["subscribe", "secret/*"]]);
  assert((await peer.subscribe("/a")).successful);
});

test("more channels than one client may have are refused before anybody is asked", async () => {
  let asked = 0;
  const allow = () => ++asked > 0;
  await using world = new World({}, {
    limits: { channels: 3 },
    policy: { allow },
  });
  const peer = await Peer.connected(world);
  const many = Array.from({ length: 1_000 }, (_, i) => `/${i}`);
  assertMatch((await peer.subscribe(many)).error, /^403::/);
  assertEquals(asked, 0);
  assert((await peer.subscribe(["/a", "/b"])).successful);
  assertMatch((await peer.subscribe(["/c", "/d"])).error, /^400::/);
  const [connection] = world.engine.connections.values();
  assertEquals(connection!.channels, ["a", "b"]);
});

test("a subscription tells listeners, once each", async () => {
  await using world = new World();
  const seen: unknown[] = [];
  for (const event of ["subscribe", "unsubscribe"] as const) {
    world.engine.on(event, (_, name) => seen.push([event, name]));
  }
  const peer = await Peer.connected(world, "/a", "/a", "/b");
  await peer.subscribe("/a");
  await peer.send(peer.message("/meta/unsubscribe", { subscription: "/b" }));
  assertEquals(seen, [
    ["subscribe", "a"],
    ["subscribe", "b"],
    ["unsubscribe", "b"],
  ]);
});

test("a session of which nothing is known cannot subscribe (402)", async () => {
  await using world = new World();
  const peer = new Peer(world);
  peer.clientId = "nobody";
  for (const channel of ["/meta/subscribe", "/meta/unsubscribe"]) {
    const message = peer.message(channel, { subscription: "/a" });
    const [reply] = await peer.send(message);
    assertEquals(reply.error, "402:nobody:Unknown client");
    assertEquals(reply.advice.reconnect, "handshake");
    assertEquals(reply.subscription, "/a");
  }
  await settle();
  assertEquals(world.engine.channels, []);
});
