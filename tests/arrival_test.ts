/** A client connects or comes back: N6, O3, O10. */
import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { subscribe, unsubscribe } from "../src/arrival.ts";
import { createEngine } from "../src/engine.ts";
import type { EngineOptions } from "../src/options.ts";
import { PushError } from "../src/errors.ts";
import { idOfKey, newKey } from "../src/key.ts";
import { HandBackplane } from "./hand_backplane.ts";
import { manualClock, test, turn } from "./harness.ts";
import { Recorder } from "./recorder.ts";

/** An engine whose clock stands still, with what happened to its connections. */
function setup(options: EngineOptions = {}) {
  const engine = createEngine({
    clock: manualClock(),
    preload: 0,
    ...options,
  });
  const happened: string[] = [];
  for (const event of ["connect", "away", "return", "drop"] as const) {
    engine.on(event, () => void happened.push(event));
  }
  for (const event of ["subscribe", "unsubscribe"] as const) {
    engine.on(event, (_, name) => void happened.push(`${event} ${name}`));
  }
  return { engine, happened };
}

test("connect() gives a new connection a secret key and the id that is its hash", async () => {
  const { engine } = setup();
  const connection = await engine.connect({ channels: ["a"] });
  assertEquals(connection.id, idOfKey(connection.key));
  assertStrictEquals(engine.connections.get(connection.id), connection);
  const other = await engine.connect({ channels: ["a"] });
  assert(other.key !== connection.key);
});

test("connect() begins at the present if nothing else is asked for", async () => {
  const { engine } = setup();
  await engine.publish("a", 1);
  const recorder = new Recorder(await engine.connect({ channels: ["a"] }));
  await engine.publish("a", 2);
  recorder.flush();
  assertEquals(recorder.got, [2]);
});

test("connect() follows a channel that is named twice once", async () => {
  const { engine, happened } = setup();
  const connection = await engine.connect({ channels: ["a", "a", "b/*"] });
  assertEquals(connection.channels, ["a", "b/*"]);
  assertEquals(happened, ["subscribe a", "subscribe b/*", "connect"]);
});

test("connect() with the key gives the same connection, which comes back", async () => {
  const { engine, happened } = setup();
  const first = await engine.connect({ channels: ["a"] });
  const sink = new Recorder(first);
  first.unpark(sink);
  happened.length = 0;
  await engine.publish("a", 1);
  const again = await engine.connect({ channels: ["a"], key: first.key });
  assertStrictEquals(again, first);
  assertEquals(happened, ["return"]);
  assertEquals(new Recorder(again).got, [1]);
});

test("connect() with the key of a parked connection closes its response as replaced", async () => {
  const { engine, happened } = setup();
  const first = await engine.connect({ channels: ["a"] });
  const sink = new Recorder(first);
  happened.length = 0;
  const again = await engine.connect({ channels: [], key: first.key });
  assertStrictEquals(again, first);
  assertEquals(sink.closed, ["replaced", undefined]);
  assertEquals(happened, [], "it was never away");
});

test("connect() with the key and no channels leaves them as they are", async () => {
  const { engine } = setup();
  const { key } = await engine.connect({ channels: ["a", "b"] });
  const again = await engine.connect({ channels: [], key });
  assertEquals(again.channels, ["a", "b"]);
});

test("connect() with the key and other channels follows those instead", async () => {
  const { engine, happened } = setup();
  const { key } = await engine.connect({ channels: ["a", "b"] });
  happened.length = 0;
  const again = await engine.connect({ channels: ["b", "c"], key });
  assertEquals(again.channels, ["b", "c"]);
  assertEquals(happened.slice(0, 2), ["subscribe c", "unsubscribe a"]);
  await engine.publish("a", 1);
  await engine.publish("c", 2);
  assertEquals(new Recorder(again).got, [2]);
});

test("connect() with a key that is nobody's here makes a connection of that id", async () => {
  const { engine } = setup();
  const key = newKey();
  const connection = await engine.connect({ channels: ["a"], key });
  assertEquals([connection.key, connection.id], [key, idOfKey(key)]);
});

test("connect() goes on after since (N6)", async () => {
  const { engine } = setup();
  const since = await engine.publish("a", 1);
  await engine.publish("b", 2);
  await engine.publish("a", 3);
  const connection = await engine.connect({ channels: ["a", "b"], since });
  assertEquals(connection.position, since, "its own cursor (O8)");
  assertEquals(new Recorder(connection).got, [2, 3]);
});

test("connect() with since of another order gets a reset, never a refusal (O3)", async () => {
  const { engine } = setup();
  await engine.publish("a", 1);
  for (const since of ["gone-7", "what is this?", `${engine.node.epoch}-9`]) {
    const connection = await engine.connect({ channels: ["a"], since });
    assertEquals(connection.position, undefined);
    assertEquals(new Recorder(connection).got, ["*"]);
  }
});

