/** Several nodes over one backplane behave as one. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Connection } from "../../src/connection.ts";
import type { Engine } from "../../src/engine.ts";
import { PushError } from "../../src/errors.ts";
import { NODES } from "../../src/name.ts";
import { Cluster } from "../hub.ts";
import { test, turn } from "../harness.ts";
import type { Recorder } from "../recorder.ts";
import { listen, resets, seen, watch } from "./watching.ts";

/** The data it got. */
function data({ written }: Recorder): unknown[] {
  return written.flatMap((piece) =>
    "frames" in piece ? piece.frames.map(({ data }) => JSON.parse(data)) : []
  );
}

/** The response is gone; the connection lingers. */
function leave(recorder: Recorder): void {
  recorder.connection.unpark(recorder);
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return (await assertRejects(() => promise, PushError)).code;
}

/** Whom each node says to be there. */
function present(cluster: Cluster, channel: string): string[][] {
  return cluster.engines.map((engine) =>
    engine.presence(channel).map(({ connection }) => connection).sort()
  );
}

test("sendTo() reaches a connection at whatever node it is", async () => {
  const cluster = await Cluster.start(3);
  const [one, two, three] = cluster.engines as [Engine, Engine, Engine];
  const recorder = await listen(one, ["a"]);
  const { id } = recorder.connection;
  await cluster.said();
  await two.sendTo(id, "x", 2);
  const found = await three.sendTo([id, "nobody"], "x", 3);
  await turn();
  assertEquals(data(recorder), [2, 3]);
  assertEquals([typeof found[0], found[1]], ["string", undefined]);
});

test("sendTo() asks the others before it says that a connection is nobody's", async () => {
  const cluster = await Cluster.start(3);
  const [one, two] = cluster.engines as [Engine, Engine];
  // What it is told of is on its way still.
  const recorder = await listen(one, ["a"]);
  await two.sendTo(recorder.connection.id, "x", 1);
  await turn();
  assertEquals(data(recorder), [1]);
  assertEquals(await codeOf(two.sendTo("nobody", "x", 1)), "not_found");
});

test("sendTo() knows nothing of a connection while a node does not answer", async () => {
  const cluster = await Cluster.start(3);
  const [one, two, three] = cluster.engines as [Engine, Engine, Engine];
  cluster.kill(three);
  const sending = codeOf(two.sendTo("nobody", "x", 1));
  await cluster.pass(6_000);
  assertEquals(await sending, "unavailable");
  await cluster.pass(20_000);
  assertEquals(await codeOf(one.sendTo("nobody", "x", 1)), "not_found");
});

test("sendTo() at a new node does not pass over one that others know, and that stands still", async () => {
  const cluster = await Cluster.start(2);
  const [one] = cluster.engines as [Engine];
  const recorder = await listen(one, ["a"]);
  await cluster.said();
  cluster.freeze(one);
  const three = cluster.add();
  await cluster.settle();
  const { id } = recorder.connection;
  const sending = codeOf(three.sendTo(id, "x", 1));
  await cluster.pass(6_000);
  assertEquals(await sending, "unavailable");
  cluster.thaw(one);
  await cluster.pass(1_000);
  await three.sendTo(id, "x", 2);
  await turn();
  assertEquals(data(recorder), [2]);
});

test("sendTo() at a new node does not pass over one that spoke before it began, and stands still", async () => {
  const cluster = await Cluster.start(1);
  const [one] = cluster.engines as [Engine];
  const recorder = await listen(one, ["a"]);
  await cluster.said();
  cluster.freeze(one);
  const two = cluster.add();
  await cluster.settle();
  const { id } = recorder.connection;
  const sending = codeOf(two.sendTo(id, "x", 1));
  await cluster.pass(6_000);
  assertEquals(await sending, "unavailable");
  cluster.thaw(one);
  await cluster.pass(1_000);
  await two.sendTo(id, "x", 2);
  await turn();
  assertEquals(data(recorder), [2]);
});

test("sendTo() at a new node asks none that has said goodbye, or been silent for 20 s", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  await two.close();
  cluster.kill(one);
  await cluster.pass(21_000);
  const three = cluster.add();
  await cluster.settle();
  assertEquals(await codeOf(three.sendTo("nobody", "x", 1)), "not_found");
});

