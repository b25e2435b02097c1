/** One reader and those who listen to it, each from its own place. */
import { assertEquals } from "@std/assert";
import { Fan } from "../../src/backplane/fan.ts";
import type { Frame } from "../../src/frame.ts";
import { Ear } from "../ear.ts";
import { test, turn } from "../harness.ts";
import { frameOf } from "../recorder.ts";

/** A fan over frames 1 to `top` of `e1`; `from` is the first that is still held. */
function fanOver(top: number, from = 1) {
  const asked: number[] = [];
  let reachable = true;
  const fan = new Fan(({ seq }, limit) => {
    asked.push(seq);
    if (!reachable) return Promise.reject(new Error("out of reach"));
    const frames: Frame[] = [];
    for (let next = Math.max(seq + 1, from); next <= top; next++) {
      if (frames.length < limit) frames.push(frameOf(next));
    }
    return Promise.resolve(frames);
  });
  return { fan, asked, reach: (can: boolean) => void (reachable = can) };
}

test("a fan tells who comes before the reader of the order as soon as it begins", () => {
  const { fan } = fanOver(5);
  const ear = new Ear();
  fan.add(undefined, ear);
  assertEquals(ear.epochs, []);
  fan.begin({ epoch: "e1", seq: 5 });
  fan.frame(frameOf(6));
  assertEquals([ear.epochs, ear.seqs], [[{ epoch: "e1", seq: 5 }], [6]]);
});

test("a fan places newcomers at the newest that was published from here", () => {
  const { fan } = fanOver(5);
  fan.begin({ epoch: "e1", seq: 5 });
  fan.heard({ epoch: "e1", seq: 7 });
  const ear = new Ear();
  fan.add({ epoch: "other", seq: 3 }, ear);
  for (const seq of [6, 7, 8]) fan.frame(frameOf(seq));
  assertEquals([ear.epochs, ear.seqs], [[{ epoch: "e1", seq: 7 }], [8]]);
});

test("a fan reads the past for who comes from there, then goes on", async () => {
  const { fan } = fanOver(5);
  fan.begin({ epoch: "e1", seq: 5 });
  const ear = new Ear();
  fan.add({ epoch: "e1", seq: 2 }, ear);
  // While that is read, the reader goes on.
  fan.frame(frameOf(6));
  await ear.hears(5);
  await turn();
  fan.frame(frameOf(7));
  assertEquals(ear.frames.map(({ seq }) => seq), [3, 4, 5, 7]);
  assertEquals(ear.lostUpTo, [6], "which the past did not hold either");
});

test("a fan reads the past of somebody far behind in pages", async () => {
  const { fan, asked } = fanOver(1_300);
  fan.begin({ epoch: "e1", seq: 1_300 });
  const ear = new Ear();
  fan.add({ epoch: "e1", seq: 0 }, ear);
  await ear.hears(1_300);
  assertEquals(asked, [0, 512, 1_024]);
  assertEquals(
    ear.frames.map(({ seq }) => seq),
    [...Array(1_300)].map((_, i) => i + 1),
  );
});

test("a fan says what of the past is no longer held", async () => {
  const { fan } = fanOver(5, 4);
  fan.begin({ epoch: "e1", seq: 5 });
  const ear = new Ear();
  fan.add({ epoch: "e1", seq: 1 }, ear);
  await ear.hears(5);
  assertEquals([ear.lostUpTo, ear.seqs], [[3], [4, 5]]);
});

test("a fan tries again where the past was out of reach, and nobody else waits", async () => {
  const { fan, reach } = fanOver(7);
  fan.begin({ epoch: "e1", seq: 5 });
  reach(false);
  const [late, other] = [new Ear(), new Ear()];
  fan.add({ epoch: "e1", seq: 3 }, late);
  fan.add(undefined, other);
  await turn();
  fan.frame(frameOf(6));
  assertEquals([late.seqs, other.seqs], [[], [6]]);
  reach(true);
  fan.frame(frameOf(7));
  await late.hears(7);
  assertEquals(late.seqs, [4, 5, 6, 7]);
});

test("a fan reads less at once where that much could not be read", async () => {
  const asked: number[] = [];
  const fan = new Fan(({ seq }, limit) => {
    asked.push(limit);
    if (limit > 200) return Promise.reject(new Error("too late"));
    const count = Math.min(limit, 300 - seq);
    return Promise.resolve(
      [...Array(count)].map((_, i) => frameOf(seq + i + 1)),
    );
  });
  fan.begin({ epoch: "e1", seq: 300 });
  const ear = new Ear();
  fan.add({ epoch: "e1", seq: 0 }, ear);
  await ear.hears(300);
  assertEquals([ear.seqs.length, ear.lostUpTo], [300, []]);
  assertEquals(asked, [512, 256, 128, 256, 128, 256, 128]);
});

test("a fan gives up a past whose order is over", async () => {
  const { fan } = fanOver(5);
  fan.begin({ epoch: "e1", seq: 5 });
  const ear = new Ear();
  fan.add({ epoch: "e1", seq: 2 }, ear);
  fan.begin({ epoch: "e2", seq: 0 });
  await turn();
  fan.frame(frameOf(1, { epoch: "e2" }));
  assertEquals(ear.epochs, [{ epoch: "e2", seq: 0 }]);
  assertEquals(ear.frames.map(({ epoch, seq }) => [epoch, seq]), [["e2", 1]]);
});

test("a fan tells everybody of a new order and of what was lost, once", () => {
  const { fan } = fanOver(5);
  const ears = [new Ear(), new Ear()];
  for (const ear of ears) fan.add(undefined, ear);
  fan.begin({ epoch: "e1", seq: 5 });
  fan.lost(8);
  fan.frame(frameOf(9));
  fan.begin({ epoch: "e2", seq: 2 });
  for (const ear of ears) {
    assertEquals(ear.lostUpTo, [8]);
    assertEquals(ear.epochs.map(({ epoch, seq }) => [epoch, seq]), [
      ["e1", 5],
      ["e2", 2],
    ]);
  }
});

test("a fan knows whether its reader lacks what was published from here", () => {
  const { fan } = fanOver(5);
  assertEquals(fan.misses, false);
  fan.begin({ epoch: "e1", seq: 5 });
  fan.heard({ epoch: "e1", seq: 6 });
  assertEquals([fan.misses, fan.known.seq], [true, 6]);
  fan.frame(frameOf(6));
  assertEquals(fan.misses, false);
  fan.heard({ epoch: "e2", seq: 1 });
  assertEquals([fan.misses, fan.known.epoch], [true, "e1"], "of another order");
});
