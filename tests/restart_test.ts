/** A node that starts reads the recent past, so that clients resume from there (O5). */
import { assertEquals } from "@std/assert";
import type { Engine } from "../src/engine.ts";
import { Cluster } from "./hub.ts";
import { test, turn } from "./harness.ts";
import { Recorder } from "./recorder.ts";

/** A client of one node, and where it stood when that node was killed. */
async function setup() {
  const cluster = await Cluster.start(2);
  const [one, two] = cluster.engines as [Engine, Engine];
  const { connection } = new Recorder(await one.connect({ channels: ["a"] }));
  await cluster.said();
  const since = one.node.id;
  cluster.kill(one);
  for (const data of [1, 2]) await two.publish("a", data);
  await two.sendTo(connection.id, "x", 3);
  await two.publish("b", 4);
  /** It comes to a node that starts now. */
  const back = async (preload?: number) => {
    const engine = cluster.add(preload === undefined ? {} : { preload });
    const { key } = connection;
    const channels = ["a"];
    const recorder = new Recorder(
      await engine.connect({ key, since, channels }),
    );
    await turn();
    await turn();
    return { engine, recorder };
  };
  return { cluster, connection, back, since };
}

function data({ written }: Recorder): string[] {
  return written.flatMap((piece) =>
    "frames" in piece ? piece.frames.map(({ data }) => data) : []
  );
}

test("who resumes at a node that has just started is served from what it has read", async () => {
  const { cluster, back } = await setup();
  const { recorder } = await back();
  assertEquals([data(recorder), cluster.hub.reads], [["1", "2", "3"], []]);
});

test("what lies further back is read from the backplane, as ever", async () => {
  const { cluster, back, connection } = await setup();
  const { recorder } = await back(0);
  assertEquals(data(recorder), ["1", "2", "3"]);
  const read = [`$${connection.id}`, "$all", "a"];
  assertEquals(cluster.hub.reads.sort(), read.sort());
});

test("nothing of the past is news to those who listen to a node", async () => {
  const { cluster, back } = await setup();
  const { engine } = await back();
  const heard: string[] = [];
  engine.on("message", ({ data }) => void heard.push(data));
  await cluster.engines[1]!.publish("b", 5);
  assertEquals(heard, ["5"]);
});

test("what is sent to a client before it is back joins what was read", async () => {
  const { cluster, connection, since } = await setup();
  const engine = cluster.add();
  await cluster.engines[1]!.sendTo(connection.id, "x", 6);
  const { key } = connection;
  const recorder = new Recorder(
    await engine.connect({ key, since, channels: ["a"] }),
  );
  await turn();
  assertEquals(data(recorder), ["1", "2", "3", "6"]);
  assertEquals(cluster.hub.reads, []);
});

test("earliest brings nothing that was sent to a client alone (O10)", async () => {
  const { cluster, connection } = await setup();
  const engine = cluster.add();
  const { key } = connection;
  const recorder = new Recorder(
    await engine.connect({ key, since: "earliest", channels: ["a"] }),
  );
  await engine.sendTo(connection.id, "x", 7);
  await turn();
  assertEquals(data(recorder), ["1", "2", "7"]);
});
