/** A connection on a response that stays open: N3, N4, O8, decision 6. */
import {
  assert,
  assertEquals,
  assertMatch,
  assertStrictEquals,
} from "@std/assert";
import { createEngine } from "../../src/engine.ts";
import { ndjson, sse } from "../../src/frame.ts";
import { newKey } from "../../src/key.ts";
import type { EngineOptions } from "../../src/options.ts";
import { poll } from "../../src/transport/poll.ts";
import { stream, streamHeaders } from "../../src/transport/stream.ts";
import { HandBackplane } from "../hand_backplane.ts";
import { manualClock, test, turn } from "../harness.ts";
import { Reading } from "./reading.ts";

function setup(options: EngineOptions = {}) {
  const clock = manualClock();
  const engine = createEngine({
    clock,
    heartbeat: 10_000,
    preload: 0,
    ...options,
  });
  const connect = (since?: string, key?: string) =>
    engine.connect({ channels: ["a"], since, key });
  /** A parked stream whose `open` has been read. */
  const open = async (since?: string, key?: string) => {
    const connection = await connect(since, key);
    const reading = new Reading(stream(engine, connection, ndjson));
    const [frame] = await reading.next();
    return { connection, reading, frame: frame! };
  };
  return { engine, clock, connect, open };
}

test("a stream has the headers of its format, and nothing may keep or change it", async () => {
  const { engine, connect } = setup();
  for (const format of [ndjson, sse]) {
    const response = stream(engine, await connect(), format);
    const headers = response.headers;
    assertEquals(headers.get("content-type"), format.type);
    assertEquals(headers.get("cache-control"), "no-store, no-transform");
    assertEquals(headers.get("x-accel-buffering"), "no");
    assertStrictEquals(streamHeaders(format), streamHeaders(format));
    await response.body!.cancel();
  }
});

test("open comes first and at once, with id, key and heartbeat (N4)", async () => {
  const { engine, open } = setup();
  const { connection, frame } = await open();
  assertEquals(frame, {
    type: "open",
    connection: connection.id,
    key: connection.key,
    heartbeat: 10_000,
    id: engine.node.id,
  });
  assertEquals(connection.transport, "stream");
});

test("open over SSE is a control event with id and retry (N4)", async () => {
  const { engine, connect } = setup();
  const connection = await connect();
  const reading = new Reading(stream(engine, connection, sse));
  const { id } = engine.node;
  assertMatch(
    await reading.text(),
    new RegExp(
      `^event: control\nid: ${id}\nretry: [12][0-9]{3}\ndata: {"type":"open".*}\n\n$`,
    ),
  );
  assertEquals(connection.transport, "sse");
});

test("open carries the client's own cursor after a resume (O8)", async () => {
  const { engine, open } = setup();
  const since = await engine.publish("a", 1);
  await engine.publish("a", 2);
  const { frame, reading } = await open(since);
  assertEquals(frame.id, since);
  assertEquals((await reading.next()).map(({ data }) => data), [2]);
});

test("open carries no id after a foreign epoch; the reset has the present (O8)", async () => {
  const { engine, open } = setup();
  const id = await engine.publish("a", 1);
  const { frame, reading } = await open("gone-1");
  assert(!("id" in frame));
  assertEquals(await reading.next(), [{ type: "reset", id }]);
});

test("open carries no id after since=earliest (O8)", async () => {
  const { engine, open } = setup();
  await engine.publish("a", 1);
  const { frame, reading } = await open("earliest");
  assert(!("id" in frame));
  assertEquals((await reading.next()).map(({ data }) => data), [1]);
});

test("open carries no id to a client ahead of its node, nor do heartbeats (O2, O3)", async () => {
  const backplane = new HandBackplane();
  const { engine, clock, open } = setup({ backplane });
  backplane.feeding = false;
  const since = await engine.publish("a", 1);
  const { frame, reading } = await open(since);
  assert(!("id" in frame));
  engine.sweep(clock.now() + 10_000);
  assertEquals(await reading.next(), [{ type: "heartbeat" }]);
  backplane.bring(0);
  engine.sweep(clock.now() + 20_000);
  assertEquals(await reading.next(), [{ type: "heartbeat", id: since }]);
});

