/** Reading from the backplane what a node's own log does not hold (O5). */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Connection } from "../src/connection.ts";
import { HandBackplane } from "./hand_backplane.ts";
import { test, turn } from "./harness.ts";
import { Recorder, seqs } from "./recorder.ts";
import { SmallNode, type SmallNodeOptions } from "./small_node.ts";

/** A node that starts with an order of `logs` behind it, all of it readable. */
function late(logs: string[], options: SmallNodeOptions = {}): SmallNode {
  const backplane = new HandBackplane();
  for (const log of logs) backplane.add(log);
  return new SmallNode(options, backplane);
}

/** A client that comes back to this node with the id `e1-since`. */
function returns(
  small: SmallNode,
  since: number,
  ...names: string[]
): Connection {
  const connection = small.connection();
  connection.resume("e1", since);
  for (const name of names) {
    small.node.follow(connection, small.node.logs.open(name), true);
  }
  return connection;
}

/** The reads under way, besides those of `$all`, which everyone follows. */
function reads({ backplane }: SmallNode) {
  return backplane.pending.filter(({ name }) => name !== "$all");
}

test("a new node gives a returning client what other nodes have had", async () => {
  const small = late(["a", "b", "a", "a"]);
  const recorder = new Recorder(returns(small, 1, "a"));
  assertEquals(recorder.got, []);
  await small.backplane.answerAll();
  assertEquals(recorder.got, [3, 4]);
  recorder.flush();
  assert(recorder.connection.settle());
  assertEquals(recorder.connection.position, "e1-4");
});

test("a node reads nothing if its own log has held everything since", () => {
  const small = late(["a", "a"]);
  small.connection("a");
  small.publish("a", "a");
  const recorder = new Recorder(returns(small, 2, "a"));
  assertEquals(recorder.got, [3, 4]);
  assertEquals(reads(small), []);
});

test("several clients wait for one read of a log (single flight)", async () => {
  const small = late(["a", "a", "a"]);
  const all = [1, 1, 2].map((since) =>
    new Recorder(returns(small, since, "a"))
  );
  assertEquals(reads(small).length, 1);
  await small.backplane.answerAll();
  assertEquals(all.map(({ got }) => got), [[2, 3], [2, 3], [3]]);
});

test("who needs older messages than a read under way reads again", async () => {
  const small = late(["a", "a", "a"]);
  const second = new Recorder(returns(small, 2, "a"));
  const first = new Recorder(returns(small, 0, "a"));
  assertEquals(reads(small).length, 1);
  await small.backplane.answerAll();
  assertEquals([first.got, second.got], [[1, 2, 3], [3]]);
});

test("fill() brings as much as was asked for, whatever is under way", async () => {
  const small = late(["a", "a", "a"]);
  const log = small.node.logs.open("a");
  const less = small.node.recovery.fill(log, 2);
  const more = small.node.recovery.fill(log, 0);
  await small.backplane.answerAll();
  await Promise.all([less, more]);
  assertEquals(seqs(log.after(0)), [1, 2, 3]);
});

test("a connection gets nothing from any log while one is being read", async () => {
  const small = late(["a", "a"]);
  const recorder = new Recorder(returns(small, 0, "a", "b"));
  small.publish("b");
  await turn();
  assertEquals(recorder.got, []);
  assert(!recorder.connection.settle());
  await small.backplane.answerAll();
  assertEquals(recorder.got, [1, 2, 3], "in the one order");
});

test("nothing is trimmed from under a connection while a log is read", async () => {
  const small = late(["a"], { history: { frames: 2 } });
  const recorder = new Recorder(returns(small, 0, "a", "b"));
  small.publish("b", "b", "b", "a");
  await turn();
  const log = small.node.logs.get("b")!;
  assertEquals([log.pins > 0, log.length], [true, 3]);
  await small.backplane.answerAll();
  assertEquals(recorder.got, [1, 2, 3, 4, 5]);
  assertEquals([log.pins, log.length], [0, 2], "and now it is");
});

