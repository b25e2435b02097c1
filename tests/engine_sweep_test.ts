/** What an engine does in time, and how it ends: decision 9. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createEngine } from "../src/engine.ts";
import { PushError } from "../src/errors.ts";
import type { EngineOptions } from "../src/options.ts";
import { poll } from "../src/transport/poll.ts";
import { HandBackplane } from "./hand_backplane.ts";
import { manualClock, test, turn } from "./harness.ts";
import { Recorder } from "./recorder.ts";

function setup(options: EngineOptions = {}) {
  const clock = manualClock();
  const engine = createEngine({ clock, preload: 0, ...options });
  const dropped: string[] = [];
  engine.on("drop", (_, reason) => void dropped.push(reason));
  const listen = async (...channels: string[]) =>
    new Recorder(await engine.connect({ channels }));
  /** The same, and away at once. */
  const away = async (...channels: string[]) => {
    const recorder = await listen(...channels);
    recorder.connection.unpark(recorder);
    return recorder.connection;
  };
  return { engine, clock, dropped, listen, away };
}

test("drop() ends a connection and its response, and tells listeners once", async () => {
  const { engine, listen } = setup();
  const dropped: unknown[] = [];
  engine.on("drop", ({ id }, reason) => void dropped.push([id, reason]));
  const recorder = await listen("a");
  const { connection } = recorder;
  assert(engine.drop(connection.id, "kicked", 500));
  assertEquals(recorder.closed, ["kicked", 500]);
  assert(!engine.drop(connection.id), "it is not here any more");
  assertEquals(dropped, [[connection.id, "kicked"]]);
  assertEquals(engine.connections.size, 0);
});

test("drop() leaves a connection that a beforeDrop listener keeps", async () => {
  const { engine, listen } = setup();
  const off = engine.on("beforeDrop", (_, reason) => reason === "left");
  const { connection } = await listen("a");
  assert(!engine.drop(connection.id, "kicked"));
  assert(engine.connections.has(connection.id) && connection.sink);
  assert(engine.drop(connection.id, "left"));
  off();
});

test("sweep() drops a connection that is away for linger ms, as expired", async () => {
  const { engine, clock, dropped, away } = setup({ linger: 5_000 });
  await away("a");
  engine.sweep(clock.now() + 4_999);
  assertEquals(dropped, []);
  engine.sweep(clock.now() + 5_000);
  assertEquals([dropped, engine.connections.size], [["expired"], 0]);
});

test("sweep() drops no connection that is parked", async () => {
  const { engine, clock, dropped, listen } = setup({ linger: 5_000 });
  await listen("a");
  engine.sweep(clock.now() + 1_000_000);
  assertEquals(dropped, []);
});

test("sweep() keeps for another linger what a beforeDrop listener keeps", async () => {
  const { engine, clock, dropped, away } = setup({ linger: 5_000 });
  const off = engine.on("beforeDrop", () => false);
  await away("a");
  const now = clock.now();
  engine.sweep(now + 5_000);
  off();
  engine.sweep(now + 9_999);
  assertEquals(dropped, []);
  engine.sweep(now + 10_000);
  assertEquals(dropped, ["expired"]);
});

test("sweep() goes on when a beforeDrop listener throws, and tells of it", async () => {
  const { engine, clock, away } = setup({ linger: 5_000 });
  const errors: unknown[] = [];
  engine.on("error", (error) => void errors.push(error));
  const failure = new Error("no");
  engine.on("beforeDrop", ({ channels }) => {
    if (channels.includes("a")) throw failure;
  });
  await away("a");
  await away("b");
  engine.sweep(clock.now() + 5_000);
  const left = [...engine.connections.values()].map(({ channels }) => channels);
  assert(!left.some((channels) => channels.includes("b")), "`b` has expired");
  assertEquals(errors, [failure]);
});

test("sweep() drops messages that are too old, and channels without any", async () => {
  const { engine, clock } = setup({ history: { age: 1_000 } });
  await engine.publish("a", 0);
  engine.sweep(clock.now() + 1_000);
  assertEquals(engine.channels, ["a"]);
  engine.sweep(clock.now() + 1_001);
  assertEquals(engine.channels, []);
});

test("sweep() tries again what could not be read from the backplane", async () => {
  const backplane = new HandBackplane();
  backplane.add("a");
  const { engine } = setup({ backplane });
  engine.on("error", () => {});
  const options = { channels: ["a"], since: "e1-0" };
  const recorder = new Recorder(await engine.connect(options));
  await turn();
  for (const read of backplane.pending.splice(0)) read.fail();
  await turn();
  engine.sweep();
  await backplane.answerAll();
  assertEquals(recorder.got, [1]);
});

test("the engine's own timer sweeps once a second", async () => {
  const { clock, dropped, away } = setup({ linger: 3_000 });
  await away("a");
  clock.advance(2_999);
  assertEquals(dropped, []);
  clock.advance(1);
  assertEquals(dropped, ["expired"]);
});

test("the engine's own timer goes on after a sweep", async () => {
  const { clock, dropped, away } = setup({ linger: 1_000 });
  for (let i = 1; i <= 3; i++) {
    await away("a");
    clock.advance(2_000);
    assertEquals(dropped.length, i);
  }
});

