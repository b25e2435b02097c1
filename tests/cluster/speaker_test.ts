/** What a node has to tell the others is bounded while nobody hears it. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Roster } from "../../src/cluster/roster.ts";
import { drop } from "../../src/drops.ts";
import type { Engine } from "../../src/engine.ts";
import { PushError } from "../../src/errors.ts";
import { test } from "../harness.ts";
import { Cluster } from "../hub.ts";
import { listen } from "./watching.ts";

/** How much a node has to tell the others. */
function untold({ node }: Engine): number {
  return (node.peers as Roster).untold;
}

/** Whom each node says to be there. */
function present(cluster: Cluster): string[][] {
  return cluster.engines.map((engine) =>
    engine.presence("a").map(({ connection }) => connection).sort()
  );
}

test("connections that come and go while the backplane is out of reach are not remembered", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const [stays, goes] = [await listen(one, ["a"]), await listen(one, ["a"])];
  await cluster.said();
  cluster.hub.away = true;
  for (let n = 0; n < 30_000; n++) {
    const { id } = await one.connect({ channels: ["a"] });
    drop(one.node, one.connections.get(id)!, "expired");
  }
  assert(untold(one) < 11_000, `${untold(one)} ids`);
  const comes = await listen(one, ["a"]);
  one.drop(goes.connection.id, "expired");
  cluster.hub.away = false;
  await cluster.pass(3_000);
  const here = [stays, comes].map(({ connection }) => connection.id).sort();
  assertEquals(present(cluster), [here, here]);
  assertEquals([untold(one), untold(two)], [0, 0]);
});

test("orders to drop are bounded while the backplane is out of reach: the newest are carried out", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const recorder = await listen(two, ["a"]);
  await cluster.said();
  cluster.hub.away = true;
  for (let n = 0; n < 15_000; n++) {
    const { id } = await one.connect({ channels: ["a"] });
    one.drop(id);
  }
  for (let n = 0; n < 15_000; n++) one.dropSubject("bob");
  one.dropSubject("eve");
  one.drop(recorder.connection.id);
  await cluster.pass(1_000);
  assert(untold(one) < 31_000, `${untold(one)} ids and orders`);
  await cluster.pass(10_000);
  cluster.hub.away = false;
  await cluster.pass(10_000);
  assertEquals(recorder.closed?.[0], "kicked");
  for (const subject of ["bob", "eve"]) {
    assert(two.node.barred.has({ subject, issued: 0 }, 0), subject);
  }
  assertEquals([untold(one), untold(two)], [0, 0]);
});

test("channels that are waited for in vain while the backplane is out of reach are not remembered", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  cluster.hub.away = true;
  // A message that cannot be told holds up all that comes after it.
  const { connection } = await listen(one, ["b"]);
  await cluster.said();
  const refused = Array.from({ length: 100 }, (_, n) =>
    assertRejects(
      () => one.connect({ channels: [`a${n}`], watch: true }),
      PushError,
    ));
  await cluster.pass(7_000);
  await Promise.all(refused);
  assertEquals(untold(one), 0);
  cluster.hub.away = false;
  await cluster.pass(3_000);
  const [there] = two.presence("b");
  assertEquals(there?.connection, connection.id);
});