test("a message read before the feed brings it comes once, with the feed (O2)", async () => {
  const small = late(["a", "a"]);
  small.backplane.feeding = false;
  small.publish("a");
  const recorder = new Recorder(returns(small, 0, "a"));
  await small.backplane.answerAll();
  assertEquals(recorder.got, [1, 2], "the third is above `applied`");
  assertEquals(recorder.connection.position, "e1-2");
  small.backplane.bring(2);
  await turn();
  assertEquals(recorder.got, [1, 2, 3]);
});

test("a failing read is told to the operator, and tried again at the sweep", async () => {
  const small = late(["a", "a"]);
  const recorder = new Recorder(returns(small, 0, "a"));
  await turn();
  for (const read of small.backplane.pending.splice(0)) read.fail();
  await turn();
  assertEquals(recorder.got, []);
  assertEquals([recorder.connection.reading, small.errors.length], [0, 2]);
  assertEquals(reads(small).length, 0, "not before the sweep");
  recorder.sweep();
  await small.backplane.answerAll();
  assertEquals(recorder.got, [1, 2]);
});

test("what the backplane has dropped too is told by a reset, once (O4)", async () => {
  const small = late(["a", "b", "a", "a"]);
  small.backplane.floors.set("a", 3);
  const recorder = new Recorder(returns(small, 0, "a"));
  await small.backplane.answerAll();
  assertEquals(recorder.got, ["a", 4]);
  // It is known to be lost: the next one is told without another read.
  const next = new Recorder(returns(small, 1, "a"));
  assertEquals(next.got, ["a", 4]);
  assertEquals(reads(small), []);
});

test("a log takes the newest of more than it may hold, and tells of the rest", async () => {
  const small = late(Array(10).fill("a"), { history: { frames: 3 } });
  const recorder = new Recorder(returns(small, 0, "a"));
  await small.backplane.answerAll();
  assertEquals(recorder.got, ["a", 8, 9, 10]);
  assertEquals(small.node.logs.get("a")!.floor, 7);
});

test("a log reads page by page, 1,024 messages each", async () => {
  const small = late(Array(1_500).fill("a"), { history: { frames: 9_999 } });
  const recorder = new Recorder(returns(small, 100, "a"));
  assertEquals(reads(small).map(({ after }) => after), [100]);
  for (const read of small.backplane.pending.splice(0)) read.answer();
  await turn();
  assertEquals(reads(small).map(({ after }) => after), [1_124]);
  await small.backplane.answerAll();
  assertEquals(recorder.got, [...Array(1_400)].map((_, i) => 101 + i));
});

test("a page that says where to go on is not the last, however little it holds", async () => {
  const small = late(Array(2_100).fill("a"), { history: { frames: 9_999 } });
  const { backplane } = small;
  const { read } = backplane;
  // All others are nobody's messages: the first page has none that count.
  backplane.read = async (...asked) => {
    const { frames, ...rest } = await read(...asked);
    return { ...rest, frames: frames.filter(({ seq }) => seq % 2_000 === 0) };
  };
  const recorder = new Recorder(returns(small, 0, "a"));
  await backplane.answerAll();
  assertEquals(recorder.got, [2_000]);
});

test("a reset is made for what a page has left out, though the next is empty", async () => {
  const logs = [...Array(1_024).fill("a"), "b", "b"];
  const small = late(logs, { history: { frames: 3 } });
  const recorder = new Recorder(returns(small, 0, "a"));
  await small.backplane.answerAll();
  assertEquals(recorder.got, ["a", 1_022, 1_023, 1_024]);
});

test("a pattern is read from all channels that it covers", async () => {
  const small = late(["a/x", "b", "a/y", "a/x", "a/x/deep"]);
  const recorder = new Recorder(returns(small, 0, "a/*"));
  assertEquals(reads(small).map(({ name }) => name), ["tops"]);
  await small.backplane.answerAll();
  assertEquals(recorder.got, [1, 3, 4]);
  assertStrictEquals(small.node.logs.get("b"), undefined, "and no other");
});

