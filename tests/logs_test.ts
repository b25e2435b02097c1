/** All logs of an engine: which are held, and what is sure of the others (O4). */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Log } from "../src/log.ts";
import { Logs } from "../src/logs.ts";
import { test } from "./harness.ts";
import { frameOf, seqs } from "./recorder.ts";

const defaults = { frames: 100, bytes: 1_048_576, age: 1_000 };
const follower = { flush() {} };
/** What a message of these tests costs. */
const COST = 1_000 + 2 * frameOf(1).size;

/** Logs, and one order of messages into them. */
class Order {
  readonly logs: Logs;
  seq = 0;

  constructor(limits: { bytes?: number; logs?: number } = {}) {
    this.logs = new Logs(defaults, { bytes: 1e9, logs: 100, ...limits });
  }

  /** Publishes one message to each of these channels. */
  publish(...channels: string[]): void {
    for (const channel of channels) {
      const frame = frameOf(++this.seq, { log: channel });
      for (const log of this.logs.covering(channel)) {
        this.logs.append(log, frame);
        this.logs.trim(log, frame.time);
      }
    }
  }

  held(name: string): number[] | undefined {
    const log = this.logs.get(name);
    return log && seqs(log.after(0));
  }

  follow(name: string): Log {
    const log = this.logs.open(name);
    this.logs.follow(log, follower, this.seq);
    return log;
  }
}

test("open() makes a log once", () => {
  const { logs } = new Order();
  const log = logs.open("a");
  assertStrictEquals(logs.open("a"), log);
  assertStrictEquals(logs.get("a"), log);
  assertEquals(logs.get("b"), undefined);
});

test("channels() names channels, not patterns or the engine's own logs", () => {
  const order = new Order();
  order.publish("b", "a/c");
  order.logs.open("a/*");
  order.logs.open("$x", 0);
  assertEquals([...order.logs.channels()], ["b", "a/c"]);
});

test("configure() sets what one log may hold, the rest by default", () => {
  const order = new Order();
  order.logs.configure("later", { frames: 2 });
  order.publish("now", "now", "now");
  order.logs.configure("now", { frames: 1 });
  assertEquals(order.logs.open("later").bounds, { ...defaults, frames: 2 });
  order.publish("now", "later", "later", "later");
  assertEquals(order.held("now"), [4]);
  assertEquals(order.held("later"), [6, 7]);
});

test("covering() is the channel's log and those of the patterns that match", () => {
  const { logs } = new Order();
  for (const name of ["a/*", "**", "b/*", "a/b/**", "*"]) logs.open(name);
  const names = (channel: string) =>
    logs.covering(channel).map(({ name }) => name).sort();
  assertEquals(names("a/b"), ["**", "a/*", "a/b"]);
  assertEquals(names("a/b/c"), ["**", "a/b/**", "a/b/c"]);
  assertEquals(names("b"), ["*", "**", "b"]);
});

test("a pattern's log refers to what its channels hold, in the one order", () => {
  const order = new Order();
  order.publish("a/x", "b", "a/y", "a/x/deep");
  assertEquals(seqs(order.logs.open("a/*").after(0)), [1, 3]);
  assertEquals(seqs(order.logs.open("a/**").after(0)), [1, 3, 4]);
  order.publish("a/z", "b");
  assertEquals(order.held("a/*"), [1, 3, 5]);
});

test("a pattern's log begins where the last of its channels is complete (O4)", () => {
  const order = new Order();
  order.logs.configure("a/x", { frames: 1 });
  order.publish("a/y", "a/x", "a/y", "a/x", "a/y");
  const log = order.logs.open("a/*");
  assertEquals([log.floor, seqs(log.after(0))], [2, [3, 4, 5]]);
  assertEquals(order.logs.open("b/*").floor, 0, "of other channels, nothing");
});

test("a pattern's log begins above channels that were dropped whole (O4)", () => {
  const order = new Order();
  order.publish("a/x", "a/y", "a/y");
  order.logs.drop(order.logs.get("a/x")!);
  const log = order.logs.open("a/*");
  assertEquals([log.floor, seqs(log.after(0))], [1, [2, 3]]);
});

test("a log that is dropped leaves its name and floor behind (O4)", () => {
  const order = new Order();
  order.publish("a", "b", "a");
  order.logs.drop(order.logs.get("a")!);
  assertEquals(order.logs.get("a"), undefined);
  assertEquals(order.logs.floor, 0, "other names are as sure as before");
  assertEquals(order.logs.open("c").floor, 0);
  const again = order.logs.open("a");
  assertEquals([again.floor, again.length], [3, 0]);
});

test("the engine's floor is raised when a name is forgotten (O4)", () => {
  const order = new Order({ logs: 3 });
  // With `$all` there is room for two logs, and for three names.
  order.publish("a", "b", "c", "d", "e");
  assertEquals(order.logs.floor, 0);
  order.publish("f");
  assertEquals(order.logs.floor, 1, "`a` is forgotten");
  assertEquals(order.logs.open("never heard of").floor, 1);
  assertEquals(order.logs.floor, 2, "to open it has cost the name `b`");
  assertEquals(order.logs.open("d").floor, 4, "remembered");
});

test("a log that was empty leaves nothing to remember", () => {
  const { logs } = new Order();
  logs.drop(logs.open("a"));
  assertEquals(logs.open("a").floor, 0);
});

test("private logs leave no names behind, but one floor for all (O4)", () => {
  const order = new Order();
  const log = order.logs.open("$one", 2);
  order.logs.append(log, frameOf(7, { log: "$one" }));
  order.logs.drop(log);
  assertEquals([order.logs.privateFloor, order.logs.floor], [7, 0]);
  assertEquals(order.logs.open("$two", 5).floor, 5, "its own, if it is given");
});

