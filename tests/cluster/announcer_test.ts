/** Joins and leaves of several nodes: each told once, in the order in which they were. */
import { assertEquals } from "@std/assert";
import type { Engine } from "../../src/engine.ts";
import { Cluster } from "../hub.ts";
import { test } from "../harness.ts";
import { listen, seen, watch } from "./watching.ts";

/** Three nodes, somebody who watches at the first, and a client of the second. */
async function setup() {
  const cluster = await Cluster.start(3);
  const [one, two, three] = cluster.engines as [Engine, Engine, Engine];
  const watcher = await watch(cluster, one, ["a"]);
  const { connection: { id, key } } = await listen(two, ["a"]);
  await cluster.said();
  const move = async () => {
    await listen(three, ["a"], { key });
    await cluster.said();
  };
  return { cluster, one, two, three, watcher, id, move };
}

test("a join is told after the leave before it, though that comes late from another node", async () => {
  const { cluster, two, watcher, id, move } = await setup();
  cluster.hub.late.add(1);
  two.drop(id);
  await cluster.said();
  await move();
  assertEquals(seen(watcher), [`+${id}`]);
  cluster.hub.late.clear();
  await cluster.pass(1_000);
  assertEquals(seen(watcher), [`+${id}`, `-${id}`, `+${id}`]);
});

test("what a node has not told when it dies is told by another, before what came after it", async () => {
  const { cluster, two, watcher, id, move } = await setup();
  cluster.hub.late.add(1);
  const { connection } = await listen(two, ["a"]);
  two.drop(id);
  await cluster.said();
  await move();
  cluster.kill(two);
  await cluster.pass(25_000);
  assertEquals(seen(watcher).filter((told) => told.endsWith(id)), [
    `+${id}`,
    `-${id}`,
    `+${id}`,
  ]);
  assertEquals(seen(watcher).filter((told) => told.endsWith(connection.id)), [
    `+${connection.id}`,
    `-${connection.id}`,
  ]);
});

test("a node that stood still tells nothing that others have told for it", async () => {
  const { cluster, two, watcher, id, move } = await setup();
  cluster.hub.late.add(1);
  two.drop(id);
  await cluster.said();
  cluster.freeze(two);
  await move();
  await cluster.pass(25_000);
  assertEquals(seen(watcher), [`+${id}`, `-${id}`, `+${id}`]);
  cluster.hub.late.clear();
  cluster.thaw(two);
  await cluster.pass(10_000);
  assertEquals(seen(watcher), [`+${id}`, `-${id}`, `+${id}`]);
});

test("a node that starts, and hears of all who are there, tells of none again", async () => {
  const { cluster, watcher, id } = await setup();
  cluster.add();
  await cluster.pass(40_000);
  assertEquals(seen(watcher), [`+${id}`]);
});

test("what was told last and is not true is put right", async () => {
  const { cluster, one, watcher, id } = await setup();
  // As by a node that has died, or lost a part of the order.
  await cluster.hub.backplane(2).publish({
    log: "$presence/a",
    channel: "a",
    data: JSON.stringify({ connection: id }),
    time: 0,
    meta: "leave",
  });
  await cluster.pass(35_000);
  assertEquals(seen(watcher), [`+${id}`, `-${id}`, `+${id}`]);
  assertEquals(one.presence("a").length, 2);
});

test("who joins while the order is lost is told of truly in the next one", async () => {
  const { cluster, two, watcher, id } = await setup();
  cluster.hub.late.add(1);
  two.drop(id);
  await cluster.said();
  cluster.hub.renew();
  cluster.hub.late.clear();
  await cluster.pass(10_000);
  const { connection } = await listen(two, ["a"]);
  await cluster.said();
  assertEquals(seen(watcher).at(-1), `+${connection.id}`);
  assertEquals(cluster.errors, []);
});
