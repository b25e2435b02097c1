/** PROTOCOL N12: connections whose identity ends, and those sent away for good. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createEngine } from "../src/engine.ts";
import { PushError } from "../src/errors.ts";
import { newKey } from "../src/key.ts";
import { manualClock, test } from "./harness.ts";
import { Recorder, seqs } from "./recorder.ts";
import type { Chunk } from "../src/frame.ts";

async function setup(expires: number) {
  const clock = manualClock();
  const engine = createEngine({ clock, linger: 5_000 });
  const identity = { subject: "ann", expires: clock.now() + expires };
  const connection = await engine.connect({ channels: ["a"], identity });
  return { clock, engine, identity, recorder: new Recorder(connection) };
}

test("sweep() ends a response with its identity, and not the connection", async () => {
  const { clock, engine, recorder } = await setup(60_000);
  const away: string[] = [];
  engine.on("away", ({ id }) => void away.push(id));
  const { connection } = recorder;
  clock.advance(59_000);
  assertEquals(recorder.closed, undefined);
  clock.advance(1_000);
  assertEquals(recorder.closed, ["token_expired", undefined]);
  assertEquals([connection.sink, away], [undefined, [connection.id]]);
  assert(engine.connections.has(connection.id));
  clock.advance(5_000);
  assertEquals(engine.connections.size, 0);
});

test("sweep() hands out what is there before it ends a response", async () => {
  const { clock, engine, recorder } = await setup(60_000);
  await engine.publish("a", 1);
  engine.sweep(clock.now() + 60_000);
  const [chunk] = recorder.written;
  assertEquals(seqs((chunk as Chunk).frames), [1]);
  assertEquals(recorder.closed?.[0], "token_expired");
});

test("who comes back with a new identity goes on until that ends", async () => {
  const { clock, engine, identity, recorder } = await setup(60_000);
  clock.advance(60_000);
  await engine.publish("a", 1);
  const { key } = recorder.connection;
  const again = { ...identity, expires: clock.now() + 60_000 };
  const connection = await engine.connect({
    channels: [],
    key,
    identity: again,
  });
  assertEquals(connection, recorder.connection);
  const next = new Recorder(connection);
  assertEquals(next.got, [1]);
  clock.advance(59_000);
  assertEquals(next.closed, undefined);
  clock.advance(1_000);
  assertEquals(next.closed?.[0], "token_expired");
});

test("an identity without an end lasts", async () => {
  const clock = manualClock();
  const engine = createEngine({ clock });
  const identity = { subject: "ann" };
  const recorder = new Recorder(
    await engine.connect({ channels: ["a"], identity }),
  );
  clock.advance(1_000_000_000);
  assertEquals(recorder.closed, undefined);
});

test("dropSubject() for good bars what the subject has, and a request to come back does not", async () => {
  const clock = manualClock();
  const engine = createEngine({ clock });
  const { barred } = engine.node;
  const ann = { subject: "ann", issued: clock.now() };
  await engine.connect({ channels: ["a"], identity: ann });
  assertEquals(engine.dropSubject("ann", "slow"), 1);
  assertEquals(barred.has(ann, 0), false);
  assertEquals(engine.dropSubject("ann"), 0);
  assertEquals(barred.has(ann, 0), true);
  clock.advance(86_400_000);
  assertEquals(barred.has(ann, 0), false);
});

test("drop() and dropSubject() refuse what no node could be told", async () => {
  const engine = createEngine({ clock: manualClock() });
  const { id } = await engine.connect({ channels: ["a"] });
  for (const after of [Infinity, NaN, -1]) {
    assertThrows(() => engine.drop(id, "slow", after), RangeError, "after is");
    assertThrows(() => engine.dropSubject("ann", "slow", after), RangeError);
  }
  const wrong = "bored" as "kicked";
  assertThrows(() => engine.drop(id, wrong), RangeError, "bored");
  const seven = 7 as unknown as string;
  assertThrows(() => engine.dropSubject(seven), TypeError, "string");
  assertEquals(engine.connections.size, 1);
});

test("drop() for good ends the ticket of a connection, unless a listener keeps it", async () => {
  const clock = manualClock();
  const engine = createEngine({ clock });
  const { barred } = engine.node;
  for (const reason of ["kicked", "left", "slow", "replaced"] as const) {
    const key = newKey();
    const identity = { subject: "ann", key };
    const { id } = await engine.connect({ channels: ["a"], key, identity });
    const off = engine.on("beforeDrop", () => false);
    if (reason === "kicked" || reason === "left") {
      engine.drop(id, reason);
      assertEquals(barred.has(identity, 0), false);
    }
    off();
    engine.drop(id, reason);
    const final = reason === "kicked" || reason === "left";
    assertEquals(barred.has(identity, 0), final, reason);
  }
});

test("connect() gives whoever has a ticket that connection and no other", async () => {
  const engine = createEngine({ clock: manualClock() });
  const identity = { subject: "ann", key: newKey() };
  for (const key of [undefined, newKey()]) {
    const connect = () => engine.connect({ channels: ["a"], key, identity });
    const error = await assertRejects(connect, PushError);
    assertEquals(error.code, "forbidden");
  }
  assertEquals(engine.connections.size, 0);
});
