/** Publishing while the backplane is out of reach: refused at once, or later. */
import { assertEquals, assertRejects } from "@std/assert";
import { PushError } from "../src/errors.ts";
import { Cluster } from "./hub.ts";
import { test } from "./harness.ts";

async function setup(publishTimeout: number) {
  const cluster = await Cluster.start(1, { publishTimeout });
  const [engine] = cluster.engines;
  const { hub } = cluster;
  /** What was published to `a`. */
  const published = () =>
    hub.frames.filter(({ log }) => log === "a").map(({ data }) => data);
  return { cluster, hub, engine: engine!, published };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, PushError)).code;
}

test("publish() fails at once while the backplane is away, unless it shall wait", async () => {
  const { hub, engine } = await setup(0);
  hub.away = true;
  assertEquals(await codeOf(engine.publish("a", 1)), "unavailable");
});

test("publish() waits for the backplane, and what waits stays in order", async () => {
  const { cluster, hub, engine, published } = await setup(5_000);
  hub.away = true;
  const waiting = [1, 2, 3].map((data) => engine.publish("a", data));
  await cluster.pass(2_000);
  waiting.push(engine.publish("a", 4));
  hub.away = false;
  await cluster.pass(500);
  assertEquals((await Promise.all(waiting)).length, 4);
  assertEquals(published(), ["1", "2", "3", "4"]);
});

test("publish() waits no longer than it shall", async () => {
  const { cluster, hub, engine, published } = await setup(3_000);
  hub.away = true;
  const waiting = codeOf(engine.publish("a", 1));
  await cluster.pass(3_500);
  hub.away = false;
  assertEquals(await waiting, "unavailable");
  await cluster.pass(1_000);
  assertEquals(published(), [], "and it is not published later");
});

test("publish() waits only as long as not too many do", async () => {
  const { cluster, hub, engine, published } = await setup(5_000);
  hub.away = true;
  const waiting = [...Array(10_000)].map((_, i) => engine.publish("a", i));
  // Nothing has to come or to go by: it is refused now.
  assertEquals(await codeOf(engine.publish("a", "more")), "unavailable");
  hub.away = false;
  await cluster.pass(500);
  await Promise.all(waiting);
  assertEquals(published().length, 10_000);
  await engine.publish("a", "next");
});

test("publish() that waits publishes once what nobody knows to be published", async () => {
  const { cluster, hub, engine, published } = await setup(5_000);
  hub.unsure = true;
  const waiting = [
    engine.publish("a", 1),
    engine.publish("a", 2, { key: "k" }),
  ];
  await cluster.pass(1_000);
  hub.unsure = false;
  await cluster.pass(500);
  await Promise.all(waiting);
  await engine.publish("a", 2, { key: "k" });
  assertEquals(published(), ["1", "2"]);
});

test("publish() gives up where the backplane never answers", async () => {
  const { cluster, hub, engine } = await setup(1_000);
  hub.dead.add(0);
  const waiting = codeOf(engine.publish("a", 1));
  await cluster.pass(1_500);
  assertEquals(await waiting, "unavailable");
});

test("publish() does not wait where what is published is at fault", async () => {
  const { engine } = await setup(5_000);
  assertEquals(await codeOf(engine.publish("$a", 1)), "invalid_channel");
});
