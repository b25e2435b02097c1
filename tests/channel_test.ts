/** One channel as a program sees it. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import type { Channel } from "../src/channel.ts";
import type { Connection } from "../src/connection.ts";
import { createEngine, type Engine } from "../src/engine.ts";
import { PushError } from "../src/errors.ts";
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

function setup(): {
  engine: Engine;
  connect: (...channels: string[]) => Promise<Connection>;
} {
  const engine = createEngine({ clock: manualClock() });
  return { engine, connect: (...channels) => engine.connect({ channels }) };
}

/** What a channel's listeners heard, in order. */
function ear(channel: Channel): string[] {
  const heard: string[] = [];
  channel.on("message", ({ channel, data }) => {
    heard.push(`${channel}=${data}`);
  });
  channel.on("subscribe", ({ id }) => void heard.push(`+${id}`));
  channel.on("unsubscribe", ({ id }) => void heard.push(`-${id}`));
  return heard;
}

test("a channel's listeners hear of it, and of no other", async () => {
  const { engine, connect } = setup();
  const heard = ear(engine.channel("a"));
  const { id } = await connect("a");
  await connect("b", "a/b", "b/*");
  await engine.publish("a", 1);
  await engine.publish("b", 2);
  engine.drop(id);
  assertEquals(heard, [`+${id}`, "a=1", `-${id}`]);
});

test("a channel's listeners hear of those who follow it by a pattern", async () => {
  const { engine, connect } = setup();
  const heard = ear(engine.channel("a/b"));
  const { id } = await connect("a/*");
  const { id: all } = await connect("**");
  await connect("*", "a/b/*", "c/**");
  engine.drop(id);
  assertEquals(heard, [`+${id}`, `+${all}`, `-${id}`]);
});

test("a pattern's listeners hear of all that it covers", async () => {
  const { engine, connect } = setup();
  const heard = ear(engine.channel("a/*"));
  const one = await connect("a/b");
  const two = await connect("a/*");
  await connect("a", "a/b/c", "b/*");
  for (const name of ["a/b", "a/c", "a", "a/b/c"]) {
    await engine.publish(name, 1);
  }
  engine.drop(two.id);
  assertEquals(heard, [
    `+${one.id}`,
    `+${two.id}`,
    "a/b=1",
    "a/c=1",
    `-${two.id}`,
  ]);
});

test("a channel's listeners hear no message to one, to all, or about joining", async () => {
  const { engine } = setup();
  const heard = ear(engine.channel("a"));
  const { id } = await engine.connect({ channels: ["a"], watch: true });
  const other = await engine.connect({ channels: ["a"] });
  await engine.sendTo(id, "a", 1);
  await engine.sendToAll("a", 2);
  assertEquals(heard, [`+${id}`, `+${other.id}`]);
});

test("a channel's listeners hear once of somebody who follows it by several names", async () => {
  const { engine, connect } = setup();
  const heard = ear(engine.channel("a"));
  const { id, key } = await connect("a", "*", "**");
  await engine.connect({ key, channels: ["*"] });
  assertEquals(heard, [`+${id}`]);
  assertEquals(engine.channel("a").presence().length, 1);
  await engine.connect({ key, channels: ["b"] });
  assertEquals(heard, [`+${id}`, `-${id}`]);
});

test("on() returns what stops that listener; one that throws stops nobody", async () => {
  const { engine } = setup();
  const channel = engine.channel("a");
  const errors: unknown[] = [];
  engine.on("error", (error) => void errors.push(error));
  let count = 0;
  const off = channel.on("message", () => void count++);
  channel.on("message", () => {
    throw "failed";
  });
  const heard = ear(channel);
  await channel.publish(1);
  off();
  off();
  await channel.publish(2);
  assertEquals([count, errors, heard], [1, ["failed", "failed"], [
    "a=1",
    "a=2",
  ]]);
});

test("a channel says who follows it, with the subject that the policy knows", async () => {
  const { engine } = setup();
  const channel = engine.channel("a");
  assertEquals(channel.presence(), []);
  const identity = { subject: "ann", claims: { secret: 1 } };
  const ann = await engine.connect({ channels: ["a"], identity });
  const { id } = await engine.connect({ channels: ["*"] });
  assertEquals(channel.presence(), [
    { connection: ann.id, subject: "ann" },
    { connection: id },
  ]);
});

test("a pattern's handle listens, and does nothing that takes a channel", async () => {
  const { engine } = setup();
  const pattern = engine.channel("a/*");
  for (
    const act of [
      () => pattern.publish(1),
      () => pattern.history(),
      () => Promise.try(() => pattern.presence()),
    ]
  ) {
    const { code } = await assertRejects(act, PushError);
    assertEquals(code, "invalid_channel");
  }
  for (const name of ["", "$a", "a//b", "a*"]) {
    assertThrows(() => engine.channel(name), PushError);
  }
});