test("sendTo() finds a connection that comes to its own node while the others are asked", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const { connection: { id, key } } = await listen(one, ["a"]);
  await cluster.said();
  one.drop(id);
  await cluster.said();
  const sending = two.sendTo(id, "x", 1);
  const recorder = await listen(two, ["a"], { key });
  await sending;
  await turn();
  assertEquals([recorder.connection.id, data(recorder)], [id, [1]]);
});

test("sendTo() several asks once, and none again for those that come meanwhile", async () => {
  const cluster = await Cluster.start(2);
  const [one] = cluster.engines as [Engine];
  const before = cluster.hub.frames.length;
  const ids = [..."abcdefgh"];
  assertEquals((await one.sendTo(ids, "x", 1)).length, ids.length);
  const { frames } = cluster.hub;
  assertEquals(frames.slice(before).map(({ log }) => log), [NODES, NODES]);
});

test("a private message of a client on its way to another node is there before it", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const former = await listen(one, ["a"]);
  await one.publish("a", 0);
  await cluster.said();
  const { id, key } = former.connection;
  const since = one.node.id;
  leave(former);
  await two.sendTo(id, "x", 1);
  const latter = await listen(two, [], { key, since, channels: ["a"] });
  await cluster.said();
  await one.sendTo(id, "x", 2);
  await turn();
  assertEquals(data(latter), [1, 2]);
  assertEquals(latter.connection.id, id);
});

test("a stream that moves leaves nothing behind, and nobody is told that it left", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const dropped: string[] = [];
  one.on("drop", (_, reason) => void dropped.push(reason));
  one.on("beforeDrop", () => false);
  const watcher = await watch(cluster, two, ["a"]);
  const former = await listen(one, ["a"]);
  const { id, key } = former.connection;
  await cluster.said();
  cluster.clock.advance(1_000);
  leave(former);
  cluster.clock.advance(10);
  await listen(two, ["a"], { key });
  await cluster.said();
  assertEquals([dropped, one.connections.has(id)], [["replaced"], false]);
  await cluster.pass(60_000);
  assertEquals(seen(watcher), [`+${id}`]);
  assertEquals(present(cluster, "a"), [
    [id, watcher.connection.id].sort(),
    [id, watcher.connection.id].sort(),
  ]);
});

test("a stream that is cut off unseen is replaced by the one at another node", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const former = await listen(one, ["a"]);
  const { key } = former.connection;
  await cluster.pass(5_000);
  await listen(two, ["a"], { key });
  await cluster.said();
  assertEquals(former.closed?.[0], "replaced");
  assertEquals([one.connections.size, two.connections.size], [0, 1]);
});

test("a client that polls here and there in turn neither joins nor leaves", async () => {
  const cluster = await Cluster.start(3);
  const watcher = await watch(cluster, cluster.engines[0]!, ["a"]);
  let told = 0;
  for (const engine of cluster.engines) engine.on("drop", () => void told++);
  let key: string | undefined;
  let messages = 0;
  for (let i = 0; i < 30; i++) {
    const engine = cluster.engines[i % 3]!;
    const recorder = await listen(engine, ["a"], { key });
    Object.assign(recorder, { transport: "poll" });
    key = recorder.connection.key;
    await cluster.pass(1_500);
    leave(recorder);
    if (i === 5) messages = ofConnections(cluster);
  }
  const { id } = [...cluster.engines[2]!.connections.values()].at(-1)!;
  assertEquals([seen(watcher), told], [[`+${id}`], 0]);
  assertEquals(ofConnections(cluster), messages, "nothing is told for ever");
  await cluster.pass(40_000);
  assertEquals(seen(watcher), [`+${id}`, `-${id}`]);
  assertEquals(told, 3);
});

/** How many messages told of connections. */
function ofConnections({ hub }: Cluster): number {
  return hub.frames.filter(({ log, data }) =>
    log === NODES && /"joined"|"left"/.test(data)
  ).length;
}

