/** Lazy channels: messages that can wait for others. */
import { assert, assertEquals } from "@std/assert";
import { test } from "../../harness.ts";
import { dataOf, Peer, settle, World } from "./peer.ts";

const LAZY = { lazy: { channels: ["lazy/**", "tick"], timeout: 3_000 } };

test("a lazy message comes with the next that is not", async () => {
  await using world = new World(LAZY);
  const peer = await Peer.connected(world, "/**");
  let answered = false;
  const held = peer.connect().finally(() => answered = true);
  await settle();
  await world.engine.publish("lazy/a", 1);
  await world.engine.publish("tick", 2);
  await settle();
  assert(!answered);
  await world.engine.publish("news", 3);
  assertEquals(dataOf(await held), [1, 2, 3]);
});

test("a lazy message waits no longer than its timeout", async () => {
  await using world = new World(LAZY);
  const peer = await Peer.connected(world, "/**");
  const held = peer.connect();
  await settle();
  await world.engine.publish("tick", 1);
  await world.pass(2_900);
  await world.engine.publish("tick", 2);
  await world.pass(100);
  assertEquals(dataOf(await held), [1, 2]);
  // The wait begins anew with the next.
  let answered = false;
  const next = peer.connect().finally(() => answered = true);
  await settle();
  await world.engine.publish("tick", 3);
  await world.pass(2_000);
  assert(!answered);
  await world.pass(1_000);
  assertEquals(dataOf(await next), [3]);
});

test("lazy messages come with any answer that goes out", async () => {
  await using world = new World(LAZY);
  const peer = await Peer.connected(world, "/**");
  await world.engine.publish("tick", 1);
  const replies = await peer.publish("/lazy/b", 2);
  assertEquals(dataOf(replies), [1, 2]);
  await world.engine.publish("tick", 3);
  assertEquals(dataOf(await peer.connect({ advice: { timeout: 0 } })), [
    1,
    2,
    3,
  ]);
});

test("a log that is full does not wait, so nothing is lost", async () => {
  await using world = new World(LAZY, { history: { frames: 3 } });
  const peer = await Peer.connected(world, "/tick");
  const held = peer.connect();
  await settle();
  for (let i = 0; i < 5; i++) await world.engine.publish("tick", i);
  const first = dataOf(await held);
  assertEquals([...first, ...dataOf(await peer.poll())], [0, 1, 2, 3, 4]);
});
