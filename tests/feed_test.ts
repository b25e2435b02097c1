/** The one feed of a node: every message, in order, without holes (O1, O6). */
import { assertEquals } from "@std/assert";
import type { FeedListener } from "../src/backplane.ts";
import { Feed } from "../src/feed.ts";
import type { Frame } from "../src/frame.ts";
import { HandBackplane } from "./hand_backplane.ts";
import { test, turn } from "./harness.ts";
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

test("a feed raises a time that is not above the former one's", () => {
  const times: number[] = [];
  const backplane = new HandBackplane();
  const feed: Feed = new Feed(backplane, {
    append: ({ time }: Frame) => void times.push(time),
    appended() {},
    renewed() {},
    lost() {},
    begun() {},
  });
  feed.start();
  for (const [i, time] of [7, 7, 3, 7.5].entries()) {
    backplane.listener!.frame(frameOf(i + 1, { time }));
  }
  assertEquals(times, [7, 7.001, 7.002, 7.5]);
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

/** A feed over what is there already, which begins so many messages back. */
function late(held: number, preload: number, unreachable = false) {
  const backplane = new HandBackplane();
  backplane.unreachable = unreachable;
  for (let i = 0; i < held; i++) backplane.add("a");
  const told: string[] = [];
  const feed: Feed = new Feed(backplane, {
    append: ({ seq }) => void told.push(`append ${seq} in "${feed.epoch}"`),
    appended: () => {},
    renewed: () => void told.push(`renewed at ${feed.applied}`),
    lost: (seq) => void told.push(`lost ${seq}`),
    begun: () => void told.push(`begun at ${feed.epoch}-${feed.applied}`),
  }, preload);
  feed.start();
  return { backplane, feed, told };
}

test("a feed reads the recent past, and has no order until it has read it", async () => {
  const { backplane, feed, told } = late(5, 2);
  assertEquals(feed.epoch, "");
  await Promise.resolve();
  assertEquals(told, [
    "renewed at 3",
    'append 4 in ""',
    'append 5 in ""',
    "begun at e1-5",
  ]);
  assertEquals(backplane.asked, [{ epoch: "e1", seq: 3 }]);
});

test("a feed that shall read more than there is reads all", async () => {
  const { told } = late(2, 10);
  await Promise.resolve();
  assertEquals([told[0], told.at(-1)], ["renewed at 0", "begun at e1-2"]);
});

test("a feed begins at the present if nothing is there", async () => {
  for (const unreachable of [false, true]) {
    const { backplane, feed, told } = late(0, 10, unreachable);
    await turn();
    assertEquals(told, ["renewed at 0", "begun at e1-0"]);
    assertEquals([backplane.asked.at(-1), feed.epoch], [undefined, "e1"]);
  }
});

test("a feed reads the recent past though nobody could say at first what is there", async () => {
  const { backplane, feed, told } = late(5, 2, true);
  await turn();
  assertEquals(told, [
    "renewed at 3",
    'append 4 in ""',
    'append 5 in ""',
    "begun at e1-5",
  ]);
  assertEquals(backplane.asked, [undefined, { epoch: "e1", seq: 3 }]);
  feed.stop();
  assertEquals(backplane.listener, undefined);
});

test("a feed that is stopped before anybody says what is there does not begin", async () => {
  const { backplane, feed, told } = late(5, 2, true);
  // Here it is told at once; what it does of it comes a moment later.
  while (backplane.asked.length === 0) await Promise.resolve();
  feed.stop();
  await turn();
  assertEquals([told, feed.epoch, backplane.listener], [[], "", undefined]);
});

test("a feed whose past is lost, or of another order, begins there", async () => {
  const lost = late(5, 3);
  lost.backplane.bring = () => lost.backplane.listener?.lost(5);
  await Promise.resolve();
  assertEquals(lost.told, ["renewed at 2", "lost 5", "begun at e1-5"]);
  const other = late(5, 3);
  other.backplane.bring = () => other.backplane.renew("e2");
  await Promise.resolve();
  assertEquals(other.told, ["renewed at 2", "renewed at 0", "begun at e2-0"]);
});

test("a feed that is stopped before it knows where to begin does not begin", async () => {
  const { backplane, feed } = late(5, 3);
  feed.stop();
  await Promise.resolve();
  assertEquals([backplane.asked, feed.epoch], [[], ""]);
});