test("presence() and joins and leaves are of all nodes, each told once (N11)", async () => {
  const cluster = await Cluster.start(3);
  const [one, two, three] = cluster.engines as [Engine, Engine, Engine];
  const watchers = [
    await watch(cluster, one, ["a/b"]),
    await watch(cluster, three, ["a/b"]),
  ];
  const identity = { subject: "ann" };
  const { connection } = await listen(two, ["a/*", "a/b"], { identity });
  const { id } = connection;
  await cluster.said();
  const there = one.presence("a/b").find(({ connection }) => connection === id);
  assertEquals(there, { connection: id, subject: "ann" });
  const everybody = [id, ...watchers.map(({ connection }) => connection.id)];
  assertEquals(present(cluster, "a/b"), Array(3).fill(everybody.sort()));
  await listen(two, ["a/b"], { key: connection.key, identity });
  await cluster.said();
  two.drop(id);
  await cluster.said();
  const [first, second] = watchers.map(seen);
  assertEquals(second, [`+${id}`, `-${id}`]);
  assertEquals(first!.slice(-2), [`+${id}`, `-${id}`]);
  assertEquals(present(cluster, "c"), [[], [], []]);
});

test("one who watches is told of all who join from its open on", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  cluster.hub.deaf.add(1);
  const watching = listen(one, ["a"], { watch: true });
  await cluster.said();
  const watcher = await watching;
  // It joins a node that has not heard of the watcher yet.
  const { connection } = await listen(two, ["a"]);
  await cluster.said();
  cluster.hub.deaf.clear();
  cluster.hub.deliver();
  await cluster.said();
  assertEquals(seen(watcher), [`+${connection.id}`]);
});

test("nobody tells of joins and leaves that nobody watches any more", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const watcher = await watch(cluster, one, ["a"]);
  one.drop(watcher.connection.id);
  await cluster.pass(2_000);
  await listen(two, ["a"]);
  await cluster.said();
  const logs = cluster.hub.frames.map(({ log }) => log);
  assert(!logs.slice(-3).includes("$presence/a"));
});

test("one who wants to watch is refused while the others cannot be told", async () => {
  const cluster = await Cluster.start(2);
  cluster.hub.away = true;
  const [one] = cluster.engines as [Engine];
  const watching = codeOf(listen(one, ["a"], { watch: true }));
  await cluster.pass(6_000);
  assertEquals(await watching, "unavailable");
});

test("a dead node's connections leave within 20 s, told by one of the others", async () => {
  const cluster = await Cluster.start(4);
  const [one, two, three] = cluster.engines as [Engine, Engine, Engine];
  const watcher = await watch(cluster, one, ["a"]);
  const gone = [await listen(two, ["a"]), await listen(two, ["a"])];
  const moved = await listen(two, ["a"]);
  await cluster.said();
  cluster.kill(two);
  await cluster.pass(14_000);
  const { key, id } = moved.connection;
  await listen(three, ["a"], { key });
  assertEquals(one.presence("a").length, 4);
  await cluster.pass(6_500);
  const ids = gone.map(({ connection }) => connection.id);
  assertEquals(
    seen(watcher).filter((event) => event.startsWith("-")).sort(),
    ids.map((id) => `-${id}`).sort(),
  );
  const left = one.presence("a").map(({ connection }) => connection);
  assertEquals(left.sort(), [id, watcher.connection.id].sort());
  assertEquals(await codeOf(one.sendTo(ids[0]!, "x", 1)), "not_found");
  assertEquals(cluster.errors, []);
});

test("a node that was taken for dead tells all again, and is there again", async () => {
  const cluster = await Cluster.start(3);
  const [one, two] = cluster.engines as [Engine, Engine];
  const { connection } = await listen(two, ["a"]);
  const watcher = await watch(cluster, one, ["a"]);
  // Its process stands still, and goes on later.
  cluster.freeze(two);
  await cluster.pass(25_000);
  assertEquals(seen(watcher), [`-${connection.id}`]);
  cluster.thaw(two);
  await cluster.pass(6_000);
  assertEquals(seen(watcher), [`-${connection.id}`, `+${connection.id}`]);
  await one.sendTo(connection.id, "x", 1);
});

test("who watches at a node that was taken for dead is told to ask again (N11.3)", async () => {
  const cluster = await Cluster.start(3);
  const [one, two] = cluster.engines as [Engine, Engine];
  const watcher = await watch(cluster, one, ["a"]);
  cluster.freeze(one);
  await cluster.pass(25_000);
  // Nobody who lives watches: it is not told.
  const { connection } = await listen(two, ["a"]);
  await cluster.said();
  cluster.thaw(one);
  await cluster.pass(6_000);
  assertEquals(seen(watcher), []);
  assertEquals(resets(watcher), ["$presence/a"]);
  two.drop(connection.id);
  await cluster.pass(1_000);
  assertEquals(seen(watcher), [`-${connection.id}`]);
});

