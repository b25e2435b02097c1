/** What counts as received without the ack extension, and what rides on replies. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { HandBackplane } from "../../hand_backplane.ts";
import { test } from "../../harness.ts";
import { dataOf, Peer, settle, World } from "./peer.ts";

test("a connect with the same id as the last says that its reply was lost (Faye)", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  await world.engine.publish("a", 1);
  const message = peer.message("/meta/connect", {
    connectionType: "long-polling",
  });
  assertEquals(dataOf(await peer.send(message)), [1]);
  await world.engine.publish("a", 2);
  // The same, and no more: the first of the two may come to the server last, and
  // whichever reply the client has had, its next connect proves that one.
  assertEquals(dataOf(await peer.send(message)), [1]);
  assertEquals(dataOf(await peer.send(message)), [1]);
  assertEquals(dataOf(await peer.connect()), [2]);
  const held = peer.connect();
  await settle();
  await world.engine.publish("a", 3);
  assertEquals(dataOf(await held), [3]);
});

test("a connect with timeout 0 after another says that its reply was lost (CometD)", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  await world.engine.publish("a", 1);
  assertEquals(dataOf(await peer.connect()), [1]);
  await world.engine.publish("a", 2);
  const again = await peer.connect({ advice: { timeout: 0 } });
  assertEquals(dataOf(again), [1, 2]);
  await world.engine.publish("a", 3);
  assertEquals(dataOf(await peer.connect()), [3]);
});

test("timeout 0 beside other messages says nothing: Faye sends it so that they need not wait", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  await world.engine.publish("a", 1);
  assertEquals(dataOf(await peer.connect()), [1]);
  const connect = peer.message("/meta/connect", {
    connectionType: "long-polling",
    advice: { timeout: 0 },
  });
  const publish = peer.message("/b", { data: 2 });
  assertEquals(dataOf(await peer.send(connect, publish)), []);
  // What it repeats has the same id.
  await world.engine.publish("a", 3);
  const next = peer.message("/meta/connect", {
    connectionType: "long-polling",
  });
  assertEquals(dataOf(await peer.send(next)), [3]);
  assertEquals(dataOf(await peer.send(next, publish)), [3]);
});

test("the first connect has timeout 0 too, and proves what came before it", async () => {
  await using world = new World();
  const peer = new Peer(world);
  await peer.handshake();
  await peer.subscribe("/a");
  const [, event] = await peer.publish("/a", 1);
  assertEquals(event.data, 1);
  const first = await peer.connect({ advice: { timeout: 0 } });
  assertEquals(dataOf(first), []);
});

test("a connect that was aborted while it was held has taken nothing", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  const abort = new AbortController();
  const message = peer.message("/meta/connect", {
    connectionType: "long-polling",
  });
  const body = JSON.stringify([message]);
  const held = peer.post(body, {}, "/", abort.signal);
  await settle();
  abort.abort();
  assertEquals((await held).status, 408);
  await world.engine.publish("a", 1);
  assertEquals(dataOf(await peer.connect()), [1]);
});

test("events ride on any reply while no connect is held", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  await world.engine.publish("a", 1);
  const message = peer.message("/meta/subscribe", { subscription: "/b" });
  assertEquals(dataOf(await peer.send(message)), [1]);
  assertEquals(dataOf(await peer.poll()), []);
});

test("no events ride while a connect is held: it has them", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  const held = peer.connect();
  await settle();
  assertEquals(dataOf(await peer.publish("/a", 1)), []);
  assertEquals(dataOf(await held), [1]);
});

test("no events ride while a reply that carried some is unproved: they stay in order", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  await world.engine.publish("a", 1);
  assertEquals(dataOf(await peer.connect()), [1]);
  assertEquals(dataOf(await peer.publish("/a", 2)), []);
  assertEquals(dataOf(await peer.publish("/a", 3)), []);
  assertEquals(dataOf(await peer.connect()), [2, 3]);
});

test("what rode on a reply that was lost comes again with the repeated message (Faye)", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  const message = peer.message("/a", { data: 1 });
  assertEquals(dataOf(await peer.send(message)), [1]);
  assertEquals(dataOf(await peer.send(message)), [1]);
  const held = peer.connect();
  await settle();
  await world.engine.publish("a", 2);
  assertEquals(dataOf(await held), [2]);
});

test("a request about two sessions brings events of neither", async () => {
  await using world = new World();
  const one = await Peer.connected(world, "/a");
  const two = await Peer.connected(world, "/b");
  await world.engine.publish("a", 1);
  await world.engine.publish("b", 2);
  // As a gateway may send it, which has no cookies.
  one.cookie = undefined;
  const replies = await one.send(
    one.message("/c", { data: 0 }),
    two.message("/c", { data: 0 }),
  );
  assertEquals(replies.map((it) => it.successful), [true, true]);
});

test("what is published while nobody connects waits, in order, in the logs", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/**");
  for (let i = 0; i < 500; i++) await world.engine.publish(`c/${i % 7}`, i);
  assertEquals(
    dataOf(await peer.connect()),
    Array.from({ length: 500 }, (_, i) => i),
  );
});

test("more than one answer takes comes with the next", async () => {
  await using world = new World();
  const peer = await Peer.connected(world, "/a");
  const data = "x".repeat(20_000);
  for (let i = 0; i < 10; i++) await world.engine.publish("a", data);
  let count = 0;
  for (let answers = 0; count < 10; answers++) {
    const events = dataOf(await peer.connect());
    assert(events.length > 0 && events.length < 8 && answers < 10);
    count += events.length;
  }
});

test("where a log has lost what a client has not had, its session ends with 402", async () => {
  await using world = new World({}, { history: { frames: 4 } });
  const ended: string[] = [];
  world.engine.on("drop", (_, reason) => ended.push(reason));
  const peer = await Peer.connected(world, "/a");
  for (let i = 0; i < 10; i++) await world.engine.publish("a", i);
  const [reply, ...more] = await peer.connect();
  assertMatch(reply.error, /^402:/);
  assertEquals(reply.advice, { reconnect: "handshake", interval: 0 });
  assertEquals(more, []);
  assertEquals(ended, ["slow"]);
});

test("another order ends every session with 402, held or away", async () => {
  const backplane = new HandBackplane({ readable: false });
  await using world = new World({}, { backplane });
  const held = await Peer.connected(world, "/a");
  const away = await Peer.connected(world, "/a");
  const silent = await Peer.connected(world, "/a");
  const answer = held.connect();
  await settle();
  backplane.renew("another");
  for (const [reply, ...more] of [await answer, await away.connect()]) {
    assertMatch(reply.error, /^402:/);
    assertEquals(reply.advice, { reconnect: "handshake", interval: 0 });
    assertEquals(more, []);
  }
  // What it publishes is published; its next connect is told.
  const replies = await silent.publish("/b", 1);
  assertEquals(replies.map(({ successful }) => successful), [true]);
  assertMatch((await silent.connect())[0].error, /^402:/);
  assertEquals(world.engine.connections.size, 0);
});

test("what has to be read first comes when it has been read", async () => {
  const backplane = new HandBackplane();
  await using world = new World({}, { backplane, history: { age: 1_000 } });
  const peer = await Peer.connected(world, "/a");
  for (let i = 0; i < 6; i++) await world.engine.publish("a", i);
  await world.pass(3_000);
  // Nothing is there yet: it is answered in time, and asks again.
  const first = peer.connect({ advice: { timeout: 1_000 } });
  await world.pass(1_000);
  assertEquals(dataOf(await first), []);
  const second = peer.connect();
  await settle();
  await backplane.answerAll();
  assertEquals(dataOf(await second), [0, 1, 2, 3, 4, 5]);
});

test("a client with room loses nothing, however small the log", async () => {
  await using world = new World({}, { history: { frames: 2 } });
  const peer = await Peer.connected(world, "/a");
  const held = peer.connect();
  await settle();
  for (let i = 0; i < 3; i++) await world.engine.publish("a", i);
  const first = dataOf(await held);
  const rest = dataOf(await peer.poll());
  assertEquals([...first, ...rest], [0, 1, 2]);
});

test("a client that is further behind than it may be begins anew (maxQueue)", async () => {
  await using world = new World({ maxQueue: 5 });
  const peer = await Peer.connected(world, "/a", "/*", "/**");
  for (let i = 0; i < 5; i++) await world.engine.publish("a", i);
  assertEquals(dataOf(await peer.connect()).length, 5);
  for (let i = 0; i < 6; i++) await world.engine.publish("a", i);
  const [reply] = await peer.connect();
  assertMatch(reply.error, /^402:/);
  assertEquals(reply.advice.reconnect, "handshake");
  assertEquals(world.engine.connections.size, 0);
});
