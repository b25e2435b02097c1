/** Comet4J 2.4, 2.8 and rules 3, 5, 8, 11: long-polling. */
import { assert, assertEquals } from "@std/assert";
import { test, turn } from "../../harness.ts";
import { parked, read, site } from "./site.ts";

test("a message is one frame and the whole answer", async () => {
  const here = site();
  const tab = here.browser();
  const { cid } = await tab.connect();
  const held = tab.revive(cid);
  await parked(here, cid);
  await here.engine.publish("hello", { text: "1 < 2 & 3 > 2; 100 %\u2028" });
  const response = await held;
  assertEquals(response.status, 200);
  assertEquals(
    await response.text(),
    "<%7B%22channel%22%3A%22hello%22%2C%22data%22%3A%7B%22text%22%3A%22" +
      "1%20%3C%202%20%26%203%20%3E%202%3B%20100%20%25%5Cu2028%22%7D%2C" +
      "%22time%22%3A1000000%7D>",
  );
  assertEquals(here.engine.connections.get(cid)!.transport, undefined);
});

test("several waiting messages cost a poll each, in order, and none is lost", async () => {
  const here = site({ channels: ["a", "b"] });
  const { engine } = here;
  const tab = here.browser();
  const { cid } = await tab.connect();
  const had: unknown[] = [];
  for (let n = 0; n < 40; n++) {
    await engine.publish(n % 2 ? "a" : "b", n);
    if (n % 3 === 0) had.push((await tab.poll(cid)).data);
    if (n % 10 === 0) await engine.sendTo(cid, "c", `to ${n}`);
  }
  while (had.length < 44) had.push((await tab.poll(cid)).data);
  const numbers = had.filter((data) => typeof data === "number");
  assertEquals(numbers, Array.from({ length: 40 }, (_, n) => n));
  assertEquals(had.length - numbers.length, 4);
});

test("time rises strictly, fast as messages may come, so no two frames are alike", async () => {
  const { engine, browser } = site();
  const tab = browser();
  const { cid, data } = await tab.connect();
  let last = data.time ?? 0;
  for (let n = 0; n < 20; n++) await engine.publish("hello", "same");
  for (let n = 0; n < 20; n++) {
    const { time } = await tab.poll(cid);
    assert(time > last, `${time} after ${last}`);
    last = time;
  }
});

test("a silent poll ends with dying, before clients and proxies lose patience", async () => {
  for (const [timeout, hold] of [[60_000, 57_000], [5_000, 4_750]] as const) {
    const here = site({ timeout });
    const tab = here.browser();
    const { cid } = await tab.connect();
    const held = tab.poll(cid);
    await parked(here, cid);
    here.clock.advance(hold - 100);
    await parked(here, cid);
    here.clock.advance(200);
    const { channel, data, time } = await held;
    assertEquals([channel, data], ["c4j", "dying"]);
    assert(time >= 1_000_000 + hold - 1, `${time}`);
    assert(!here.engine.connections.get(cid)!.transport);
  }
});

test("a poll supersedes an older one, whose late abort changes nothing", async () => {
  const here = site();
  const tab = here.browser();
  const { cid } = await tab.connect();
  const abort = new AbortController();
  const old = tab.revive(cid, { signal: abort.signal });
  await parked(here, cid);
  const held = tab.poll(cid);
  const { status } = await old;
  assertEquals(status, 409);
  abort.abort();
  await turn();
  await parked(here, cid);
  await here.engine.publish("hello", 1);
  assertEquals((await held).data, 1);
});

test("a client that goes is away at once, and its message waits", async () => {
  const here = site();
  const tab = here.browser();
  const { cid } = await tab.connect();
  const away: string[] = [];
  here.engine.on("away", ({ id }) => away.push(id));
  const abort = new AbortController();
  const { signal } = abort;
  const held = tab.revive(cid, { signal }).catch(() => {});
  await parked(here, cid);
  abort.abort();
  await parked(here, cid, false);
  assertEquals(away, [cid]);
  await held;
  await here.engine.publish("hello", 1);
  assertEquals((await tab.poll(cid)).data, 1);
});

test("a poll that was aborted before it was asked takes nothing", async () => {
  const here = site();
  const tab = here.browser();
  const { cid } = await tab.connect();
  await here.engine.publish("hello", 1);
  const signal = AbortSignal.abort();
  await tab.revive(cid, { signal }).catch(() => {});
  await parked(here, cid, false);
  assertEquals((await tab.poll(cid)).data, 1);
});

test("a frame of several MB passes", async () => {
  const here = site({}, { limits: { message: 8_000_000 } });
  const tab = here.browser();
  const { cid } = await tab.connect();
  const text = "é".repeat(1_000_000);
  await here.engine.channel("hello", { history: { bytes: 1e8 } })
    .publish(text);
  assertEquals((await tab.poll(cid)).data, text);
});

test("a poll that waits when the server goes is told to come later", async () => {
  const here = site();
  const tab = here.browser();
  const { cid } = await tab.connect();
  const held = tab.revive(cid);
  await parked(here, cid);
  await here.engine.close();
  const { status, headers } = await held;
  assertEquals(status, 503);
  assert(Number(headers.get("retry-after")) >= 1);
});

test("a connection that is kicked has its poll refused", async () => {
  const here = site();
  const tab = here.browser();
  const { cid } = await tab.connect();
  const held = tab.revive(cid);
  await parked(here, cid);
  here.engine.drop(cid);
  assertEquals((await held).status, 403);
  assertEquals((await tab.revive(cid)).status, 404);
});

test("messages that waited longer than cacheExpires are told of by one frame", async () => {
  const here = site({ channels: ["a", "b"], cacheExpires: 2_000 });
  const tab = here.browser();
  const { cid } = await tab.connect();
  for (const n of [1, 2]) {
    await here.engine.publish("a", n);
    await here.engine.publish("b", n);
  }
  here.clock.advance(2_001);
  await here.engine.publish("a", 3);
  const told = await tab.poll(cid);
  assertEquals([told.channel, told.data], ["$reset", ["a", "b"]]);
  assertEquals((await tab.poll(cid)).data, 3);
});

test("messages that the log has dropped are told of by a frame", async () => {
  const here = site({ channels: ["a"] }, { history: { frames: 2 } });
  const tab = here.browser();
  const { cid } = await tab.connect();
  for (let n = 1; n <= 5; n++) {
    await here.engine.publish("a", n);
    await turn();
  }
  const told = await tab.poll(cid);
  assertEquals([told.channel, told.data], ["$reset", ["a"]]);
  // Once is enough, and the rest comes.
  assertEquals((await tab.poll(cid)).data, 4);
  assertEquals((await tab.poll(cid)).data, 5);
});

test("HEAD takes no message", async () => {
  const here = site();
  const tab = here.browser();
  const { cid } = await tab.connect();
  await here.engine.publish("hello", 1);
  const head = await tab.revive(cid, { method: "HEAD" });
  assertEquals([head.status, await head.text()], [200, ""]);
  const answer = await tab.revive(cid);
  assertEquals(read(await answer.text()).data, 1);
});