test("nobody is missed while the backplane is away", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const watcher = await watch(cluster, one, ["a"]);
  const { connection } = await listen(two, ["a"]);
  await cluster.said();
  cluster.hub.away = true;
  const late = await listen(two, ["a"]);
  await cluster.pass(60_000);
  assertEquals(one.presence("a").length, 2);
  cluster.hub.away = false;
  await cluster.pass(20_000);
  assertEquals(seen(watcher), [
    `+${connection.id}`,
    `+${late.connection.id}`,
  ]);
  assertEquals(cluster.errors, []);
});

test("what nobody knows to be published is told once", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const watcher = await watch(cluster, one, ["a"]);
  cluster.hub.unsure = true;
  const { connection } = await listen(two, ["a"]);
  await cluster.pass(3_000);
  cluster.hub.unsure = false;
  await cluster.pass(3_000);
  assertEquals(seen(watcher), [`+${connection.id}`]);
});

test("a node that closes says goodbye; its clients come to another as they were", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const watcher = await watch(cluster, one, ["a"]);
  const moved = await listen(two, ["a"]);
  const lost = await listen(two, ["a"]);
  await cluster.said();
  await two.close();
  assertEquals(moved.closed?.[0], "shutdown");
  await cluster.pass(2_000);
  assertEquals(one.presence("a").length, 3, "they are on their way");
  await listen(one, ["a"], { key: moved.connection.key });
  await cluster.pass(10_000);
  assertEquals(
    seen(watcher).filter((event) => event.startsWith("-")),
    [`-${lost.connection.id}`],
  );
});

test("who is sent to another node while one is drained does not leave on the way", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const watcher = await watch(cluster, one, ["a"]);
  const moved = await listen(two, ["a"]);
  const lost = await listen(two, ["a"]);
  await cluster.said();
  const closed = two.close({ over: 4_000 });
  // A node that starts in the middle of it has all told anew.
  await cluster.pass(2_000);
  cluster.add();
  await cluster.pass(2_500);
  assert(moved.closed && lost.closed);
  await listen(one, ["a"], { key: moved.connection.key });
  await cluster.pass(3_000);
  assertEquals(seen(watcher).filter((event) => event.startsWith("-")), []);
  await cluster.pass(20_000);
  await closed;
  assertEquals(
    seen(watcher).filter((event) => event.startsWith("-")),
    [`-${lost.connection.id}`],
  );
});

test("a node that starts knows who is there, and asks nobody else's clients to leave", async () => {
  const cluster = await Cluster.start(2);
  const [one] = cluster.engines as [Engine];
  const { connection } = await listen(one, ["a"]);
  const watcher = await watch(cluster, one, ["a"]);
  const three = cluster.add();
  // Its clients are known even before it knows everybody.
  const newcomer = await listen(three, ["a"]);
  await cluster.settle();
  const everybody = [connection, watcher.connection, newcomer.connection]
    .map(({ id }) => id).sort();
  assertEquals(present(cluster, "a"), Array(3).fill(everybody));
  assertEquals(seen(watcher), [`+${newcomer.connection.id}`]);
});

test("after a lost order, and after a gap, everybody knows all again", async () => {
  const cluster = await Cluster.start(3);
  const [one, two] = cluster.engines as [Engine, Engine];
  const first = await listen(two, ["a"]);
  await cluster.said();
  cluster.hub.deaf.add(0);
  const second = await listen(two, ["a"]);
  two.drop(first.connection.id);
  await cluster.said();
  cluster.hub.lose(0);
  cluster.hub.deaf.clear();
  await cluster.pass(2_000);
  assertEquals(present(cluster, "a"), Array(3).fill([second.connection.id]));
  const third = await listen(one, ["a"]);
  cluster.hub.renew();
  await cluster.pass(2_000);
  const both = [second, third].map(({ connection }) => connection.id).sort();
  assertEquals(present(cluster, "a"), Array(3).fill(both));
});

