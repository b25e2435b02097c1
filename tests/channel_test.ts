/** One channel as a program sees it. */
import { assertEquals } from "@std/assert";
import type { Channel } from "../src/channel.ts";
import { createEngine } from "../src/engine.ts";
import { manualClock, test } from "./harness.ts";
import { seqs } from "./recorder.ts";

function channels(): [Channel, Channel] {
  const engine = createEngine({ clock: manualClock() });
  return [engine.channel("a"), engine.channel("b")];
}

test("a channel publishes to its name, and reads only what it holds", async () => {
  const [a, b] = channels();
  assertEquals([a.name, b.name], ["a", "b"]);
  await a.publish(1);
  await b.publish(2);
  const id = await a.publish(3);
  const { frames, id: present, reset } = await a.history();
  assertEquals([seqs(frames), present, reset], [[1, 3], id, false]);
  assertEquals(frames.map(({ channel }) => channel), ["a", "a"]);
});

test("a channel takes the options of publish and history", async () => {
  const [a] = channels();
  const id = await a.publish(1, { key: "k" });
  assertEquals(await a.publish(1, { key: "k" }), id);
  await a.publish(2);
  assertEquals(seqs((await a.history({ since: id })).frames), [2]);
  assertEquals(seqs((await a.history({ limit: 1 })).frames), [2]);
});
