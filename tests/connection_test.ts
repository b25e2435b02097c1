/** A connection: two numbers, and what it is parked on (decision 2, O7, O8, O10). */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Connection } from "../src/connection.ts";
import { Chunk, Control, ndjson, sse } from "../src/frame.ts";
import { test, turn } from "./harness.ts";
import { Recorder, seqs } from "./recorder.ts";
import { SmallNode } from "./small_node.ts";

function chunkOf(connection: Connection): Chunk {
  const next = connection.next();
  assert(next instanceof Chunk, "there are messages");
  return next;
}

test("next() gives what lies above sent, and then nothing", () => {
  const small = new SmallNode();
  const connection = small.connection("a");
  assertEquals(connection.next(), undefined);
  small.publish("a", "b", "a");
  assertEquals(seqs(chunkOf(connection).frames), [1, 3]);
  assertEquals(connection.next(), undefined);
  assertEquals(connection.sent, 3);
});

test("next() moves sent past what other channels got", () => {
  const small = new SmallNode();
  const connection = small.connection("a");
  small.publish("b", "b");
  assertEquals(connection.next(), undefined);
  assertEquals([connection.sent, connection.cursor], [2, 0]);
});

test("next() merges several logs into the one order", () => {
  const small = new SmallNode();
  const connection = small.connection("a", "b", "b/*");
  small.publish("b", "a", "b/c", "x", "$all", "a");
  const chunk = chunkOf(connection);
  assertEquals(seqs(chunk.frames), [1, 2, 3, 5, 6]);
  assertEquals(connection.next(), undefined);
});

test("next() gives a frame of a channel and of its patterns once", () => {
  const small = new SmallNode();
  const connection = small.connection("a/b", "a/*", "**");
  small.publish("a/b", "c");
  assertEquals(seqs(chunkOf(connection).frames), [1, 2]);
});

test("next() gives the same bytes to all who need the same (decision 4)", () => {
  const small = new SmallNode();
  for (const channels of [["a"], ["a", "b"]]) {
    const [first, second] = [
      small.connection(...channels),
      small.connection(...channels),
    ];
    small.publish("a", "b", "a");
    const chunk = chunkOf(first);
    const same = chunkOf(second);
    assertStrictEquals(chunk.bytes(sse), same.bytes(sse));
    assertStrictEquals(chunk.bytes(ndjson), same.bytes(ndjson));
  }
});

test("next() gives each its own if one follows a log more", () => {
  const small = new SmallNode();
  const [few, more] = [["a", "b"], ["a", "b", "c"]]
    .map((names) => new Recorder(small.connection(...names), 0));
  small.publish("a", "b", "c");
  for (const recorder of [few!, more!]) recorder.make(1);
  assertEquals([few!.got, more!.got], [[1, 2], [1, 2, 3]]);
});

test("next() gives each its own if one has had a part", () => {
  const small = new SmallNode();
  const early = new Recorder(small.connection("a", "b"));
  const late = new Recorder(small.connection("a", "b"), 0);
  small.publish("a", "b");
  early.flush();
  small.publish("a", "b");
  early.flush();
  late.make(Infinity);
  assertEquals(early.got, [1, 2, 3, 4]);
  assertEquals(late.got, [1, 2, 3, 4]);
});

test("next() gives every message if a chunk takes only some of them", () => {
  const small = new SmallNode();
  const connection = small.connection("a", "b");
  const data = `"${"x".repeat(30_000)}"`;
  for (const log of ["a", "b", "a", "b", "a"]) {
    small.backplane.publish({ log, channel: log, data, time: 1 });
  }
  assertEquals(seqs(chunkOf(connection).frames), [1, 2]);
  assertEquals(seqs(chunkOf(connection).frames), [3, 4]);
  assertEquals(seqs(chunkOf(connection).frames), [5]);
  assertEquals(connection.next(), undefined);
});

/** A connection away at `sent` 0, whose channel `a` has lost 1 and 2. */
function cut() {
  const small = new SmallNode({ history: { frames: 1 } });
  const connection = small.connection();
  const log = small.node.logs.open("a");
  small.publish("a", "b", "a", "a");
  small.node.follow(connection, log, true);
  const other = small.node.logs.open("b");
  small.node.follow(connection, other, true);
  return { small, connection };
}

