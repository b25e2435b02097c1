/** One flush per turn of the event loop, in slices (decision 5). */
import { assert, assertEquals } from "@std/assert";
import { Flush, MANY, SLICE, TOGETHER } from "../src/flush.ts";
import { type Follower, Log } from "../src/log.ts";
import { test, turn } from "./harness.ts";
import { frameOf } from "./recorder.ts";

const bounds = { frames: 10, bytes: 1_000_000, age: 1_000 };

/** A flush, the logs of its host, and what it said. */
class Bench {
  applied = 0;
  turns = 0;
  readonly completed: [name: string, passed: number][] = [];
  /** When what each pass brought was published. */
  readonly since: (number | undefined)[] = [];
  readonly flush = new Flush(this);
  readonly served: string[] = [];
  readonly failed: unknown[] = [];
  /** What waits for a moment. */
  readonly waiting: (() => void)[] = [];

  turn(): void {
    this.turns++;
  }

  passed(log: Log, since?: number): void {
    this.since.push(since);
    this.completed.push([log.name, log.passed]);
  }

  schedule(callback: () => void, delay: number): void {
    assertEquals(delay, TOGETHER);
    this.waiting.push(callback);
  }

  fail(error: unknown): void {
    this.failed.push(error);
  }

  /** That moment passes, and a turn. */
  async moment(): Promise<void> {
    for (const callback of this.waiting.splice(0)) callback();
    await turn();
  }

  /** A log with `count` followers that say when they are served. */
  log(name: string, count = 1, then: () => void = () => {}): Log {
    const log = new Log(name, bounds, 0);
    for (let i = 0; i < count; i++) {
      const follower: Follower = {
        flush: () => {
          this.served.push(name);
          then();
        },
      };
      log.followers.add(follower);
    }
    return log;
  }

  publish(log: Log): void {
    log.append(frameOf(++this.applied));
    this.flush.mark(log, 1_000 * this.applied);
  }
}

test("a flush comes after the turn, once for all that was published in it", async () => {
  const bench = new Bench();
  const log = bench.log("a", 3);
  for (let i = 0; i < 5; i++) bench.publish(log);
  await Promise.resolve();
  assertEquals(bench.served, [], "not within the turn");
  await turn();
  assertEquals(bench.served, ["a", "a", "a"]);
  assertEquals([bench.turns, bench.completed], [1, [["a", 5]]]);
  await turn();
  assertEquals(bench.served.length, 3, "and no more");
});

test("a flush serves the logs in the order in which they were marked", async () => {
  const bench = new Bench();
  const [a, b] = [bench.log("a"), bench.log("b")];
  bench.publish(b);
  bench.publish(a);
  bench.publish(b);
  await turn();
  assertEquals(bench.served, ["b", "a"]);
  assertEquals(bench.completed, [["b", 3], ["a", 3]]);
});

test("a pass is told when the first message of what it brings was published", async () => {
  const bench = new Bench();
  const [a, b] = [bench.log("a"), bench.log("b")];
  for (const log of [a, a, b]) bench.publish(log);
  await turn();
  bench.publish(a);
  await turn();
  assertEquals(bench.since, [1_000, 3_000, 4_000]);
});

test("a log is unmarked before its pass: what comes meanwhile is another pass", async () => {
  const bench = new Bench();
  let published = false;
  const log = bench.log("a", 2, () => {
    if (published) return;
    published = true;
    bench.publish(log);
  });
  bench.publish(log);
  assert(log.dirty);
  await turn();
  await turn();
  // The one served first is served again, without another publish.
  assertEquals(bench.served, ["a", "a", "a", "a"]);
  assertEquals(bench.completed, [["a", 1], ["a", 2]]);
  assert(!log.dirty);
});

