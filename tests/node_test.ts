/** The inside of an engine: where feed, logs, flush and connections meet. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { Control } from "../src/frame.ts";
import { test, turn } from "./harness.ts";
import { Recorder, seqs } from "./recorder.ts";
import { SmallNode } from "./small_node.ts";

test("a message goes into its channel's log and those of the patterns, once each", () => {
  const small = new SmallNode();
  small.connection("a/*", "**", "b");
  small.publish("a/x");
  const held = (name: string) => {
    const log = small.node.logs.get(name);
    return log && seqs(log.after(0));
  };
  assertEquals(["a/x", "a/*", "**", "b", "$all"].map(held), [
    [1],
    [1],
    [1],
    [],
    [],
  ]);
});

test("a message listener hears every message, in order, once it is applied", () => {
  const small = new SmallNode();
  const heard: unknown[] = [];
  small.node.events.on("message", ({ seq, log }) => {
    heard.push([seq, log, small.node.applied]);
  });
  small.publish("a", "$all", "$nobody");
  assertEquals(heard, [[1, "a", 1], [2, "$all", 2], [3, "$nobody", 3]]);
});

test("followers are flushed after the turn, all with what came in it", async () => {
  const small = new SmallNode();
  const recorders = [small.connection("a"), small.connection("b", "a")]
    .map((connection) => new Recorder(connection));
  small.publish("a", "b", "a");
  assertEquals(recorders.map(({ got }) => got), [[], []]);
  await turn();
  assertEquals(recorders.map(({ got }) => got), [[1, 3], [1, 2, 3]]);
  assertEquals(recorders.map(({ written }) => written.length), [1, 1]);
});

test("a reader with room never gets a reset, however small the log (decision 2)", async () => {
  const small = new SmallNode({ history: { frames: 1 } });
  const recorder = new Recorder(small.connection("a", "*"));
  for (let i = 0; i < 50; i++) small.publish("a", "b");
  await turn();
  assertEquals(recorder.got, [...Array(100)].map((_, i) => i + 1));
});

test("a reader without room gets a reset where a log had to be trimmed", async () => {
  const small = new SmallNode({ history: { frames: 2 } });
  const recorder = new Recorder(small.connection("a", "b"), 0);
  small.publish("b", "a", "a", "a", "a");
  await turn();
  recorder.make(Infinity);
  assertEquals(recorder.got, ["a", 1, 4, 5]);
});

test("logs that nobody follows are trimmed at once", () => {
  const small = new SmallNode({ history: { frames: 2 } });
  small.publish("a", "a", "a");
  assertEquals(seqs(small.node.logs.get("a")!.after(0)), [2, 3]);
});

test("a private log is made with its first message, and begins with its owner (O4)", () => {
  const small = new SmallNode();
  small.publish("x", "x");
  const { id } = small.connection("a");
  assertEquals(small.node.logs.get(`$${id}`), undefined);
  small.publish(`$${id}`);
  const log = small.node.logs.get(`$${id}`)!;
  assertEquals([log.floor, seqs(log.after(0))], [2, [3]]);
  assert(log.followers.has(small.node.connections.get(id)!));
});

test("a private message of nobody here raises the floor of private logs (O4)", () => {
  const small = new SmallNode();
  small.publish("$elsewhere");
  assertEquals(small.node.logs.privateFloor, 1);
  assertEquals(small.node.logs.get("$elsewhere"), undefined);
});

test("remove() leaves nothing of a connection but what its private log lost", () => {
  const small = new SmallNode();
  const connection = small.connection("a", "b");
  small.publish(`$${connection.id}`, "a");
  small.node.remove(connection, "left");
  assertEquals(small.node.connections.size, 0);
  assertEquals(connection.logs, []);
  for (const name of ["$all", "a", "b"]) {
    assertEquals(small.node.logs.get(name)?.followers.size ?? 0, 0);
  }
  assertEquals(small.node.logs.get(`$${connection.id}`), undefined);
  assertEquals(small.node.logs.privateFloor, 1);
});

test("another order empties the logs, and everyone is told without a publish (O6)", async () => {
  const small = new SmallNode();
  const recorders = [small.connection("a"), small.connection("b")]
    .map((connection) => new Recorder(connection));
  small.publish("a");
  await turn();
  small.backplane.renew("e2");
  await turn();
  assertEquals(recorders.map(({ got }) => got), [[1, "*"], ["*"]]);
  assertEquals(small.node.logs.get("a")?.length, 0);
});

test("a loss in the feed is told of every log, private ones too, without a publish", async () => {
  const small = new SmallNode();
  const recorder = new Recorder(small.connection("a"));
  small.publish("a");
  await turn();
  small.backplane.listener!.lost(5);
  await turn();
  const { id } = recorder.connection;
  assertEquals(recorder.got.slice(1).sort(), ["$all", `$${id}`, "a"].sort());
  assert(recorder.connection.settle());
  assertEquals(recorder.connection.position, "e1-5");
});

test("a heartbeat names the present to those who stand there, the same to all (O8)", () => {
  const small = new SmallNode();
  const { node } = small;
  const settled = node.heartbeat(true);
  assertEquals(settled.data, { type: "heartbeat", id: "e1-0" });
  assertStrictEquals(node.heartbeat(true), settled);
  assertEquals(node.heartbeat(false).data, { type: "heartbeat" });
  assertStrictEquals(node.heartbeat(false), node.heartbeat(false));
  small.publish("a");
  assertEquals(node.heartbeat(true).data, { type: "heartbeat", id: "e1-1" });
});

test("the reset after another order is the same to all who are told at one place", () => {
  const small = new SmallNode();
  const { node } = small;
  const reset = node.reset();
  assert(reset instanceof Control);
  assertStrictEquals(node.reset(), reset);
  small.publish("a");
  assertEquals(node.reset().data, { type: "reset", id: "e1-1" });
});

test("a connection that ends as it is about to follow a log follows none", () => {
  const small = new SmallNode();
  const { node } = small;
  const connection = small.connection("a");
  const recorder = new Recorder(connection, 0);
  // As a session does that finds its messages gone.
  recorder.flush = () => node.remove(connection, "slow");
  const log = node.logs.open("b");
  node.follow(connection, log);
  assertEquals([connection.ended, connection.logs.length], ["slow", 0]);
  assertEquals(log.followers.size, 0);
});