test("logs beyond the number drop the least recently used one", () => {
  const order = new Order({ logs: 4 });
  order.publish("a", "b", "c", "a", "d");
  assertEquals([...order.logs.channels()].sort(), ["a", "c", "d"]);
  assertEquals(order.logs.open("b").floor, 2);
});

test("a log that is followed is never dropped to make room", () => {
  const order = new Order({ logs: 3 });
  order.follow("a");
  order.follow("b");
  assert(!order.logs.fits(1));
  order.publish("c", "d", "e");
  assertEquals([...order.logs.channels()].slice(0, 2), ["a", "b"]);
});

test("full is true only if nothing can make room", () => {
  const order = new Order({ logs: 2 });
  assert(order.logs.fits(1));
  order.publish("a");
  assert(order.logs.fits(1), "nobody follows `a`");
  const log = order.follow("a");
  assert(!order.logs.fits(1));
  order.logs.unfollow(log, follower);
  assert(order.logs.fits(1));
});

test("bytes beyond the limit drop logs that nobody follows, oldest first", () => {
  const order = new Order({ bytes: 3 * COST });
  order.publish("a", "b", "c", "d");
  assertEquals([...order.logs.channels()], ["b", "c", "d"]);
  assertEquals(order.logs.memory, 3 * COST);
  assertEquals(order.logs.open("a").floor, 1);
});

test("bytes beyond the limit drop a log's own frames if all are followed", () => {
  const order = new Order({ bytes: 3 * COST });
  const [a, b] = [order.follow("a"), order.follow("b")];
  order.publish("a", "a", "b");
  order.logs.append(b, frameOf(4, { log: "b" }));
  assert(order.logs.overflows(b));
  order.logs.trim(b, 4);
  assert(order.logs.overflows(b), "nothing above its last complete pass");
  b.passed = 4;
  order.logs.trim(b, 4);
  assertEquals([seqs(a.after(0)), seqs(b.after(0)), b.floor], [[1, 2], [4], 3]);
});

test("bytes beyond the limit are paid for by the largest log", () => {
  const order = new Order({ bytes: 4 * COST });
  const [a, b] = [order.follow("a"), order.follow("b")];
  order.publish("a", "a", "a", "b");
  a.passed = b.passed = 4;
  order.publish("b");
  assertEquals([order.held("a"), order.held("b")], [[2, 3], [4, 5]]);
});

test("configure() with a pattern bounds the channels it covers; the narrowest counts", () => {
  const order = new Order();
  order.publish("x/y/old");
  order.logs.configure("**", { frames: 4 });
  order.logs.configure("x/**", { frames: 3 });
  order.logs.configure("x/y/*", { frames: 2 });
  order.logs.configure("x/y/own", { frames: 1 });
  const names = ["a", "x/a", "x/y/a", "x/y/own", "x/y/old", "$id"];
  const frames = names.map((name) => order.logs.open(name, 0).bounds.frames);
  assertEquals(frames, [4, 3, 2, 1, 2, 100]);
});

test("bytes are counted through append, prepend, trim, drop and clear", () => {
  const order = new Order();
  const total = () => {
    let sum = order.logs.all.memory;
    for (const name of ["a", "b", "*"]) {
      sum += order.logs.get(name)?.memory ?? 0;
    }
    return sum;
  };
  order.logs.configure("a", { frames: 2 });
  order.publish("a", "b", "a", "a");
  assertEquals(order.logs.memory, total());
  order.logs.prepend(order.logs.get("a")!, [frameOf(1)], 0);
  assertEquals(order.logs.memory, total());
  order.logs.open("*");
  assertEquals(order.logs.memory, total());
  assert(order.logs.memory > 0);
  order.logs.age(10_000);
  assertEquals([order.logs.memory, total()], [0, 0]);
  order.publish("a", "b");
  order.logs.clear(9);
  assertEquals([order.logs.memory, total()], [0, 0]);
});

test("prepend() to a log that is no longer held counts nothing", () => {
  const order = new Order();
  order.publish("a");
  const log = order.logs.get("a")!;
  order.logs.drop(log);
  order.logs.prepend(log, [frameOf(1)], 0);
  assertEquals(order.logs.memory, 0);
});

test("age() drops what is too old, and logs that are empty and not followed", () => {
  const order = new Order();
  order.publish("a", "b");
  order.follow("b").passed = 2;
  order.logs.age(1_002);
  assertEquals([order.held("a"), order.held("b")], [undefined, [2]]);
  order.logs.age(1_003);
  assertEquals(order.held("b"), []);
  assertEquals(order.logs.open("a").floor, 1);
});

test("age() keeps a log that is being read", () => {
  const order = new Order();
  order.publish("a");
  order.logs.get("a")!.pins = 1;
  order.logs.age(10_000);
  assertEquals(order.held("a"), [1]);
});

test("follow() begins the passes of a log at the present", () => {
  const order = new Order();
  order.publish("a", "a");
  const log = order.follow("a");
  assertEquals(log.passed, 2);
  order.publish("a");
  order.logs.follow(log, { flush() {} }, order.seq);
  assertEquals(log.passed, 2, "the first follower may lack the third");
});

test("clear() leaves nothing of the former order (O6)", () => {
  const order = new Order();
  const followed = order.follow("a");
  order.publish("a", "b", "c");
  order.logs.drop(order.logs.get("c")!);
  order.logs.clear(40);
  assertEquals([...order.logs.channels()], ["a"]);
  assertEquals([followed.length, followed.floor], [0, 40]);
  for (const name of ["b", "c", "d"]) {
    assertEquals(order.logs.open(name).floor, 40);
  }
  assertEquals([order.logs.floor, order.logs.privateFloor], [40, 40]);
});