test("a message is written after the turn, the same bytes to everyone", async () => {
  const { engine, open } = setup();
  const [one, two] = [await open(), await open()];
  const id = await engine.publish("a", { x: 1 });
  const [first, second] = await Promise.all([
    one.reading.bytes(),
    two.reading.bytes(),
  ]);
  assertStrictEquals(first, second);
  assertEquals(
    new TextDecoder().decode(first),
    `{"type":"message","channel":"a","id":"${id}","data":{"x":1}}\n`,
  );
});

test("a client that does not read lags, and gets all it has missed as one", async () => {
  const { engine, connect } = setup();
  const connection = await connect();
  const reading = new Reading(stream(engine, connection, ndjson));
  for (let i = 1; i <= 3; i++) {
    await engine.publish("a", i);
    await turn();
  }
  assertEquals(connection.sent, 0, "a sink without room is not written to");
  await reading.next();
  assertEquals((await reading.next()).map(({ data }) => data), [1, 2, 3]);
});

test("a reset is written before any message, and without id (O7)", async () => {
  const { engine, open } = setup({ history: { frames: 1 } });
  const since = await engine.publish("x", 0);
  for (let i = 1; i <= 3; i++) await engine.publish("a", i);
  const { reading } = await open(since);
  assertEquals(await reading.next(), [{ type: "reset", channel: "a" }]);
  assertEquals((await reading.next()).map(({ data }) => data), [3]);
});

test("a heartbeat is written only after silence, and names the present (O8)", async () => {
  const { engine, clock, open } = setup();
  const { reading } = await open();
  const start = clock.now();
  engine.sweep(start + 4_999);
  const id = await engine.publish("b", 0);
  engine.sweep(start + 10_000);
  assertEquals(await reading.next(), [{ type: "heartbeat", id }]);
  engine.sweep(start + 14_999);
  await engine.publish("a", 1);
  assertEquals((await reading.next()).map(({ type }) => type), ["message"]);
});

test("a heartbeat comes in time for what was promised in open (N4)", async () => {
  for (const heartbeat of [100, 1_500]) {
    const { clock, open } = setup({ heartbeat });
    const opened = [];
    for (let i = 0; i < 10; i++) opened.push(await open());
    const beats = opened.map(({ reading }) => reading.next());
    clock.advance(heartbeat);
    const late = "late" as const;
    for (const beat of beats) {
      const seen = await Promise.race([beat, turn().then(() => late)]);
      assert(seen !== late, `nothing within ${heartbeat} ms`);
    }
  }
});

test("a client that goes leaves its connection away, at what it was sent", async () => {
  const { engine, open } = setup();
  const away: string[] = [];
  engine.on("away", ({ id }) => void away.push(id));
  const { connection, reading } = await open();
  await engine.publish("a", 1);
  await reading.next();
  await reading.cancel();
  assertEquals([connection.sink, away], [undefined, [connection.id]]);
  assertEquals([connection.sent, connection.cursor], [1, 1]);
});

/** A stream that nobody reads, and that was closed as slow. */
async function slow() {
  const { engine, clock, connect } = setup({ writeTimeout: 3_000 });
  const connection = await connect();
  const reading = new Reading(stream(engine, connection, ndjson));
  const start = clock.now();
  engine.sweep(start + 2_999);
  assertEquals([connection.slow, engine.node.stalled], [false, 0]);
  engine.sweep(start + 3_000);
  assertEquals([connection.sink, connection.slow], [undefined, true]);
  return { engine, clock, connection, reading };
}

test("a stream without room for writeTimeout is counted as stalled until it is read", async () => {
  const { engine, reading } = await slow();
  assertEquals(engine.node.stalled, 1);
  assertEquals((await reading.next())[0]?.type, "open");
  const close = { type: "close", code: "slow", retry: true };
  assertEquals(await reading.next(), [close]);
  assertEquals(await reading.next(), []);
  assertEquals(engine.node.stalled, 0);
});

test("a stalled stream is counted until it is cancelled", async () => {
  const { engine, reading } = await slow();
  await reading.cancel();
  assertEquals(engine.node.stalled, 0);
});

test("a slow client that does not come back is dropped as slow", async () => {
  const { engine, clock } = await slow();
  const reasons: string[] = [];
  engine.on("drop", (_, reason) => void reasons.push(reason));
  engine.sweep(clock.now() + 100_000);
  assertEquals(reasons, ["slow"]);
});

