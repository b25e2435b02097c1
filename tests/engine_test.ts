/** The public face of a node: publish, send, history, listeners, sweep, close. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createEngine } from "../src/engine.ts";
import { PushError } from "../src/errors.ts";
import type { EngineOptions } from "../src/options.ts";
import { parseId } from "../src/position.ts";
import { HandBackplane } from "./hand_backplane.ts";
import { manualClock, test, turn } from "./harness.ts";
import { frameOf, Recorder, seqs } from "./recorder.ts";

function setup(options: EngineOptions = {}) {
  const clock = manualClock();
  const engine = createEngine({ clock, preload: 0, ...options });
  const listen = async (...channels: string[]) =>
    new Recorder(await engine.connect({ channels }));
  return { engine, clock, listen };
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, PushError)).code;
}

/** What was got, as data. */
function data(recorder: Recorder): unknown[] {
  return recorder.written.flatMap((piece) =>
    "frames" in piece ? piece.frames.map(({ data }) => JSON.parse(data)) : []
  );
}

test("ready() resolves when the past has been read; at once in memory", async () => {
  await setup().engine.ready();
  const backplane = new HandBackplane({ seq: 2 });
  backplane.feeding = false;
  const { engine } = setup({ backplane, preload: 1 });
  let is = false;
  const ready = engine.ready().then(() => is = true);
  await turn();
  assertEquals([is, await codeOf(engine.publish("a", 1))], [
    false,
    "unavailable",
  ]);
  backplane.listener!.frame(frameOf(2));
  await ready;
  await engine.publish("a", 1);
});

test("ready() rejects as shutdown where an engine is closed, also while it starts", async () => {
  const { engine } = setup();
  await engine.close();
  assertEquals(await codeOf(engine.ready()), "shutdown");
  const backplane = new HandBackplane({ seq: 2 });
  const { engine: starting } = setup({ backplane, preload: 1 });
  const ready = codeOf(starting.ready());
  await starting.close();
  assertEquals(await ready, "shutdown");
});

test("close() that was given a wrong time, or is called by a listener, closes all the same", async () => {
  const { engine } = setup();
  await assertRejects(() => engine.close({ over: NaN }), RangeError);
  let drains = 0;
  engine.on("drain", () => {
    drains++;
    void engine.close();
  });
  await engine.close();
  assertEquals([drains, engine.signal.aborted], [1, true]);
});

test("publish() resolves to the id that every subscriber sees, after the turn", async () => {
  const { engine, listen } = setup();
  const [one, two, other] = [
    await listen("a"),
    await listen("*"),
    await listen("b"),
  ];
  const id = await engine.publish("a", { text: "ü" });
  assertEquals(parseId(id), { epoch: engine.node.epoch, seq: 1 });
  assertEquals(one.got, [], "written once per turn (decision 5)");
  await turn();
  assertEquals(data(one), [{ text: "ü" }]);
  assertEquals([two.got, other.got], [[1], []]);
});

test("publish() gives every message the next seq, whatever its channel", async () => {
  const { engine } = setup();
  const ids: string[] = [];
  for (const name of ["a", "b", "a"]) ids.push(await engine.publish(name, 0));
  assertEquals(ids.map((id) => parseId(id)?.seq), [1, 2, 3]);
});

test("publish() gives each message a time above the former one's", async () => {
  const { engine, clock } = setup();
  const times: number[] = [];
  engine.on("message", ({ time }) => void times.push(time));
  await engine.publish("a", 0);
  await engine.publish("b", 0);
  clock.advance(10);
  await engine.publish("a", 0);
  assertEquals(times, [1_000_000, 1_000_000.001, 1_000_010]);
});

test("publish() refuses names and data that cannot be, and takes no place", async () => {
  const { engine } = setup({ limits: { message: 10 } });
  for (const name of ["", "$all", "a/*", "a//b"]) {
    assertEquals(await codeOf(engine.publish(name, 0)), "invalid_channel");
  }
  assertEquals(await codeOf(engine.publish("a", undefined)), "invalid_json");
  assertEquals(await codeOf(engine.publish("a", "123456789")), "too_large");
  assertEquals(parseId(await engine.publish("a", "12345678"))?.seq, 1);
});

test("publish() repeats the first id for a repeated key in the channel (O9)", async () => {
  const { engine, listen } = setup();
  const recorder = await listen("a", "b");
  const id = await engine.publish("a", 1, { key: "k" });
  assertEquals(await engine.publish("a", 1, { key: "k" }), id);
  const reused = engine.publish("a", 2, { key: "k" });
  assertEquals(await codeOf(reused), "key_reused");
  await engine.publish("b", 2, { key: "k" });
  await turn();
  assertEquals(data(recorder), [1, 2]);
});

test("publish() carries from and meta to the frame, not to the client", async () => {
  const { engine } = setup();
  const seen: unknown[] = [];
  engine.on("message", ({ from, meta }) => void seen.push([from, meta]));
  await engine.publish("a", 0, { from: "x", meta: '{"ext":1}' });
  await engine.publish("a", 0);
  assertEquals(seen, [["x", '{"ext":1}'], [undefined, undefined]]);
});

test("sendTo() reaches one connection, whatever it is subscribed to", async () => {
  const { engine, listen } = setup();
  const [one, two] = [await listen("a"), await listen("a", "news", "**")];
  const id = await engine.sendTo(one.connection.id, "news", "hello");
  await turn();
  assertEquals([data(one), data(two)], [["hello"], []]);
  assertEquals(parseId(id)?.seq, 1);
});

