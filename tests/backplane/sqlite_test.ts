/** The SQLite backplane: the contract, its turns, and how long it remembers keys. */
import { assertEquals, assertRejects } from "@std/assert";
import type { Backplane } from "../../src/backplane.ts";
import { createEngine } from "../../src/engine.ts";
import { backplaneContract } from "../backplane_contract.ts";
import { draft, Ear } from "../ear.ts";
import { test, turn } from "../harness.ts";
import { filePlace, Folder } from "./files.ts";

backplaneContract("sqlite()", filePlace, { keeps: true, lasts: true });

test("sqlite() delivers and answers a turn's messages together, after the turn", async () => {
  using folder = new Folder();
  const backplane = folder.open();
  const ear = new Ear();
  backplane.feed(undefined, ear);
  const answered: number[] = [];
  for (let i = 0; i < 3; i++) {
    const publishing = Promise.resolve(backplane.publish(draft()));
    publishing.then(({ seq }) => answered.push(seq));
  }
  await Promise.resolve();
  assertEquals([ear.seqs, answered], [[], []], "nothing is certain yet");
  await ear.hears(3);
  await turn();
  assertEquals([ear.seqs, answered], [[1, 2, 3], [1, 2, 3]]);
  await backplane.close();
});

test("sqlite() begins at 0 in a new file, and another file is another order", async () => {
  using folder = new Folder();
  const [one, two] = [folder.open(), folder.open({ path: folder.file("b") })];
  const [first, second] = [await one.top(), await two.top()];
  assertEquals([first.seq, second.seq], [0, 0]);
  assertEquals(first.epoch === second.epoch, false);
  await one.close();
  await two.close();
});

test("a feed is told of what every log has dropped, and brought the rest", async () => {
  using folder = new Folder();
  const backplane = folder.open({ history: { frames: 8 } });
  const start = await backplane.top();
  for (let i = 0; i < 20; i++) {
    await backplane.publish(draft({ log: i % 5 ? "busy" : "quiet" }));
  }
  const ear = new Ear();
  backplane.feed(start, ear);
  const kept = new Set<number>();
  for (const log of ["busy", "quiet"]) {
    const { frames } = await backplane.read!(log, 0, 20);
    for (const { seq } of frames) kept.add(seq);
  }
  assertEquals(ear.seqs, [...kept].sort((a, b) => a - b));
  for (const [i, seq] of ear.seqs.entries()) {
    const before = ear.seqs[i - 1] ?? 0;
    if (seq > before + 1) assertEquals(ear.lostUpTo.includes(seq - 1), true);
  }
  await backplane.close();
});

async function repeats(backplane: Backplane, key: string, time: number) {
  const { seq } = await backplane.publish(draft({ key, time }));
  return seq;
}

test("sqlite() forgets a key after keyAge ms, over restarts too", async () => {
  using folder = new Folder();
  const open = () => folder.open({ keyAge: 1_000 });
  let backplane = open();
  assertEquals(await repeats(backplane, "k", 5_000), 1);
  assertEquals(await repeats(backplane, "k", 5_999), 1);
  await backplane.close();
  backplane = open();
  assertEquals(await repeats(backplane, "k", 5_999), 1);
  assertEquals(await repeats(backplane, "k", 6_000), 2);
  assertEquals(await repeats(backplane, "k", 6_001), 2);
  await backplane.close();
});

test("sqlite() forgets the oldest keys beyond their number, and no others", async () => {
  using folder = new Folder();
  const backplane = folder.open({ keys: 2 });
  for (const key of ["a", "b", "c"]) await repeats(backplane, key, 1);
  assertEquals(await repeats(backplane, "c", 1), 3);
  assertEquals(await repeats(backplane, "b", 1), 2);
  assertEquals(await repeats(backplane, "a", 1), 4);
  await backplane.close();
});

test("sqlite() refuses to read when it is closed, and does not invent an answer", async () => {
  using folder = new Folder();
  const backplane = folder.open();
  await backplane.close();
  await assertRejects(() => backplane.read!("a", 0, 1));
  await assertRejects(() => backplane.tops!());
});

test("an engine on a file goes on where the former one ended", async () => {
  using folder = new Folder();
  const first = createEngine({ backplane: folder.open() });
  const since = await first.publish("news", "one");
  await first.publish("news", "two");
  await first.close();
  const second = createEngine({ backplane: folder.open() });
  await second.publish("news", "three");
  const history = await second.history("news", { since });
  assertEquals(history.frames.map(({ data }) => data), ['"two"', '"three"']);
  assertEquals(history.reset, false);
  await second.close();
});
