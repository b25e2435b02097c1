/** `/meta/connect` (Bayeux 4.2): when it is held, and when it is answered. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { test } from "../../harness.ts";
import { dataOf, Peer, type Reply, settle, World } from "./peer.ts";

/** Whether a promise is still open after all that can happen has happened. */
async function pending(promise: Promise<unknown>): Promise<boolean> {
  await settle();
  return await Promise.race([
    promise.then(() => false),
    settle().then(() => true),
  ]);
}

test("the first connect of a session is answered at once, asked for or not", async () => {
  await using world = new World();
  const peer = new Peer(world);
  await peer.handshake();
  const [reply] = await peer.connect();
  assertEquals(reply, { channel: "/meta/connect", id: "1", successful: true });
});

test("a later connect is held until its timeout, and says who asked", async () => {
  await using world = new World({ timeout: 20_000 });
  const peer = await Peer.connected(world);
  const held = peer.connect();
  await world.pass(19_900);
  assert(await pending(held));
  await world.pass(100);
  assertEquals(await held, [
    { channel: "/meta/connect", id: "2", successful: true },
  ]);
});

test("an event ends the wait: it comes first, the reply last", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/chat/*");
  const held = peer.connect();
  await settle();
  await world.engine.publish("chat/a", { text: "hi" });
  assertEquals(await held, [
    { channel: "/chat/a", data: { text: "hi" } },
    { channel: "/meta/connect", id: "3", successful: true },
  ]);
});

test("a turn's events come in one answer, in order", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/**");
  const held = peer.connect();
  await settle();
  for (let i = 0; i < 5; i++) await world.engine.publish(`c/${i}`, i);
  assertEquals(dataOf(await held), [0, 1, 2, 3, 4]);
});

test("the client's own timeout holds for that connect, and is no longer than ours", async () => {
  await using world = new World({ timeout: 20_000 });
  const peer = await Peer.connected(world);
  const brief = peer.connect({ advice: { timeout: 3_000 } });
  await settle();
  await world.pass(3_000);
  const advice = { reconnect: "retry", interval: 0, timeout: 20_000 };
  assertEquals((await brief)[0].advice, advice);
  const long = peer.connect({ advice: { timeout: 99_000 } });
  await settle();
  await world.pass(20_000);
  assert((await long)[0].successful);
  for (const timeout of ["soon", -1, null, {}]) {
    const held = peer.connect({ advice: { timeout } });
    assert(await pending(held));
    await world.pass(20_000);
    assert((await held)[0].successful);
  }
});

test("a connect that is not alone in its request is answered at once", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  const replies = await peer.send(
    peer.message("/a", { data: 1 }),
    peer.message("/meta/connect", { connectionType: "long-polling" }),
  );
  assertEquals(replies.map(({ channel, data }) => [channel, data]), [
    ["/a", undefined],
    ["/a", 1],
    ["/meta/connect", undefined],
  ]);
});

test("a second connect ends the first, with nothing in its hands", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  const first = peer.connect();
  await settle();
  const second = peer.connect();
  const [reply] = await first;
  assertEquals(reply.channel, "/meta/connect");
  assertEquals(reply.id, "3");
  // No advice: it would replace the one of the second.
  assertEquals(reply.advice, undefined);
  await settle();
  await world.engine.publish("a", 1);
  assertEquals(dataOf(await second), [1]);
});

test("a connect names its connection type", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  for (const connectionType of [undefined, 7, "websocket", "iframe"]) {
    const [reply] = await peer.connect({ connectionType });
    assertEquals(reply.successful, false);
    assertMatch(reply.error, /^301:/);
    assertEquals(reply.advice, undefined);
  }
});

test("who is not known is told to handshake, with HTTP 200 (402)", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  const known = peer.clientId;
  for (
    const [clientId, shown] of [
      ["xj3", "xj3"],
      [undefined, ""],
      [7, ""],
      ["a:b", ""],
      [known.slice(1) + "0", known.slice(1) + "0"],
    ]
  ) {
    const [reply] = await peer.connect({ clientId });
    assertEquals(reply, {
      channel: "/meta/connect",
      id: reply.id,
      successful: false,
      error: `402:${shown}:Unknown client`,
      advice: { reconnect: "handshake", interval: 0 },
    });
  }
});

test("a native connection is no session", async () => {
  await using world = new World();
  const native = await world.engine.connect({ channels: ["a"] });
  const peer = new Peer(world);
  peer.clientId = native.key;
  assertMatch((await peer.connect())[0].error, /^402:/);
});

test("somebody else with the clientId is as unknown as one without a session", async () => {
  const identify = (request: Request) => {
    const subject = request.headers.get("authorization");
    return subject === null ? undefined : { subject };
  };
  await using world = new World({}, {
    policy: { identify, allow: () => true },
  });
  const peer = new Peer(world);
  const shake = JSON.stringify({
    channel: "/meta/handshake",
    version: "1.0",
    supportedConnectionTypes: ["long-polling"],
  });
  const own = { authorization: "ann" };
  const [{ clientId }] = await (await peer.post(shake, own)).json();
  peer.clientId = clientId;
  const connect = () =>
    JSON.stringify(
      peer.message("/meta/connect", { connectionType: "long-polling" }),
    );
  for (const headers of [{}, { authorization: "eve" }]) {
    const [reply]: Reply[] = await (await peer.post(connect(), headers)).json();
    assertMatch(reply.error, /^402:/);
  }
  const [reply]: Reply[] = await (await peer.post(connect(), own)).json();
  assert(reply.successful);
});

test("a session that does not connect expires after interval and maxInterval", async () => {
  await using world = new World({ interval: 1_000, maxInterval: 5_000 });
  const dropped: string[] = [];
  world.engine.on("drop", (_, reason) => dropped.push(reason));
  const peer = await Peer.connected(world);
  await world.pass(5_000);
  assertEquals(dropped, []);
  // Whatever it sends pushes the end back.
  await peer.publish("/a", 1);
  await world.pass(5_000);
  assertEquals(dropped, []);
  await world.pass(2_000);
  assertEquals(dropped, ["expired"]);
  const [reply] = await peer.connect();
  assertMatch(reply.error, /^402:/);
  assertEquals(reply.advice, { reconnect: "handshake", interval: 0 });
});

test("a session that keeps polling lives", async () => {
  await using world = new World({ timeout: 4_000, maxInterval: 5_000 });
  const peer = await Peer.connected(world);
  for (let i = 0; i < 5; i++) {
    const held = peer.connect();
    await settle();
    await world.pass(4_000);
    assert((await held)[0].successful);
  }
});

test("the interval that a client asks for keeps its session until then", async () => {
  await using world = new World({ maxInterval: 5_000 });
  const peer = await Peer.connected(world, "/a");
  await peer.connect({ advice: { timeout: 0, interval: 10_000 } });
  await world.pass(14_000);
  assertEquals(world.engine.connections.size, 1);
  assert((await peer.connect({ advice: { timeout: 0 } }))[0].successful);
  await world.pass(6_000);
  assertEquals(world.engine.connections.size, 0);
  // Nobody stays for ever.
  const other = await Peer.connected(world, "/a");
  await other.connect({ advice: { timeout: 0, interval: 1e15 } });
  await world.pass(606_000);
  assertEquals(world.engine.connections.size, 0);
});

test("a shutdown sends held clients to another handshake, later", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  const held = peer.connect();
  await settle();
  await world.engine.close();
  const [reply] = await held;
  assertMatch(reply.error, /^402:/);
  assertEquals(reply.advice.reconnect, "handshake");
  assert(reply.advice.interval >= 500);
});

test("who is dropped by the server stays away", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  const held = peer.connect();
  await settle();
  world.engine.drop([...world.engine.connections.keys()][0]!);
  const [reply] = await held;
  assertMatch(reply.error, /^403:/);
  assertEquals(reply.advice.reconnect, "none");
});

test("a server that ends silent responses is told how long this one may be silent", async () => {
  await using world = new World({ timeout: 45_000 });
  const peer = await Peer.connected(world);
  const asked: unknown[] = [];
  const env = {
    timeout: (request: Request, seconds: number) =>
      asked.push([request.method, seconds]),
  };
  const message = peer.message("/meta/connect", {
    connectionType: "long-polling",
  });
  const request = new Request("http://halley/", {
    method: "POST",
    body: JSON.stringify(message),
  });
  const held = Promise.resolve(world.app.fetch(request, env));
  await world.pass(45_000);
  assertEquals((await held).status, 200);
  assertEquals(asked, [["POST", 55]]);
});

test("a held session says how it is parked", async () => {
  await using world = new World();
  const peer = await Peer.connected(world);
  void peer.connect();
  await settle();
  const [connection] = world.engine.connections.values();
  assertEquals(connection!.transport, "long-polling");
});

test("each wait is told to listeners as away and return", async () => {
  await using world = new World();
  const seen: string[] = [];
  for (const event of ["away", "return"] as const) {
    world.engine.on(event, () => seen.push(event));
  }
  const peer = await Peer.connected(world);
  for (let i = 0; i < 2; i++) {
    const held = peer.connect();
    await settle();
    await world.pass(30_000);
    await held;
  }
  assertEquals(seen, ["return", "away", "return", "away"]);
});