test("more connections than fit into one message are told in several", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const channels = (i: number) => ["all", `${"x".repeat(60)}/${i}`];
  for (let i = 0; i < 3_000; i++) await one.connect({ channels: channels(i) });
  await cluster.said();
  assertEquals(two.presence("all").length, 3_000);
  const sizes = cluster.hub.frames.map(({ data }) => data.length);
  assert(Math.max(...sizes) < 65_536, `${Math.max(...sizes)}`);
  const three = cluster.add();
  await cluster.pass(5_000);
  assertEquals(three.presence("all").length, 3_000);
});

test("more channels than fit into one message are watched, and no more, in several", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const watchers: Connection[] = [];
  for (let i = 0; i < 20; i++) {
    const channels = [...Array(100)].map((_, j) =>
      `${"x".repeat(240)}/${i}/${j}`
    );
    watchers.push((await watch(cluster, one, channels)).connection);
  }
  for (const { id } of watchers) one.drop(id);
  await cluster.pass(2_000);
  const said = cluster.hub.frames.filter(({ log }) => log === NODES);
  const sizes = said.map(({ data }) => data.length);
  assert(Math.max(...sizes) < 65_536, `${Math.max(...sizes)}`);
  const before = cluster.hub.frames.length;
  await listen(two, ["**"]);
  await cluster.said();
  const logs = cluster.hub.frames.slice(before).map(({ log }) => log);
  assertEquals(new Set(logs), new Set([NODES]), "nobody watches any more");
});

test("drop() ends a connection at whatever node, where beforeDrop is asked", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const [first, kept] = [await listen(one, ["a"]), await listen(one, ["a"])];
  const asked: string[] = [];
  one.on("beforeDrop", ({ id }, reason) => {
    asked.push(`${id} ${reason}`);
    return id !== kept.connection.id;
  });
  await cluster.said();
  assertEquals(two.drop("nobody"), false);
  assertEquals(two.drop(first.connection.id, "kicked", 500), true);
  assertEquals(two.drop(kept.connection.id, "left"), true);
  await cluster.said();
  assertEquals([first.closed, kept.closed], [["kicked", 500], undefined]);
  assertEquals(asked, [
    `${first.connection.id} kicked`,
    `${kept.connection.id} left`,
  ]);
});

test("dropSubject() ends all that a subject has, at all nodes, known or not", async () => {
  const cluster = await Cluster.start(3);
  const identity = { subject: "ann" };
  const hers: Recorder[] = [];
  for (const engine of cluster.engines) {
    hers.push(await listen(engine, ["a"], { identity }));
  }
  const other = await listen(cluster.engines[0]!, ["a"], {
    identity: { subject: "bob" },
  });
  await cluster.said();
  const late = await listen(cluster.engines[1]!, ["a"], { identity });
  assertEquals(cluster.engines[0]!.dropSubject("ann"), 3);
  await cluster.said();
  assertEquals(
    [...hers, late, other].map(({ closed }) => closed?.[0]),
    ["kicked", "kicked", "kicked", "kicked", undefined],
  );
  // None of them lets her in again with what she was given until then (N12.6).
  for (const { node } of cluster.engines) {
    assertEquals(node.barred.has({ ...identity, issued: 0 }, 0), true);
    assertEquals(node.barred.has({ subject: "bob", issued: 0 }, 0), false);
  }
});

test("an order to drop is carried out though the order of messages is lost", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const recorder = await listen(one, ["a"]);
  await cluster.said();
  cluster.hub.away = true;
  assert(two.drop(recorder.connection.id));
  await cluster.pass(2_000);
  cluster.hub.renew();
  cluster.hub.away = false;
  await cluster.pass(2_000);
  assertEquals(recorder.closed?.[0], "kicked");
});

test("an order to drop reaches a node that missed it, and nobody who came since", async () => {
  const cluster = await Cluster.start(3);
  const [one, two] = cluster.engines as [Engine, Engine];
  const [first, second] = [await listen(one, ["a"]), await listen(one, ["a"])];
  await cluster.said();
  cluster.hub.deaf.add(0);
  two.drop(first.connection.id);
  await cluster.said();
  cluster.hub.lose(0);
  cluster.hub.deaf.clear();
  await cluster.pass(2_000);
  assertEquals(first.closed?.[0], "kicked");
  two.drop(second.connection.id, "kicked", 0);
  await cluster.pass(1_000);
  const { key } = second.connection;
  const again = await listen(one, ["a"], { key });
  cluster.add();
  await cluster.pass(5_000);
  assertEquals([second.closed?.[0], again.closed], ["kicked", undefined]);
});

