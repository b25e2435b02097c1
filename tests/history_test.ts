/** Reading what a channel still holds, while its order goes on, is cut or ends. */
import { assertEquals } from "@std/assert";
import type { HistoryOptions } from "../src/channel.ts";
import { createEngine } from "../src/engine.ts";
import { HandBackplane } from "./hand_backplane.ts";
import { manualClock, test, turn } from "./harness.ts";
import { seqs } from "./recorder.ts";

/** A node that starts with an order of `logs` behind it, all of it readable. */
async function late(...logs: string[]) {
  const backplane = new HandBackplane();
  for (const log of logs) backplane.add(log);
  const engine = createEngine({ clock: manualClock(), preload: 0, backplane });
  await engine.ready();
  const history = async (options: HistoryOptions) => {
    const { frames, id, reset } = await engine.history("a", options);
    return [seqs(frames), id, reset];
  };
  return { backplane, engine, history };
}

for (const followed of [true, false]) {
  const circumstance = followed ? "that is followed" : "that nobody follows";

  test(`history() of a channel ${circumstance} tells of an order that ends meanwhile`, async () => {
    const { backplane, engine, history } = await late("a", "a");
    if (followed) await engine.connect({ channels: ["a"] });
    const answer = history({ since: "e1-1" });
    await turn();
    backplane.renew("e2");
    await backplane.answerAll();
    assertEquals(await answer, [[], "e2-0", true]);
  });

  test(`history() of a channel ${circumstance} has what the feed loses meanwhile`, async () => {
    const { backplane, engine, history } = await late("a", "a");
    if (followed) await engine.connect({ channels: ["a"] });
    const answer = history({ since: "e1-1" });
    await turn();
    backplane.add("a");
    backplane.add("b");
    backplane.listener!.lost(4);
    await backplane.answerAll();
    assertEquals(await answer, [[2, 3], "e1-4", false]);
  });
}

test("times rise strictly in what is read, up to what a node has heard itself", async () => {
  const { backplane, engine } = await late();
  const published = (log: string, time: number) => backplane.add(log, { time });
  // Two nodes published at once, each by its own clock.
  for (const [i, time] of [7, 9, 8, 9].entries()) published(`a/${i % 2}`, time);
  backplane.listener!.lost(4);
  backplane.listener!.frame(published("a/0", 8.5));
  const log = engine.node.logs.open("a/*");
  const read = engine.node.recovery.fill(log, 0);
  await backplane.answerAll();
  await read;
  const frames = [...log.after(0)];
  assertEquals(seqs(frames), [1, 2, 3, 4, 5]);
  assertEquals(frames.map(({ time }) => time), [7, 7.999, 8, 8.499, 8.5]);
});

test("history() looks again where an order ends while its place is asked for", async () => {
  const { backplane, history } = await late("a");
  const answer = history({ since: "e0-1" });
  backplane.renew("e2");
  await backplane.answerAll();
  assertEquals(await answer, [[], "e2-0", true]);
});

test("history() never answers with an id below since (O3)", async () => {
  const { backplane, history } = await late("a");
  backplane.add("a");
  const answer = history({ since: "e1-2" });
  await backplane.answerAll();
  assertEquals(await answer, [[], "e1-2", false], "another node was faster");
});

test("history() has nothing yet where this node has not reached the order (O3)", async () => {
  const { backplane, history } = await late("a");
  backplane.epoch = "e2";
  backplane.frames = [];
  backplane.add("a");
  const answer = history({ since: "e2-1" });
  await backplane.answerAll();
  assertEquals(await answer, [[], "e2-1", false]);
  backplane.listener!.epoch({ epoch: "e2", seq: 0 });
  backplane.add("a");
  backplane.bring(0);
  assertEquals(await history({ since: "e2-1" }), [[2], "e2-2", false]);
});

test("history() never echoes an id that is not ours (O3)", async () => {
  const { backplane, history } = await late("a");
  const answer = history({ since: "gone", limit: 0 });
  await backplane.answerAll();
  assertEquals(await answer, [[], "e1-0", true]);
});

test("history() holds what it has read until it is answered, and no longer", async () => {
  const { backplane, engine } = await late("a", "a", "a", "a");
  engine.channel("a", { history: { frames: 2 } });
  const answer = engine.history("a", { since: "e1-2" });
  await turn();
  for (const data of ["5", "6"]) {
    backplane.publish({ log: "a", channel: "a", data, time: 1_000_000 });
  }
  await backplane.answerAll();
  const { frames, reset } = await answer;
  assertEquals([seqs(frames), reset], [[3, 4, 5, 6], false]);
  assertEquals(engine.node.logs.get("a")!.length, 2);
});
