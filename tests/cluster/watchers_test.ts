/** Those who wait until all nodes tell them of joins and leaves. */
import { assertEquals, assertRejects } from "@std/assert";
import { PushError } from "../../src/errors.ts";
import { Watchers } from "../../src/cluster/watchers.ts";
import { test } from "../harness.ts";

test("a watcher waits until all of its channels are told", async () => {
  const watchers = new Watchers();
  let done = false;
  const waiting = watchers.wait(["a", "b"], 0).then(() => done = true);
  assertEquals([...watchers.channels], ["a", "b"]);
  watchers.check((channel) => channel === "a");
  await Promise.resolve();
  assertEquals(done, false);
  watchers.check(() => true);
  await waiting;
  assertEquals(watchers.channels.size, 0);
});

test("a watcher is refused if that takes too long", async () => {
  const watchers = new Watchers();
  const { code } = await assertRejects(() => {
    const waiting = watchers.wait(["a"], 1_000);
    watchers.sweep(5_999);
    watchers.sweep(6_000);
    return waiting;
  }, PushError);
  assertEquals([code, watchers.channels.size], ["unavailable", 0]);
});
