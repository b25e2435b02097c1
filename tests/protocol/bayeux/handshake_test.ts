/** `/meta/handshake` (Bayeux 4.1). */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { PushError } from "../../../src/errors.ts";
import { test } from "../../harness.ts";
import { Peer, World } from "./peer.ts";

test("a handshake makes a session: an engine's connection, whose key is the clientId", async () => {
  await using world = new World();
  const peer = new Peer(world);
  const reply = await peer.handshake({ id: "a1" });
  assertEquals(reply, {
    channel: "/meta/handshake",
    id: "a1",
    successful: true,
    version: "1.0",
    minimumVersion: "1.0",
    supportedConnectionTypes: ["long-polling", "callback-polling"],
    clientId: reply.clientId,
    advice: { reconnect: "retry", interval: 0, timeout: 30_000 },
  });
  assertMatch(reply.clientId, /^[0-9A-Za-z]{24}$/);
  const [connection] = world.engine.connections.values();
  assertEquals(connection!.key, reply.clientId);
  assertEquals(connection!.channels, []);
});

test("the advice is what the options say", async () => {
  await using world = new World({ timeout: 20_000, interval: 50 });
  const { advice } = await new Peer(world).handshake();
  assertEquals(advice, { reconnect: "retry", interval: 50, timeout: 20_000 });
});

test("whatever comes with a handshake is ignored (4.1)", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  const held = peer.connect();
  const replies = await peer.send(
    peer.message("/a", { data: 1 }),
    {
      channel: "/meta/handshake",
      version: "1.0",
      supportedConnectionTypes: ["long-polling"],
    },
    peer.message("/meta/disconnect"),
  );
  assertEquals(replies.map(({ channel }) => channel), ["/meta/handshake"]);
  assert(replies[0].successful);
  await world.pass(30_000);
  assertEquals((await held).length, 1);
});

test("a handshake without a connection type in common fails, and ends there (4.1.2)", async () => {
  await using world = new World();
  for (
    const [types, args] of [
      [["websocket", "iframe"], "websocket,iframe"],
      [[], ""],
      ["long-polling", ""],
      [undefined, ""],
      [[{}, "a:b", "flash"], "flash"],
    ] as const
  ) {
    const reply = await new Peer(world).handshake({
      supportedConnectionTypes: types,
    });
    assertEquals(reply.successful, false);
    const text = "Offered are long-polling and callback-polling";
    assertEquals(reply.error, `301:${args}:${text}`);
    assertEquals(reply.advice.reconnect, "none");
    assertEquals(reply.clientId, undefined);
  }
  assertEquals(world.engine.connections.size, 0);
});

test("Faye's name for long-polling from another origin is offered to who knows it", async () => {
  await using world = new World();
  const types = ["cross-origin-long-polling"];
  const peer = new Peer(world);
  const reply = await peer.handshake({ supportedConnectionTypes: types });
  const offered = ["long-polling", "callback-polling", ...types];
  assertEquals(reply.supportedConnectionTypes, offered);
  const [connect] = await peer.connect({ connectionType: types[0] });
  assert(connect.successful);
});

test("a handshake names a version that we speak", async () => {
  await using world = new World();
  const shake = (fields: Record<string, unknown>) =>
    new Peer(world).handshake(fields);
  assert((await shake({ version: "1.0beta" })).successful);
  assert((await shake({ version: "1.0", minimumVersion: "0.9" })).successful);
  assert((await shake({ version: "2.0", minimumVersion: "1.0" })).successful);
  const newer = await shake({ version: "2.0", minimumVersion: "2.0" });
  assertEquals(newer.error, "300:2.0:This is Bayeux 1.0");
  const none = await shake({ version: undefined });
  assertMatch(none.error, /^400:version:/);
  assertEquals([newer.successful, none.successful], [false, false]);
});

test("who the policy does not know is denied with 403, and stops", async () => {
  const identify = (request: Request) => {
    const subject = request.headers.get("authorization");
    if (subject === null) throw new PushError("unauthorized");
    return { subject };
  };
  await using world = new World({}, { policy: { identify } });
  const reply = await new Peer(world).handshake();
  assertEquals(reply.successful, false);
  assertEquals(reply.error, "403::Handshake denied");
  assertEquals(reply.advice.reconnect, "none");
  assertEquals(world.errors, []);
});

test("beforeConnect can refuse a session (canHandshake)", async () => {
  await using world = new World();
  world.engine.on("beforeConnect", ({ channels }) => channels.length > 0);
  const reply = await new Peer(world).handshake();
  assertEquals(reply.error, "403::Handshake denied");
  assertEquals(reply.advice.reconnect, "none");
});

test("the ext of a handshake can say who a session is, and nothing more is asked of it", async () => {
  await using world = new World({
    identify: ({ token }) => {
      if (typeof token !== "string") throw new PushError("unauthorized");
      return { subject: token };
    },
  }, {
    policy: {
      identify: () => ({ subject: "nobody" }),
      allow: (_action, _name, identity) => identity?.subject === "ann",
    },
  });
  const ann = new Peer(world);
  assert((await ann.handshake({ ext: { token: "ann" } })).successful);
  assert((await ann.subscribe("/a")).successful);
  const eve = new Peer(world);
  assert((await eve.handshake({ ext: { token: "eve" } })).successful);
  assertMatch((await eve.subscribe("/a")).error, /^403:/);
  const denied = await new Peer(world).handshake();
  assertEquals(denied.error, "403::Handshake denied");
});

test("a server that is full has its clients handshake again later", async () => {
  await using world = new World({}, { limits: { connections: 1 } });
  await new Peer(world).handshake();
  const fields = { minimumVersion: "1.0" };
  const reply = await new Peer(world).handshake(fields);
  assertMatch(reply.error, /^503::/);
  assertEquals(reply.advice.reconnect, "handshake");
  assert(reply.advice.interval >= 1_000);
  // Faye's does so by itself, and for each such advice once more.
  const { advice } = await new Peer(world).handshake();
  assertEquals(advice.reconnect, "retry");
});

test("what connect listeners send comes with the first connect, or counted with the handshake", async () => {
  for (const handshakeMessages of [false, true]) {
    await using world = new World({ handshakeMessages });
    const { engine } = world;
    engine.on("connect", async ({ id }) => {
      await engine.sendTo(id, "service/hello", "a");
      await engine.sendTo(id, "chat", "b");
    });
    const peer = new Peer(world);
    const all = await peer.send({
      channel: "/meta/handshake",
      version: "1.0",
      supportedConnectionTypes: ["long-polling"],
    });
    peer.clientId = all[0].clientId;
    const events = [
      { channel: "/service/hello", data: "a" },
      { channel: "/chat", data: "b" },
    ];
    const [first, ...rest] = all;
    const connected = await peer.connect();
    if (handshakeMessages) {
      assertEquals(first["x-messages"], rest.length);
      assert(rest.length > 0);
      assertEquals([...rest, ...connected.slice(0, -1)], events);
    } else {
      assertEquals("x-messages" in first, false);
      assertEquals(rest, []);
      assertEquals(connected.slice(0, -1), events);
    }
  }
});
