/** `since=earliest` on a node that has little of it itself. */
import { assertEquals } from "@std/assert";
import type { Connection } from "../src/connection.ts";
import { createEngine } from "../src/engine.ts";
import { HandBackplane } from "./hand_backplane.ts";
import { manualClock, test, turn } from "./harness.ts";
import { Recorder } from "./recorder.ts";

const EARLIEST = { channels: ["a", "b"], since: "earliest" };

/** A node that starts with an order of `logs` behind it, all of it readable. */
async function late(...logs: string[]) {
  const backplane = new HandBackplane();
  for (const log of logs) backplane.add(log);
  const engine = createEngine({ clock: manualClock(), preload: 0, backplane });
  await engine.ready();
  return { backplane, engine };
}

/** What a connection gets that comes when all reads have been answered. */
async function got(backplane: HandBackplane, connecting: Promise<Connection>) {
  await backplane.answerAll();
  return new Recorder(await connecting).got;
}

test("earliest has what the feed loses while it is read", async () => {
  const { backplane, engine } = await late("a", "b");
  const connecting = engine.connect(EARLIEST);
  await turn();
  backplane.add("a");
  backplane.add("b");
  backplane.listener!.lost(4);
  assertEquals(await got(backplane, connecting), [1, 2, 3, 4]);
});

test("earliest has what is held of the order that begins while another is read", async () => {
  const { backplane, engine } = await late("a", "b");
  const connecting = engine.connect(EARLIEST);
  await turn();
  // This node hears of it late, with all that has come by then.
  backplane.epoch = "e2";
  backplane.frames = [];
  backplane.add("a");
  backplane.listener!.epoch({ epoch: "e2", seq: backplane.seq });
  assertEquals(await got(backplane, connecting), [1]);
});

test("what earliest has read of one channel stays while another is read", async () => {
  const { backplane, engine } = await late("a", "b");
  const connecting = engine.connect(EARLIEST);
  await turn();
  const [a] = backplane.pending.splice(0, 1);
  assertEquals(a!.name, "a");
  a!.answer();
  await turn();
  // Nobody follows it yet: it might have to make room.
  const log = engine.node.logs.get("a")!;
  assertEquals(log.pins, 1);
  assertEquals(await got(backplane, connecting), [1, 2]);
  assertEquals(log.pins, 0);
});

test("earliest is refused where the backplane does not answer, and keeps nothing", async () => {
  const { backplane, engine } = await late("a");
  engine.on("error", () => {});
  const connecting = engine.connect(EARLIEST).then(
    () => "let in",
    ({ code }) => code,
  );
  await turn();
  for (const read of backplane.pending.splice(0)) read.fail();
  await turn();
  assertEquals(await connecting, "unavailable");
  assertEquals(engine.node.logs.get("a")?.pins ?? 0, 0);
});
