/** The one feed of a node: every message, in order, without holes (O1, O6). */
import { assertEquals } from "@std/assert";
import type { FeedListener } from "../src/backplane.ts";
import { Feed } from "../src/feed.ts";
import type { Frame } from "../src/frame.ts";
import { HandBackplane } from "./hand_backplane.ts";
import { test } from "./harness.ts";
import { frameOf } from "./recorder.ts";

/** A feed and what it told its host. */
function setup() {
  const backplane = new HandBackplane({ seq: 10 });
  const told: (string | number)[] = [];
  const feed: Feed = new Feed(backplane, {
    append: ({ seq }: Frame) => void told.push(`append ${seq}`),
    appended: () => void told.push(`at ${feed.applied}`),
    renewed: () => void told.push(`renewed ${feed.epoch}-${feed.applied}`),
    lost: (seq) => void told.push(`lost ${seq}`),
    begun: () => {},
  });
  feed.start();
  const listener = () => backplane.listener as FeedListener;
  /** What it was told since the last time. */
  const heard = () => told.splice(0);
  return { backplane, feed, listener, heard };
}

test("a feed begins with the present order", () => {
  const { backplane, feed, heard } = setup();
  assertEquals([feed.epoch, feed.applied], ["e1", 10]);
  assertEquals([heard(), backplane.asked], [["renewed e1-10"], [undefined]]);
});

test("a feed is applied only once a message lies in its logs (O2)", () => {
  const { feed, listener, heard } = setup();
  heard();
  listener().frame(frameOf(11));
  listener().frame(frameOf(12));
  assertEquals(heard(), ["append 11", "at 11", "append 12", "at 12"]);
  assertEquals(feed.applied, 12);
});

test("a feed drops repeats, and messages of another order", () => {
  const { feed, listener, heard } = setup();
  listener().frame(frameOf(11));
  heard();
  listener().frame(frameOf(11));
  listener().frame(frameOf(3));
  listener().frame(frameOf(12, { epoch: "e0" }));
  assertEquals([heard(), feed.applied], [[], 11]);
});

test("a feed asks again from where it is if a message is missing (O1)", async () => {
  const { backplane, feed, listener, heard } = setup();
  for (const log of ["a", "b", "a", "b"]) backplane.add(log);
  listener().frame(backplane.frames[0]!);
  heard();
  const former = listener();
  former.frame(backplane.frames[2]!);
  former.frame(backplane.frames[3]!);
  assertEquals([heard(), feed.applied], [[], 11], "nothing above the hole");
  await Promise.resolve();
  assertEquals(backplane.asked, [undefined, { epoch: "e1", seq: 11 }]);
  assertEquals(feed.applied, 14);
  heard();
  former.frame(frameOf(15));
  former.epoch({ epoch: "e0", seq: 1 });
  former.lost(99);
  assertEquals(heard(), [], "the former listener changes nothing");
});

test("a feed asks once, however many messages come after the hole", async () => {
  const { backplane, listener } = setup();
  for (const seq of [13, 14, 15]) listener().frame(frameOf(seq));
  await Promise.resolve();
  assertEquals(backplane.asked.length, 2);
});

test("a feed that is told of a loss goes on after it", () => {
  const { feed, listener, heard } = setup();
  heard();
  listener().lost(20);
  assertEquals([heard(), feed.applied], [["lost 20"], 20]);
  listener().lost(15);
  assertEquals(heard(), [], "that it has had");
  listener().frame(frameOf(21));
  assertEquals(feed.applied, 21);
});

test("a feed takes another order from where it begins (O6)", () => {
  const { feed, listener, heard } = setup();
  heard();
  listener().epoch({ epoch: "e2", seq: 3 });
  listener().frame(frameOf(4, { epoch: "e2" }));
  listener().frame(frameOf(11));
  assertEquals(heard(), ["renewed e2-3", "append 4", "at 4"]);
  assertEquals([feed.epoch, feed.applied], ["e2", 4]);
  listener().epoch({ epoch: "e2", seq: 9 });
  assertEquals([heard(), feed.applied], [[], 4], "the same is no other");
});

test("a feed that is stopped takes nothing, and does not ask again", async () => {
  const { backplane, feed, listener, heard } = setup();
  const last = listener();
  heard();
  last.frame(frameOf(13));
  feed.stop();
  await Promise.resolve();
  last.frame(frameOf(11));
  last.lost(20);
  last.epoch({ epoch: "e2", seq: 0 });
  assertEquals([heard(), backplane.asked.length], [[], 1]);
  assertEquals(backplane.listener, undefined);
});