test("many followers wait a moment for what else is published; few do not", async () => {
  const bench = new Bench();
  const [many, few] = [bench.log("many", MANY), bench.log("few", MANY - 1)];
  bench.publish(many);
  await turn();
  bench.publish(many);
  await turn();
  assertEquals([bench.served.length, bench.waiting.length], [0, 1]);
  await bench.moment();
  assertEquals([bench.served.length, bench.completed], [MANY, [["many", 2]]]);
  bench.publish(few);
  await turn();
  assertEquals([bench.served.length, bench.waiting], [2 * MANY - 1, []]);
});

test("where few are served, many do not wait any longer", async () => {
  const bench = new Bench();
  const [many, few] = [bench.log("many", MANY), bench.log("few")];
  bench.publish(many);
  bench.publish(few);
  await turn();
  assertEquals(bench.completed, [["many", 2], ["few", 2]]);
  await bench.moment();
  bench.publish(many);
  await bench.moment();
  assertEquals(bench.served.length, 2 * MANY + 1);
});

test("a flush lets others have their turn after 1,000 connections", async () => {
  assertEquals(SLICE, 1_000);
  const bench = new Bench();
  const log = bench.log("a", 2_500);
  bench.publish(log);
  await bench.moment();
  assertEquals([bench.served.length, bench.completed], [1_000, []]);
  assertEquals(log.passed, 0, "not all have been served");
  await turn();
  assertEquals(bench.served.length, 2_000);
  await turn();
  assertEquals([bench.served.length, bench.turns], [2_500, 3]);
  assertEquals(bench.completed, [["a", 1]]);
});

test("a slice counts the followers of all logs", async () => {
  const bench = new Bench();
  for (const name of ["a", "b", "c"]) bench.publish(bench.log(name, 400));
  await turn();
  const { length } = bench.served;
  assert(length > 800 && length <= SLICE, `${length} in one turn`);
  assertEquals(bench.completed.map(([name]) => name), ["a", "b"]);
  await turn();
  assertEquals(bench.served.length, 1_200);
});

test("a pass of slices is complete up to where it began, not where it ended", async () => {
  const bench = new Bench();
  const log = bench.log("a", 1_500);
  bench.publish(log);
  await bench.moment();
  bench.publish(log);
  await turn();
  await turn();
  await turn();
  assertEquals(bench.completed, [["a", 1], ["a", 2]]);
  assertEquals(bench.served.length, 3_000);
});

test("a follower that leaves during a pass is not served, one that comes is", async () => {
  const bench = new Bench();
  const log = bench.log("a", SLICE);
  const gone: Follower = { flush: () => void bench.served.push("gone") };
  const come: Follower = { flush: () => void bench.served.push("come") };
  log.followers.add(gone);
  bench.publish(log);
  await bench.moment();
  log.followers.delete(gone);
  log.followers.add(come);
  await turn();
  assertEquals(bench.served.slice(SLICE), ["come"]);
});

test("now() serves every follower within the turn", () => {
  const bench = new Bench();
  const log = bench.log("a", 1_500);
  bench.publish(log);
  bench.flush.now(log);
  assertEquals(bench.served.length, 1_500);
  assertEquals(bench.completed, [["a", 1]]);
});

test("now() in the middle of a pass leaves passed where it has come to", async () => {
  const bench = new Bench();
  const log = bench.log("a", 1_500);
  bench.publish(log);
  await bench.moment();
  bench.publish(log);
  bench.flush.now(log);
  assertEquals(log.passed, 2);
  await turn();
  assertEquals(log.passed, 2, "the older pass takes nothing back");
  await turn();
  await turn();
});

test("a follower that throws is told of, and the others are served", async () => {
  const bench = new Bench();
  let first = true;
  const log = bench.log("a", 3, () => {
    if (!first) return;
    first = false;
    throw new Error("by the first");
  });
  bench.publish(log);
  await turn();
  assertEquals([bench.served.length, bench.failed.length], [3, 1]);
  assertEquals(bench.completed, [["a", 1]]);
  first = true;
  bench.flush.now(log);
  assertEquals([bench.served.length, bench.failed.length], [6, 2]);
});