test("next() gives a reset before any message, and without id (O7)", () => {
  const { connection } = cut();
  const reset = connection.next();
  assert(reset instanceof Control);
  assertEquals(reset.data, { type: "reset", channel: "a" });
  // What `b` has below the floor of `a` comes all the same.
  assertEquals(seqs(chunkOf(connection).frames), [2, 4]);
  assertEquals(connection.next(), undefined);
});

test("a connection names no position while a log begins later than sent (O7)", () => {
  const { connection } = cut();
  connection.next();
  assert(connection.cut);
  assertEquals(connection.position, undefined);
  connection.next();
  assert(!connection.cut);
  assertEquals(connection.position, "e1-4");
});

test("next() gives resets of all logs that were cut before any message (O7)", () => {
  const small = new SmallNode({ history: { frames: 1 } });
  const connection = small.connection();
  const logs = ["a", "b", "c"].map((name) => small.node.logs.open(name));
  small.publish("a", "b", "a", "b", "c");
  for (const log of logs) small.node.follow(connection, log, true);
  assertEquals(new Recorder(connection).got, ["a", "b", 3, 4, 5]);
});

test("a reset names the subscription as it was written, pattern included (O7)", () => {
  const small = new SmallNode({ history: { frames: 1 } });
  const connection = small.connection();
  const log = small.node.logs.open("a/*");
  small.publish("a/b", "a/c");
  small.node.follow(connection, log, true);
  assertEquals(new Recorder(connection).got, ["a/*", 2]);
});

test("a new epoch is told by one reset with the present, then goes on (O6)", () => {
  const small = new SmallNode();
  const connection = small.connection("a");
  const recorder = new Recorder(connection);
  small.backplane.renew("e2");
  small.publish("b");
  recorder.flush();
  small.publish("a");
  recorder.flush();
  assertEquals(recorder.got, ["*", 2]);
  const [reset] = recorder.written as Control[];
  assertEquals(reset?.data, { type: "reset", id: "e2-1" });
});

test("all who are told of the same epoch get the same bytes", () => {
  const small = new SmallNode();
  const [one, two] = [small.connection("a"), small.connection("b")];
  small.backplane.renew("e2");
  assertStrictEquals(one.next(), two.next());
});

test("settle() stands at the present if nothing of its logs lies between (O8)", () => {
  const small = new SmallNode();
  const connection = small.connection("a");
  small.publish("b");
  assert(connection.settle());
  assertEquals(connection.position, "e1-1");
  small.publish("a");
  assert(!connection.settle());
  assertEquals(connection.position, "e1-1", "below what is not written");
  connection.next();
  assert(connection.settle());
});

test("settle() does not stand at the present if a log was cut", () => {
  const { connection } = cut();
  assert(!connection.settle());
});

test("a connection ahead of its node waits, and is named nothing (O2, O3)", () => {
  const small = new SmallNode();
  const connection = small.connection("a");
  connection.resume("e1", 2);
  assertEquals(connection.position, undefined);
  assert(!connection.settle());
  small.publish("a", "a");
  assertEquals(connection.next(), undefined, "it has had both");
  small.publish("a");
  assertEquals(seqs(chunkOf(connection).frames), [3]);
});

test("a connection of an epoch to come waits, and no reset is made (O3)", () => {
  const small = new SmallNode();
  const connection = small.connection("a");
  connection.resume("e2", 1, true);
  small.publish("a");
  assertEquals(connection.next(), undefined);
  assertEquals(connection.position, undefined);
  assert(!connection.settle());
  small.backplane.renew("e2");
  small.publish("a", "a");
  assertEquals(seqs(chunkOf(connection).frames), [2]);
});

test("join() brings it as far as it can go, then follows the new log (O10)", () => {
  const small = new SmallNode();
  const connection = small.connection("a");
  const recorder = new Recorder(connection);
  const log = small.node.logs.open("b");
  small.publish("b", "a");
  small.node.follow(connection, log);
  assertEquals(recorder.got, [2]);
  small.publish("b", "a");
  recorder.flush();
  assertEquals(recorder.got, [2, 3, 4]);
});

test("rewind() goes back past nothing that was joined meanwhile", () => {
  const small = new SmallNode();
  const connection = small.connection("a");
  small.publish("a", "b");
  assertEquals(seqs(chunkOf(connection).frames), [1]);
  assertEquals(connection.next(), undefined);
  small.node.follow(connection, small.node.logs.open("b"));
  small.publish("b");
  connection.rewind();
  assertEquals(connection.cursor, 0);
  assertEquals(seqs(chunkOf(connection).frames), [1, 3]);
});

