/** What the file of the SQLite backplane may hold, and how it gives room back. */
import { assert, assertEquals } from "@std/assert";
import { statSync } from "node:fs";
import type { Backplane } from "../../src/backplane.ts";
import { draft } from "../ear.ts";
import { test } from "../harness.ts";
import { Folder } from "./files.ts";

/** What of `log` is held, and its floor. */
async function held(backplane: Backplane, log: string) {
  const { frames, floor } = await backplane.read!(log, 0, 10_000);
  return { seqs: frames.map(({ seq }) => seq), floor };
}

/** Publishes `count` messages of about `size` bytes, `batch` at a time. */
async function publishMany(
  backplane: Backplane,
  { count = 100, size = 0, batch = 100, logs = 1 },
): Promise<void> {
  const data = JSON.stringify("x".repeat(size));
  for (let sent = 0; sent < count; sent += batch) {
    await Promise.all(Array.from({ length: batch }, (_, i) => {
      const log = `log/${(sent + i) % logs}`;
      return backplane.publish(draft({ log, channel: log, data }));
    }));
  }
}

test("a log keeps as many messages as it may, and an eighth more at most", async () => {
  using folder = new Folder();
  const backplane = folder.open({ history: { frames: 80 } });
  for (let i = 0; i < 500; i++) {
    await publishMany(backplane, { count: 1, batch: 1 });
    const { seqs, floor } = await held(backplane, "log/0");
    assert(seqs.length >= Math.min(i + 1, 80) && seqs.length <= 90);
    assertEquals([seqs[0], seqs.at(-1)], [floor + 1, i + 1]);
  }
  await backplane.close();
});

test("a log keeps as many bytes as it may, and its newest message in any case", async () => {
  using folder = new Folder();
  const backplane = folder.open({ history: { bytes: 50_000 } });
  await publishMany(backplane, { count: 100, size: 1_000 });
  const { seqs, floor } = await held(backplane, "log/0");
  assert(seqs.length > 40 && seqs.length < 50, `${seqs.length}`);
  assertEquals(seqs[0], floor + 1);
  await publishMany(backplane, { count: 1, batch: 1, size: 200_000 });
  assertEquals(await held(backplane, "log/0"), { seqs: [101], floor: 100 });
  await backplane.close();
});

test("what is too old goes as other messages come, whatever their log", async () => {
  using folder = new Folder();
  const backplane = folder.open({ history: { age: 1_000 } });
  const at = (time: number, log: string) =>
    backplane.publish(draft({ time, log }));
  await at(5_000, "a");
  await at(5_900, "b");
  await at(5_950, "a");
  await at(6_000, "c");
  assertEquals((await held(backplane, "a")).seqs, [1, 3], "not older than 1 s");
  await at(6_940, "c");
  assertEquals(await held(backplane, "a"), { seqs: [3], floor: 1 });
  assertEquals(await held(backplane, "b"), { seqs: [], floor: 2 });
  const tops = await backplane.tops!();
  assertEquals([new Map(tops.tops), tops.floor], [
    new Map([["a", 3], ["c", 5]]),
    2,
  ]);
  assertEquals((await held(backplane, "b/again")).floor, 2);
  await at(6_950, "b");
  assertEquals(await held(backplane, "b"), { seqs: [6], floor: 2 });
  await backplane.close();
});

test("all logs together keep the newest of what they may take", async () => {
  using folder = new Folder();
  const backplane = folder.open({ size: 200_000 });
  await publishMany(backplane, { count: 1_000, size: 1_000, logs: 20 });
  let frames = 0;
  const { seq } = await backplane.top();
  const { floor } = await backplane.tops!();
  for (let i = 0; i < 20; i++) {
    const { seqs, floor: own } = await held(backplane, `log/${i}`);
    frames += seqs.length;
    assert(own <= floor && seqs[0]! > floor, "nothing above the floor is gone");
  }
  assertEquals(frames, seq - floor);
  assert(frames > 150 && frames < 200, `${frames}`);
  await backplane.close();
});

test("the file stops growing when its bounds are reached, and gives room back", async () => {
  using folder = new Folder();
  let backplane = folder.open({ size: 2_000_000 });
  await publishMany(backplane, { count: 5_000, size: 1_000, logs: 50 });
  await backplane.close();
  const full = statSync(folder.file()).size;
  assert(full < 5_000_000, `${full}`);
  backplane = folder.open({ size: 200_000 });
  await publishMany(backplane, { count: 3_000, size: 100, batch: 20 });
  await backplane.close();
  const small = statSync(folder.file()).size;
  assert(small < full / 2, `${full}, then ${small}`);
});

test("bounds that have become smaller count at once, however many messages lie there", async () => {
  using folder = new Folder();
  let backplane = folder.open({ history: { frames: 2_000 } });
  await publishMany(backplane, { count: 2_000 });
  await backplane.close();
  backplane = folder.open({ history: { frames: 10 } });
  // A bounded number goes with each commit.
  for (let i = 0; i < 10; i++) {
    await publishMany(backplane, { count: 1, batch: 1 });
  }
  assert((await held(backplane, "log/0")).seqs.length <= 11);
  await backplane.close();
});