test("another node's connection is reclaimed by its own subject only", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const identity = { subject: "ann" };
  const { connection: { key } } = await listen(one, ["a"], { identity });
  await cluster.said();
  const bob = { subject: "bob" };
  assertEquals(await codeOf(listen(two, ["a"], { key })), "forbidden");
  const asBob = listen(two, ["a"], { key, identity: bob });
  assertEquals(await codeOf(asBob), "forbidden");
  await listen(two, ["a"], { key, identity });
});

test("a message with an idempotency key is published once, at whatever nodes", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const recorder = await listen(one, ["a"]);
  const ids = [
    await one.publish("a", 1, { key: "k" }),
    await two.publish("a", 1, { key: "k" }),
  ];
  await turn();
  assertEquals([ids[0], data(recorder)], [ids[1], [1]]);
});

test("what nodes tell each other reaches no client and no message listener", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const heard: string[] = [];
  one.on("message", ({ log }) => void heard.push(log));
  const recorder = await listen(one, ["**"]);
  await listen(two, ["a"]);
  await cluster.pass(10_000);
  await two.publish("a", 1);
  await turn();
  assertEquals([heard, data(recorder)], [["a"], [1]]);
  assertEquals(one.channels, ["a"]);
});

test("who waits for an answer of another node is told when this one is closed", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const watched = await watch(cluster, one, ["b"]);
  cluster.freeze(two);
  const sent = codeOf(one.sendTo("nobody", "x", 1));
  await cluster.said();
  cluster.hub.away = true;
  const watching = codeOf(listen(one, ["a"], { watch: true }));
  await turn();
  // What is read first keeps it waiting until the node is closed.
  const { key } = watched.connection;
  const more = { watch: true, since: "earliest", key };
  const late = codeOf(listen(one, ["late"], more));
  const closing = one.close();
  const codes = await Promise.all([sent, watching, late]);
  assertEquals(codes, ["shutdown", "shutdown", "shutdown"]);
  await cluster.pass(2_000);
  await closing;
  assertEquals(watched.closed?.[0], "shutdown");
});

test("what is not of a node in what nodes tell each other is told, and changes nothing", async () => {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const watcher = await watch(cluster, one, ["a"]);
  const stranger = cluster.hub.backplane(2);
  const node = { node: "x", number: 1, time: 0 };
  const strange = [
    "not JSON",
    "null",
    "[]",
    "{}",
    JSON.stringify({ ...node, number: "1" }),
    JSON.stringify({ ...node, joined: [["id", 0, 0, 0]] }),
    JSON.stringify({ ...node, lists: [["a"]], joined: [["id", 1, 0, 0]] }),
    JSON.stringify({ ...node, lists: [[1]], joined: [["id", 0, 0, 0]] }),
    JSON.stringify({ ...node, joined: 1 }),
    JSON.stringify({ ...node, nodes: [null] }),
    JSON.stringify({ ...node, drop: [null] }),
    JSON.stringify({ ...node, answers: [1] }),
  ];
  for (const data of strange) {
    await stranger.publish({ log: NODES, channel: NODES, data, time: 0 });
  }
  assertEquals(cluster.errors.length, 2 * strange.length);
  const log = "$presence/b";
  for (const data of ["not JSON", "null"]) {
    await stranger.publish({ log, channel: "b", data, time: 0, meta: "join" });
  }
  assertEquals(cluster.errors.length, 2 * (strange.length + 2));
  const { connection } = await listen(two, ["a"]);
  await cluster.pass(60_000);
  assertEquals(seen(watcher).at(-1), `+${connection.id}`);
  assertEquals(present(cluster, "a").map(({ length }) => length), [2, 2]);
});

test("a backplane that reaches one process only carries no roster", async () => {
  const cluster = new Cluster();
  const backplane = { ...cluster.hub.backplane(0), local: true };
  const engine = cluster.add({ backplane });
  const recorder = await listen(engine, ["a"]);
  await cluster.pass(10_000);
  assertEquals(cluster.hub.frames, []);
  assertEquals(await codeOf(engine.sendTo("nobody", "x", 1)), "not_found");
  assert(engine.drop(recorder.connection.id));
});