test("wake() sweeps by the time it is given, earlier or later than the next sweep", async () => {
  const { engine, clock } = setup();
  for (const wait of [300, 1_500, 2_700]) {
    const connection = await engine.connect({ channels: ["a"] });
    let answered = false;
    const polling = poll(engine, connection, { wait }).then(() => {
      answered = true;
    });
    clock.advance(wait - 1);
    await turn();
    assert(!answered, `not before ${wait}`);
    clock.advance(1);
    await turn();
    assert(answered, `at ${wait}`);
    await polling;
  }
});

test("close() ends every connection, and spreads when clients come back", async () => {
  const { engine, dropped, listen } = setup();
  const recorders: Recorder[] = [];
  for (let i = 0; i < 10; i++) recorders.push(await listen("a"));
  engine.on("beforeDrop", () => false);
  await engine.close();
  assertEquals(engine.connections.size, 0);
  assertEquals(dropped, Array(10).fill("shutdown"));
  const delays = recorders.map(({ closed }) => closed?.[1]);
  assertEquals(delays.slice(0, 4), [500, 750, 1_000, 1_250]);
  assert(recorders.every(({ closed }) => closed?.[0] === "shutdown"));
});

test("close() refuses what comes after it, and leaves no timer", async () => {
  const { engine, clock } = setup();
  await engine.close();
  await engine.close();
  const late = [
    () => engine.publish("a", 0),
    () => engine.sendToAll("a", 0),
    () => engine.connect({ channels: ["a"] }),
    () => engine.history("a"),
  ];
  for (const action of late) {
    const error = await assertRejects(action, PushError);
    assertEquals([error.code, error.retryable], ["shutdown", true]);
  }
  let swept = false;
  engine.sweep = () => void (swept = true);
  engine.wake(clock.now());
  clock.advance(10_000);
  assert(!swept);
});

test("a response that fails at its sweep, or its end, is told of, and the others go on", async () => {
  const { engine, listen } = setup();
  const errors: unknown[] = [];
  engine.on("error", (error) => void errors.push(error));
  const [first, second] = [await listen("a"), await listen("a")];
  const failure = new Error("no");
  first.sweep = first.close = () => {
    throw failure;
  };
  let swept = false;
  second.sweep = () => void (swept = true);
  engine.sweep();
  assert(swept);
  await engine.close();
  assertEquals(second.closed?.[0], "shutdown");
  assertEquals(errors, [failure, failure]);
});

test("close({ over }) ends connections one after the other, and serves those who are left", async () => {
  const { engine, clock, listen } = setup();
  const recorders: Recorder[] = [];
  for (let i = 0; i < 8; i++) recorders.push(await listen("a"));
  let closed = false;
  engine.on("close", () => closed = true);
  const closing = engine.close({ over: 2_000 });
  const left = () => recorders.filter(({ closed }) => !closed).length;
  assertEquals([left(), closed], [7, false]);
  clock.advance(1_000);
  assertEquals(left(), 3);
  await engine.publish("a", 0);
  await turn();
  const got = recorders.map(({ got }) => got.length);
  assertEquals(got, [0, 0, 0, 0, 0, 1, 1, 1]);
  clock.advance(750);
  await closing;
  assertEquals([left(), closed], [0, true]);
});

test("close({ over }) refuses newcomers, and says when to come back", async () => {
  const { engine, clock, listen } = setup();
  await listen("a");
  await listen("a");
  const closing = engine.close({ over: 2_000 });
  const refusal = () =>
    assertRejects(() => engine.connect({ channels: ["a"] }), PushError);
  const first = await refusal();
  const second = await refusal();
  assertEquals([first.code, second.code], ["shutdown", "shutdown"]);
  assert(first.retryAfter! < second.retryAfter!);
  clock.advance(2_000);
  await closing;
});

/** A sink that counts how often it is swept. */
class Swept extends Recorder {
  count = 0;

  override sweep(): void {
    this.count++;
  }
}

test("the timer looks at 1,000 connections a turn, and misses nobody", async () => {
  const { engine, clock } = setup();
  const sinks: Swept[] = [];
  for (let i = 0; i < 2_100; i++) {
    sinks.push(new Swept(await engine.connect({ channels: ["a"] })));
  }
  const swept = () => sinks.reduce((sum, { count }) => sum + count, 0);
  clock.advance(1_000);
  assertEquals(swept(), 1_000, "others have their turn");
  await turn();
  assertEquals(swept(), 2_000);
  // It rings again before all were looked at: then all are once more.
  clock.advance(1_000);
  assertEquals(swept(), 2_000);
  await turn();
  assertEquals(swept(), 3_100);
  await turn();
  await turn();
  assert(sinks.every(({ count }) => count === 2));
  await engine.close();
});

test("close() during a close({ over }) ends it at once", async () => {
  const { engine, listen } = setup();
  for (let i = 0; i < 8; i++) await listen("a");
  const closing = engine.close({ over: 60_000 });
  await engine.close();
  assertEquals(engine.connections.size, 0);
  await closing;
});

test("close() waits a second for a backplane that hangs, and no longer", async () => {
  const backplane = new HandBackplane();
  backplane.close = () => new Promise<void>(() => {}) as never;
  const { engine, clock } = setup({ backplane });
  const closing = engine.close();
  await turn();
  clock.advance(1_000);
  await closing;
});

test("close() stops the feed and closes the backplane", async () => {
  const backplane = new HandBackplane();
  const { engine } = setup({ backplane });
  assert(backplane.listener);
  await engine.close();
  assertEquals(backplane.listener, undefined);
});