test("a pattern is told once of what one of its channels has lost (O7)", async () => {
  const small = late(["a/x", "a/y", "a/x"]);
  small.backplane.floors.set("a/x", 1);
  const recorder = new Recorder(returns(small, 0, "a/*"));
  await small.backplane.answerAll();
  assertEquals(recorder.got, ["a/*", 2, 3]);
});

test("a pattern takes the newest of all its channels, and reads little more", async () => {
  const logs = [...Array(120)].map((_, i) => `a/${i % 40}`);
  const small = late(logs, { history: { frames: 10 } });
  const { backplane } = small;
  const { read } = backplane;
  let taken = 0;
  backplane.read = async (...asked) => {
    const page = await read(...asked);
    if (asked[0] !== "$all") taken += page.frames.length;
    return page;
  };
  const recorder = new Recorder(returns(small, 0, "a/*"));
  await backplane.answerAll();
  assertEquals(recorder.got, ["a/*", ...[...Array(10)].map((_, i) => 111 + i)]);
  // Three of each of the 16 that are read at once, twice at most; all have 120.
  assert(taken < 80, `${taken} messages were read`);
});

test("a pattern asks for no channel whose messages are all too old for it", async () => {
  const logs = [...Array(120)].map((_, i) => `a/${Math.floor(i / 3)}`);
  const small = late(logs, { history: { frames: 3 } });
  const asked: string[] = [];
  const { read } = small.backplane;
  small.backplane.read = (name, ...rest) => {
    if (name !== "$all") asked.push(name);
    return read(name, ...rest);
  };
  const recorder = new Recorder(returns(small, 0, "a/*"));
  await small.backplane.answerAll();
  assertEquals(recorder.got, ["a/*", 118, 119, 120]);
  // 16 at once; the first answer has as many as it may hold, the second too many.
  assertEquals([asked[0], asked.length], ["a/39", 17]);
});

test("a read of an order that is gone is void: the reset comes at once (O6)", async () => {
  const small = late(["a", "a"]);
  const recorder = new Recorder(returns(small, 0, "a"));
  small.backplane.renew("e2");
  await turn();
  await small.backplane.answerAll();
  await turn();
  assertEquals(recorder.got, ["*"]);
  assertEquals(small.node.logs.get("a")!.length, 0);
});

test("who joins a read of an order that is gone has its own read made (O5)", async () => {
  const small = late(["a", "a"]);
  new Recorder(returns(small, 0, "a"));
  const { backplane } = small;
  backplane.epoch = "e2";
  backplane.frames = [];
  for (const log of ["a", "a"]) backplane.add(log);
  backplane.listener!.epoch({ epoch: "e2", seq: 2 });
  await turn();
  const connection = small.connection();
  connection.resume("e2", 0);
  small.node.follow(connection, small.node.logs.get("a")!, true);
  const recorder = new Recorder(connection);
  assertEquals(recorder.got, [], "it waits for the read under way");
  await backplane.answerAll();
  assertEquals(recorder.got, [1, 2]);
});

test("a read that was asked for before the feed lost messages is not enough", async () => {
  const small = late(["a", "a"]);
  const recorder = new Recorder(returns(small, 0, "a"));
  small.backplane.add("a");
  small.backplane.add("a");
  small.backplane.listener!.lost(4);
  await small.backplane.answerAll();
  assertEquals(recorder.got, [1, 2, 3, 4]);
});

test("a log has no hole if it overflows while it is being read", async () => {
  const small = late(["a", "a"], { history: { frames: 2 } });
  const log = small.node.logs.open("a");
  const read = small.node.recovery.fill(log, 0);
  small.publish("a", "a", "a");
  await small.backplane.answerAll();
  await read;
  const held = seqs(log.after(log.floor));
  const all = [1, 2, 3, 4, 5].filter((seq) => seq > log.floor);
  assertEquals(held, all, `complete above its floor ${log.floor}`);
});

test("nothing is read from a backplane that keeps nothing", () => {
  const small = new SmallNode({ seq: 5 });
  const recorder = new Recorder(returns(small, 2, "a"));
  assertEquals(recorder.got, ["$all", "a"]);
});