test("sendTo() in a connect listener arrives", async () => {
  const { engine, listen } = setup();
  engine.on("connect", ({ id }) => void engine.sendTo(id, "hi", "welcome"));
  const recorder = await listen("a");
  await turn();
  assertEquals(data(recorder), ["welcome"]);
});

test("sendTo() waits in the log of a connection that is away", async () => {
  const { engine, listen } = setup();
  const { connection } = await listen("a");
  connection.unpark(connection.sink!);
  await engine.sendTo(connection.id, "a", 1);
  await turn();
  assertEquals(data(new Recorder(connection)), [1]);
});

test("sendTo() refuses a connection that is nobody's", async () => {
  const { engine } = setup();
  assertEquals(await codeOf(engine.sendTo("x", "a", 0)), "not_found");
});

test("sendTo() several gives an id each, and undefined where one is gone", async () => {
  const { engine, listen } = setup();
  const [one, two] = [await listen("a"), await listen("a")];
  const to = [one.connection.id, "gone", two.connection.id];
  const [first, none, second] = await engine.sendTo(to, "a", 0);
  assertEquals([typeof first, none, typeof second], [
    "string",
    undefined,
    "string",
  ]);
  assertEquals(await codeOf(engine.sendTo(to, "$a", 0)), "invalid_channel");
});

test("sendTo() after another epoch arrives, without a reset of its log (O6)", async () => {
  const backplane = new HandBackplane({ readable: false, seq: 500 });
  const { engine, listen } = setup({ backplane });
  const recorder = await listen("a");
  backplane.renew("e2");
  await turn();
  await engine.sendTo(recorder.connection.id, "a", "late");
  await turn();
  assertEquals([recorder.got[0], data(recorder)], ["*", ["late"]]);
  assertEquals(recorder.got.length, 2);
});

test("sendToAll() reaches every connection, whatever it is subscribed to", async () => {
  const { engine, listen } = setup();
  const all = [await listen("a"), await listen("b/*")];
  await engine.sendToAll("notice", 1);
  await turn();
  assertEquals(all.map(data), [[1], [1]]);
});

test("history() gives what a channel holds, oldest first, and where it ends", async () => {
  const { engine } = setup({ history: { frames: 3 } });
  for (let i = 1; i <= 5; i++) await engine.publish("a", i);
  const id = await engine.publish("b", 0);
  const all = await engine.history("a");
  assertEquals([seqs(all.frames), all.id, all.reset], [[3, 4, 5], id, false]);
  const newest = await engine.history("a", { limit: 2 });
  assertEquals(seqs(newest.frames), [4, 5]);
  assertEquals(seqs((await engine.channel("a").history()).frames), [3, 4, 5]);
});

test("history() gives what came after since, and says what is missing", async () => {
  const { engine } = setup({ history: { frames: 3 } });
  const ids: string[] = [];
  for (let i = 1; i <= 5; i++) ids.push(await engine.publish("a", i));
  const after = async (since: string, limit = 9) => {
    const { frames, reset } = await engine.history("a", { since, limit });
    return [...seqs(frames), reset];
  };
  assertEquals(await after(ids[2]!), [4, 5, false]);
  assertEquals(await after(ids[2]!, 1), [4, false]);
  assertEquals(await after(ids[0]!), [3, 4, 5, true]);
  assertEquals(await after("gone-1"), [3, 4, 5, true]);
  assertEquals(await codeOf(engine.history("a/*")), "invalid_channel");
});

test("history() reads what the backplane holds and this node does not (O5)", async () => {
  const backplane = new HandBackplane();
  for (const log of ["a", "b", "a"]) backplane.add(log);
  const { engine } = setup({ backplane });
  const reading = engine.history("a", { since: "e1-1" });
  await backplane.answerAll();
  const { frames, reset } = await reading;
  assertEquals([seqs(frames), reset], [[3], false]);
});

test("channel() says what its log may hold, patterns included", async () => {
  const { engine } = setup();
  const channel = engine.channel("a", { history: { frames: 1 } });
  engine.channel("a/*", { history: { frames: 1 } });
  await channel.publish(1);
  await channel.publish(2);
  assertEquals(seqs((await channel.history()).frames), [2]);
  await assertRejects(() => engine.channel("a/*").publish(3), PushError);
  assertThrows(() => engine.channel("$a", { history: {} }), PushError);
});

test("channels are those that hold messages or are listened to", async () => {
  const { engine, listen } = setup();
  await listen("a", "b/*");
  await engine.publish("c", 0);
  assertEquals(engine.channels.sort(), ["a", "c"]);
});

test("on() returns what stops listening", async () => {
  const { engine } = setup();
  let count = 0;
  const off = engine.on("message", () => void count++);
  await engine.publish("a", 0);
  off();
  await engine.publish("a", 0);
  assertEquals(count, 1);
});

test("publish() and connect() are refused before the backplane has named an order", async () => {
  const backplane = new HandBackplane();
  backplane.feed = () => () => {};
  const { engine } = setup({ backplane });
  assertEquals(await codeOf(engine.publish("a", 0)), "unavailable");
  assertEquals(
    await codeOf(engine.connect({ channels: ["a"] })),
    "unavailable",
  );
});
