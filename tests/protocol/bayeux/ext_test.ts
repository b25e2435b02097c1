/** timesync, timestamp and activity. */
import { assertEquals, assertMatch } from "@std/assert";
import { test } from "../../harness.ts";
import { Peer, settle, World } from "./peer.ts";

test("timesync tells our clock, the time we took, and how good the client's guess was", async () => {
  await using world = new World();
  const peer = new Peer(world);
  const now = world.clock.now();
  const reply = await peer.handshake({ ext: { timesync: { tc: now - 40 } } });
  assertEquals(reply.ext.timesync, { tc: now - 40, ts: now, p: 0 });
  await peer.connect();
  const timesync = { tc: now - 40, l: 15, o: 20 };
  const held = peer.connect({ ext: { timesync } });
  await world.pass(30_000);
  assertEquals((await held)[0].ext.timesync, {
    tc: now - 40,
    ts: now,
    p: 30_000,
    a: -5,
  });
});

test("timesync goes with ack, with refusals, and with nothing that is no number", async () => {
  await using world = new World();
  const peer = new Peer(world);
  const both = { ack: true, timesync: { tc: 1, l: 0, o: 0 } };
  const reply = await peer.handshake({ ext: both });
  assertEquals(Object.keys(reply.ext), ["ack", "timesync"]);
  const refused = await peer.send(
    peer.message("/meta/subscribe", { ext: { timesync: { tc: 7 } } }),
  );
  assertEquals(refused[0].ext.timesync.tc, 7);
  for (const timesync of [null, 1, [], {}, { tc: "1" }]) {
    const [reply] = await peer.connect({
      ext: { timesync },
      advice: { timeout: 0 },
    });
    assertEquals(reply.ext?.timesync, undefined);
  }
});

test("who sends a timestamp gets one", async () => {
  await using world = new World();
  const peer = new Peer(world);
  const timestamp = new Date(0).toUTCString();
  const reply = await peer.handshake({ timestamp });
  assertEquals(reply.timestamp, "Thu, 01 Jan 1970 00:16:40 GMT");
  const [event] = (await peer.publish("/a", 1, { timestamp })).slice(1);
  assertEquals(event, undefined);
});

test("a session that does nothing but connect is ended after its period", async () => {
  await using world = new World({
    timeout: 4_000,
    activity: { period: 10_000 },
  });
  const peer = await Peer.connected(world, "/a");
  await world.pass(8_000);
  await peer.publish("/b", 1);
  const first = peer.connect();
  await world.pass(4_000);
  assertEquals((await first)[0].successful, true);
  // What it is sent does not count.
  const second = peer.connect();
  await settle();
  await world.engine.publish("a", 1);
  assertEquals((await second).length, 2);
  const third = peer.connect();
  await world.pass(4_000);
  await third;
  const last = peer.connect();
  await world.pass(4_000);
  const [reply] = await last;
  assertMatch(reply.error, /^403:/);
  assertEquals(reply.advice.reconnect, "none");
  assertEquals(world.engine.connections.size, 0);
});

test("a session that a listener keeps goes on, and may be idle as long again", async () => {
  await using world = new World({
    timeout: 4_000,
    activity: { period: 10_000 },
  });
  let asked = 0;
  world.engine.on("beforeDrop", () => ++asked < 0);
  const peer = await Peer.connected(world);
  for (let i = 0; i < 4; i++) {
    const held = peer.connect();
    await world.pass(4_000);
    assertEquals((await held)[0].successful, true);
  }
  assertEquals(asked, 1);
});

test("what a session is sent counts as activity where that is wanted", async () => {
  await using world = new World({
    timeout: 4_000,
    activity: { period: 10_000, server: true },
  });
  const peer = await Peer.connected(world, "/a");
  for (let i = 0; i < 6; i++) {
    const held = peer.connect();
    await world.pass(3_000);
    await world.engine.publish("a", i);
    assertEquals((await held).length, 2);
  }
});
