/** Whether a node can serve. */
import { assertEquals } from "@std/assert";
import { createEngine } from "../../src/engine.ts";
import { HandBackplane } from "../hand_backplane.ts";
import { manualClock, test, turn } from "../harness.ts";

async function setup(options: { seq?: number } = {}) {
  const backplane = new HandBackplane(options);
  const clock = manualClock();
  const engine = createEngine({ backplane, clock });
  // It asks where the present is before it begins.
  await turn();
  return { backplane, clock, engine, health: engine.node.health };
}

test("a node is ready once it knows its order and the backplane answers", async () => {
  const { backplane, health } = await setup({ seq: 5 });
  assertEquals(await health.check(), "starting", "its past has not come");
  backplane.listener!.lost(5);
  assertEquals(await health.check(), "ready");
});

test("a node without its backplane is not ready, and is again when that is back", async () => {
  const { backplane, health } = await setup();
  backplane.unreachable = true;
  assertEquals([await health.check(), health.reachable], ["backplane", false]);
  backplane.unreachable = false;
  assertEquals([await health.check(), health.reachable], ["ready", true]);
});

test("a backplane that does not answer within a second is out of reach", async () => {
  const { backplane, clock, health } = await setup();
  backplane.top = () => new Promise(() => {});
  const asked = health.check();
  await turn();
  clock.advance(999);
  const same = health.check();
  clock.advance(1);
  assertEquals([await asked, await same], ["backplane", "backplane"]);
});

test("many who ask at a time share one question", async () => {
  const { backplane, health } = await setup();
  const { top } = backplane;
  let asked = 0;
  backplane.top = () => {
    asked++;
    return top.call(backplane);
  };
  await Promise.all([health.check(), health.check(), health.check()]);
  assertEquals(asked, 1);
  await health.check();
  assertEquals(asked, 2);
});

test("a node that goes away is not ready, whatever its backplane says", async () => {
  const { backplane, engine, health } = await setup();
  await engine.connect({ channels: ["a"] });
  void engine.close({ over: 10_000 });
  assertEquals(await health.check(), "draining");
  await engine.close();
  backplane.unreachable = true;
  assertEquals(await health.check(), "draining");
});

test("a node knows how many messages have not come to it yet", async () => {
  const { backplane, health } = await setup();
  backplane.feeding = false;
  for (const _ of [1, 2, 3]) backplane.add("a");
  await health.check();
  assertEquals(health.behind, 3);
});