test("connect() with since=earliest gives all that is held, without reset (O10)", async () => {
  const { engine } = setup({ history: { frames: 2 } });
  for (const name of ["a", "a", "b", "a"]) await engine.publish(name, 0);
  await engine.sendToAll("all", 0);
  const since = "earliest";
  const connection = await engine.connect({ channels: ["a", "b"], since });
  assertEquals(new Recorder(connection).got, [2, 3, 4], "$all: the present");
});

test("since=earliest makes no reset of what has just grown too old (O10)", async () => {
  const { now, schedule } = manualClock();
  let passed = 0;
  const clock = { now: () => now() + passed, schedule };
  const { engine } = setup({ clock, history: { age: 1_000 } });
  await engine.publish("a", 1);
  passed = 999;
  await engine.publish("a", 2);
  await turn();
  // No sweep comes by.
  passed = 1_500;
  const since = "earliest";
  const connection = await engine.connect({ channels: ["a"], since });
  const { got } = new Recorder(connection);
  assertEquals(got, [1, 2]);
});

test("a connection that began without any channel hears what goes to all from its first on", async () => {
  const { engine } = setup();
  const { key } = await engine.connect({ channels: [], bare: true });
  await engine.sendToAll("all", 1);
  const known = await engine.connect({ channels: ["a"], key });
  await engine.sendToAll("all", 2);
  assertEquals(new Recorder(known).got, [2]);
});

test("since=earliest of a known connection loses nothing that was sent to it meanwhile", async () => {
  const { engine } = setup();
  const { id, key } = await engine.connect({ channels: ["a"] });
  await engine.publish("a", 1);
  await engine.sendTo(id, "private", 2);
  await engine.sendToAll("all", 3);
  const since = "earliest";
  const again = await engine.connect({ channels: ["a"], key, since });
  assertEquals(new Recorder(again).got, [1, 2, 3]);
});

test("since=earliest reads what the backplane holds", async () => {
  const backplane = new HandBackplane();
  for (const log of ["a", "b", "a"]) backplane.add(log);
  const { engine } = setup({ backplane });
  const connecting = engine.connect({ channels: ["a"], since: "earliest" });
  await backplane.answerAll();
  const recorder = new Recorder(await connecting);
  await backplane.answerAll();
  assertEquals(recorder.got, [1, 3]);
});

test("a connection that comes back to another node gets its private messages too", async () => {
  const backplane = new HandBackplane();
  const key = newKey();
  const log = `$${idOfKey(key)}`;
  for (const name of ["a", log, "a"]) backplane.add(name);
  const { engine } = setup({ backplane });
  const options = { channels: ["a"], key, since: "e1-1" };
  const recorder = new Recorder(await engine.connect(options));
  await backplane.answerAll();
  assertEquals(recorder.got, [2, 3]);
});

test("connect() twice at once with one key gives one connection", async () => {
  const { engine, happened } = setup();
  const options = { channels: ["a"], key: newKey() };
  const [one, two] = await Promise.all([
    engine.connect(options),
    engine.connect(options),
  ]);
  assertStrictEquals(one, two);
  assertEquals(happened.filter((event) => event === "connect").length, 1);
});

test("subscribe() adds channels from the present on, and what it has already changes nothing", async () => {
  const { engine, happened } = setup();
  const connection = await engine.connect({ channels: [], bare: true });
  await engine.publish("a", 1);
  subscribe(engine.node, connection, ["a", "b/*", "a"]);
  subscribe(engine.node, connection, ["a"]);
  assertEquals(connection.channels, ["a", "b/*"]);
  assertEquals(happened, ["connect", "subscribe a", "subscribe b/*"]);
  const recorder = new Recorder(connection);
  await engine.publish("a", 2);
  recorder.flush();
  assertEquals(recorder.got, [2]);
});

test("subscribe() refuses too many channels and wrong names, and changes nothing", async () => {
  const { engine, happened } = setup({ limits: { channels: 2 } });
  const connection = await engine.connect({ channels: ["a"] });
  for (const names of [["b", "c"], ["a/../b"], ["b", "$all"]]) {
    assertThrows(() => subscribe(engine.node, connection, names), PushError);
  }
  assertEquals(connection.channels, ["a"]);
  assertEquals(happened, ["subscribe a", "connect"]);
});

test("unsubscribe() takes away what is named and followed, but not what is its own", async () => {
  const { engine, happened } = setup();
  const connection = await engine.connect({ channels: ["a", "b"] });
  await engine.sendTo(connection.id, "x", 1);
  const own = [`$${connection.id}`, "$all"];
  unsubscribe(engine.node, connection, ["b", "c", ...own]);
  assertEquals(connection.channels, ["a"]);
  assertEquals(happened.at(-1), "unsubscribe b");
  const recorder = new Recorder(connection);
  await engine.sendToAll("x", 2);
  recorder.flush();
  assertEquals(recorder.got, [1, 2]);
});