test("a stalled stream that is read late changes nothing of a reclaimed connection", async () => {
  const { engine, connection, reading } = await slow();
  const { key } = connection;
  await engine.publish("a", 1);
  await engine.connect({ channels: [], key });
  await poll(engine, connection, { wait: 0 });
  const [sent, cursor] = [connection.sent, connection.cursor];
  assert(cursor < sent, "a poll proves nothing");
  await reading.next();
  await reading.next();
  assertEquals([connection.sent, connection.cursor], [sent, cursor]);
});

test("a stream whose connection is taken by another closes as replaced", async () => {
  const { engine, open } = setup();
  const first = await open();
  const second = await open(undefined, first.connection.key);
  const close = { type: "close", code: "replaced", retry: true };
  assertEquals(await first.reading.next(), [close]);
  assertEquals(await first.reading.next(), []);
  await engine.publish("a", 1);
  assertEquals((await second.reading.next()).length, 1);
});

test("a late cancel of a replaced stream changes nothing", async () => {
  const { engine, open } = setup();
  const away: string[] = [];
  engine.on("away", ({ id }) => void away.push(id));
  const { connection, reading } = await open();
  await open(undefined, connection.key);
  const { sink } = connection;
  await reading.cancel();
  assertStrictEquals(connection.sink, sink);
  assertEquals(away, []);
});

test("a late cancel of a replaced stream proves nothing of a poll's answer", async () => {
  const { engine, connect, open } = setup();
  const { connection, reading } = await open();
  await engine.publish("a", 1);
  await connect(undefined, connection.key);
  await poll(engine, connection, { wait: 0 });
  assertEquals([connection.sent, connection.cursor], [1, 0]);
  await reading.cancel();
  assertEquals([connection.sent, connection.cursor], [1, 0]);
});

test("a stream that is ended says why, and whether and when to come back (N4)", async () => {
  const { engine, open } = setup();
  const [kicked, left] = [await open(), await open(undefined, newKey())];
  engine.drop(kicked.connection.id, "kicked");
  const close = { type: "close", code: "kicked", retry: false };
  assertEquals(await kicked.reading.next(), [close]);
  assertEquals(await kicked.reading.next(), []);
  await engine.close();
  assertEquals(await left.reading.next(), [
    { type: "close", code: "shutdown", retry: true, after: 500 },
  ]);
  assertEquals(await left.reading.next(), []);
});

test("a stream ends in the last quarter of its maximum age, and its client comes back", async () => {
  const { engine, clock, open } = setup({ maxAge: 40_000, heartbeat: 60_000 });
  const ends: number[] = [];
  const began = clock.now();
  const streams = await Promise.all(Array.from({ length: 50 }, () => open()));
  const away = new Set<string>();
  engine.on("away", ({ id }) => {
    away.add(id);
    ends.push(clock.now() - began);
  });
  clock.advance(29_000);
  assertEquals(ends, []);
  clock.advance(12_000);
  assertEquals(away.size, 50);
  assert(Math.max(...ends) <= 41_000, `${Math.max(...ends)}`);
  assert(new Set(ends).size >= 5, "not all at once");
  for (const { connection, reading } of streams) {
    const { type, code, retry, after } = (await reading.next())[0]!;
    assertEquals([type, code, retry], ["close", "max_age", true]);
    assertEquals(after, undefined);
    assertEquals(await reading.next(), []);
    // Nothing of it is lost: it is away, and its key brings it back.
    const back = await open(undefined, connection.key);
    assertStrictEquals(back.connection, connection);
    await back.reading.cancel();
  }
});

test("without a maximum age a stream has none", async () => {
  const { engine, clock, open } = setup({ heartbeat: 600_000_000 });
  const { connection, reading } = await open();
  clock.advance(290_000_000);
  engine.sweep();
  assertEquals(connection.transport, "stream");
  await reading.cancel();
});

test("a message that is written by a sweep needs no heartbeat after it, though time goes on meanwhile", async () => {
  let time = 1_000_000;
  const clock = { ...manualClock(), now: () => time++ };
  const { engine, connect, open } = setup({ clock });
  // It reads nothing, and is given up by the sweep: that takes the time.
  const stalled = stream(engine, await connect(), ndjson);
  const { reading } = await open();
  time += 40_000;
  const published = engine.publish("a", 1);
  engine.sweep();
  await published;
  const frames = await reading.next();
  assertEquals(frames.map(({ type }) => type), ["message"]);
  await engine.publish("a", 2);
  await turn();
  const [next] = await reading.next();
  assertEquals([next?.type, next?.data], ["message", 2]);
  await stalled.body!.cancel();
  await reading.cancel();
});