test("join() lets a lagging one follow from the present on (O10)", () => {
  const small = new SmallNode();
  const connection = small.connection("a");
  const recorder = new Recorder(connection, 0);
  const log = small.node.logs.open("b");
  small.publish("a", "b", "a");
  small.node.follow(connection, log);
  small.publish("b", "a");
  recorder.make(Infinity);
  assertEquals(recorder.got, [1, 3, 4, 5]);
});

test("leave() gives no more of a log", () => {
  const small = new SmallNode();
  const connection = small.connection("a", "b");
  small.publish("a", "b");
  small.node.unfollow(connection, small.node.logs.get("a")!);
  assertEquals(seqs(chunkOf(connection).frames), [2]);
  assertEquals(connection.channels, ["b"]);
});

test("rewind() goes on from what is known to have arrived", () => {
  const small = new SmallNode();
  const connection = small.connection("a");
  small.publish("a", "a");
  connection.next();
  assertEquals([connection.sent, connection.cursor], [2, 0]);
  connection.rewind();
  assertEquals(seqs(chunkOf(connection).frames), [1, 2]);
  connection.cursor = 2;
  connection.rewind();
  assertEquals(connection.next(), undefined);
});

test("rewind() tells a reset once more: it may not have arrived", () => {
  const { connection } = cut();
  assertEquals(new Recorder(connection).got, ["a", 2, 4]);
  connection.rewind();
  assertEquals(new Recorder(connection).got, ["a", 2, 4]);
});

test("rewind() leaves a log where the connection joined it (O10)", () => {
  const small = new SmallNode();
  const connection = small.connection("a");
  const recorder = new Recorder(connection, 0);
  const log = small.node.logs.open("b");
  small.publish("a", "b");
  small.node.follow(connection, log);
  small.publish("b");
  recorder.make(Infinity);
  assertEquals(recorder.got, [1, 3]);
  connection.rewind();
  assertEquals(new Recorder(connection).got, [1, 3], "2 came before it joined");
});

test("confirm() makes what was handed out the place to go on from", () => {
  const { connection } = cut();
  new Recorder(connection);
  connection.confirm();
  connection.rewind();
  assertEquals(new Recorder(connection).got, []);
});

test("confirm() lets a reset be told once: its client knows", () => {
  const { connection } = cut();
  assert(connection.next() instanceof Control);
  connection.confirm();
  connection.rewind();
  assertEquals(new Recorder(connection).got, [2, 4]);
});

test("next() gives no more frames than the response may carry", () => {
  const small = new SmallNode();
  const connection = small.connection("a", "b");
  small.publish("a", "b", "a");
  const got = [1, 1, 1].map((limit) => {
    const next = connection.next(limit);
    assert(next instanceof Chunk);
    return seqs(next.frames);
  });
  assertEquals(got, [[1], [2], [3]]);
  assertEquals(connection.next(1), undefined);
});

test("channels are what it subscribed to, without the engine's own logs", () => {
  const small = new SmallNode();
  assertEquals(small.connection("a", "b/*").channels, ["a", "b/*"]);
});

test("park() sets the new sink before it closes the old one as replaced", () => {
  const small = new SmallNode();
  const connection = small.connection("a");
  const gone: string[] = [];
  small.node.events.on("away", ({ id }) => void gone.push(id));
  const former = new Recorder(connection);
  const sink = new Recorder(connection);
  assertEquals(former.closed, ["replaced", undefined]);
  assertStrictEquals(connection.sink, sink);
  connection.unpark(former);
  assertStrictEquals(connection.sink, sink, "the old one changes nothing");
  assertEquals(gone, []);
  connection.unpark(sink);
  assertEquals([connection.sink, gone], [undefined, [connection.id]]);
});

test("a connection without room lags, and catches up from the logs", async () => {
  const small = new SmallNode();
  const recorder = new Recorder(small.connection("a"), 1);
  for (let i = 0; i < 3; i++) {
    small.publish("a");
    await turn();
  }
  assertEquals(recorder.got, [1]);
  recorder.make(1);
  assertEquals(recorder.got, [1, 2, 3]);
});
